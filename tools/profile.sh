#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/profile.sh NAME COMMAND...
#
# Runs COMMAND and shows where its time goes: build/profile/NAME.svg is a flame graph, build/profile/NAME.txt the functions
# that took most. With perf where it works (samples of time), else with callgrind (instructions; slow, and without AVX-512).
# For example: tools/profile.sh decrypt build/release/bench/decrypt_bench --benchmark_filter=1024
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '4s/^# //p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
name=$1
shift
out=$root/build/profile
mkdir -p "$out"
data=$out/$name.data

if command -v perf >/dev/null && perf record --quiet --output="$data" true 2>/dev/null; then
  perf record --quiet --freq=2000 --call-graph=dwarf,16384 --output="$data" "$@"
  perf report --input="$data" --stdio --no-children --call-graph=none 2>/dev/null >"$out/$name.txt"
  perf script --input="$data" --fields=comm,ip,sym 2>/dev/null | "$root/tools/flame_graph.py" perf "$name" >"$out/$name.svg"
elif command -v valgrind >/dev/null; then
  valgrind --quiet --tool=callgrind --separate-callers=24 --compress-strings=no --compress-pos=no \
    --callgrind-out-file="$data" "$@"
  callgrind_annotate "$data" >"$out/$name.txt"
  "$root/tools/flame_graph.py" callgrind "$name" <"$data" >"$out/$name.svg"
else
  echo "profile.sh: perf doesn't work here and valgrind is missing; tools/install-deps.sh --ci installs it" >&2
  exit 3
fi
rm "$data"
echo "profile.sh: $out/$name.svg and $name.txt"
