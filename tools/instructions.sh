#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/instructions.sh [--record]
#
# Counts, with callgrind, what a message costs in instructions of our own: build/release, AES-GCM doing nothing. Fails where
# it is more than 3 % above tests/instructions/recorded.txt, in which each line is a processor, an operation and a number.
# --record writes the numbers of this processor there; a commit that raises one says why.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -eq 0 || ($# -eq 1 && $1 == --record) ]] || { sed -n '4s/^# //p' "$0" >&2; exit 2; }
command -v valgrind >/dev/null || { echo "instructions.sh: valgrind is missing; tools/install-deps.sh --ci installs it" >&2; exit 3; }

messages=1000
recorded=tests/instructions/recorded.txt
processor=$(uname -m)
tools/build.sh release counted_work >&2

count() {  # count OPERATION: instructions a message
  local out
  out=$(mktemp)
  valgrind --quiet --tool=callgrind --callgrind-out-file="$out" --collect-atstart=no --toggle-collect='*::Counted*' \
    build/release/tests/instructions/counted_work "$1" "$messages" >&2
  awk -v messages="$messages" '/^(summary|totals):/ { count = $2 } END { print int(count / messages) }' "$out"
  rm "$out"
}

failed=0
for operation in encrypt decrypt undecryptable; do
  now=$(count "$operation")
  [[ $now -gt 0 ]] || { echo "instructions.sh: nothing was counted" >&2; exit 1; }
  before=$(awk -v p="$processor" -v o="$operation" '$1 == p && $2 == o { print $3 }' "$recorded")
  if [[ ${1:-} == --record ]]; then
    sed -i "/^$processor $operation /d" "$recorded"
    echo "$processor $operation $now" >>"$recorded"
  elif [[ -z $before ]]; then
    echo "$operation: $now instructions a message; none are recorded for $processor"
  else
    echo "$operation: $now instructions a message; $before are recorded"
    [[ $((now * 100)) -le $((before * 103)) ]] || { echo "instructions.sh: that is more than 3 % above" >&2; failed=1; }
  fi
done
exit "$failed"
