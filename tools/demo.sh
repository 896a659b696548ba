#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/demo.sh
#
# Records text that every Debian machine has, encrypted for two recipients, reads it back as each of them, and shows what a
# stranger gets. Installs and builds what is missing; works in a folder of its own and removes it.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -eq 0 ]] || { sed -n '4s/^# //p' "$0" >&2; exit 2; }

step="installing packages"
work=""
finish() {
  local status=$?
  [[ -z $work ]] || rm -rf "$work"
  [[ $status -eq 0 ]] || echo "demo.sh: FAILED while $step" >&2
}
trap finish EXIT

fail() {
  echo "demo.sh: $*" >&2
  exit 1
}

tools/install-deps.sh
step="building"
tools/build.sh release pulseal_program
PATH=$PWD/build/release/tools/pulseal:$PATH

work=$(mktemp -d)
cd "$work"

# What is about to run, as it would be typed.
show() { printf '$ %s\n' "$*"; }

seconds() { date +%s.%N; }

step="collecting text"
cat /usr/share/common-licenses/* /var/lib/dpkg/status > messages.txt 2>/dev/null || true
while [[ $(wc -l < messages.txt) -lt 50000 && -s messages.txt ]]; do
  cat messages.txt messages.txt > twice.txt
  mv twice.txt messages.txt
done
[[ -s messages.txt ]] || fail "no text: neither /usr/share/common-licenses nor /var/lib/dpkg/status can be read"
lines=$(wc -l < messages.txt)
bytes=$(wc -c < messages.txt)
echo "text: $lines lines, $bytes bytes, from /usr/share/common-licenses and /var/lib/dpkg/status"

step="making keys"
echo
for name in orders audit; do
  show pulseal keygen "$name"
  pulseal keygen "$name"
done
show pulseal keygen stranger --key-dir stranger
pulseal keygen stranger --key-dir stranger
for name in orders audit; do
  mkdir "$name"
  mv "keys/$name.private.pem" "$name/"
done

step="producing"
echo
show 'pulseal produce demo.topic --to orders --to audit < messages.txt'
began=$(seconds)
pulseal produce demo.topic --to orders --to audit < messages.txt
produced=$(seconds)
topic_bytes=$(wc -c < demo.topic)

step="looking for text in the topic file"
while read -r line; do
  ! grep --quiet --text --fixed-strings -- "$line" demo.topic || fail "a line of the text is in the topic file: $line"
done < <(grep --text -E '.{30}' messages.txt | sort -u | shuf -n 20)

for name in orders audit; do
  step="reading as $name"
  show "pulseal consume demo.topic --key-dir $name > $name.txt        # $name/ holds one private key, that of $name"
  consuming=$(seconds)
  pulseal consume demo.topic --key-dir "$name" > "$name.txt"
  consumed=$(seconds)
  cmp messages.txt "$name.txt" || fail "what $name read is not what was sent"
done

step="being refused as a stranger"
show 'pulseal consume demo.topic --key-dir stranger > stranger.txt'
status=0
pulseal consume demo.topic --key-dir stranger > stranger.txt || status=$?
[[ $status -eq 1 ]] || fail "the stranger's exit status is $status, not 1"
[[ ! -s stranger.txt ]] || fail "the stranger read something"

rate() { awk -v n="$lines" -v from="$1" -v to="$2" 'BEGIN { printf "%.2f s, %d messages a second", to - from, n / (to - from) }'; }
cat <<END

produced   $lines messages for orders and audit: $(rate "$began" "$produced")
           $topic_bytes bytes on disk; of 20 lines looked for in them, none is there
orders     read every message, byte for byte the same
audit      read every message, byte for byte the same: $(rate "$consuming" "$consumed")
stranger   read nothing, exit status 1
demo.sh: all of it worked
END
