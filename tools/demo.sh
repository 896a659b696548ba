#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/demo.sh
#
# Records text that every Debian machine has, encrypted for two recipients; shows who can read it, what a stranger gets, how a
# message is read later and by a newcomer. Whatever it says it has compared. Installs and builds what is missing; works in a
# folder of its own and removes it.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -eq 0 ]] || { sed -n '4s/^# //p' "$0" >&2; exit 2; }

batch=50            # messages that are compressed and encrypted together
batches_per_key=80  # then the next data key takes over, as soon as it is ready

step="starting"
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

# begin STEP: what is said to have failed if something does.
begin() {
  step=$1
  printf '\n# %s\n' "$step"
}

# run STATUS COMMAND: shows the command as it would be typed, runs exactly that, and expects it to end with the status.
run() {
  local expected=$1 command=$2 status=0
  printf '$ %s\n' "$command"
  eval "$command" || status=$?
  [[ $status -eq $expected ]] || fail "exit status $status, not $expected: $command"
}

same() { cmp "$1" "$2" >&2 || fail "$3"; }
empty() { [[ ! -s $1 ]] || fail "$2"; }

# number NAME FILE: a number in what the program wrote with --json.
number() { grep -o "\"$1\":[0-9]*" "$2" | head -1 | grep -o '[0-9]*$' || fail "no $1 in $2"; }

seconds() { date +%s.%N; }
rate() { awk -v n="$lines" -v from="$1" -v to="$2" 'BEGIN { printf "%.2f s, %d messages a second", to - from, n / (to - from) }'; }

collect_text() {
  begin "collecting text"
  cat /usr/share/common-licenses/* /var/lib/dpkg/status > messages.txt 2>/dev/null || true
  [[ -s messages.txt ]] || fail "no text: neither /usr/share/common-licenses nor /var/lib/dpkg/status can be read"
  while [[ $(wc -l < messages.txt) -lt 50000 ]]; do
    cat messages.txt messages.txt > twice.txt
    mv twice.txt messages.txt
  done
  lines=$(wc -l < messages.txt)
  echo "$lines lines, $(wc -c < messages.txt) bytes, from /usr/share/common-licenses and /var/lib/dpkg/status"
}

# Everybody has a folder with all public keys and his own private key.
give_keys() {
  mkdir "$1"
  mv "keys/$1.private.pem" "$1/"
  cp keys/*.public.pem "$1/"
}

make_keys() {
  begin "making keys, RSA and EC"
  run 0 'pulseal keygen orders'
  run 0 'pulseal keygen audit --type p-256'
  run 0 'pulseal keygen stranger --type rsa-2048 --quiet'
}

check_keys() {
  begin "checking keys"
  run 0 'pulseal check keys/*.pem --json > checked.jsonl      # six files: three pairs that match'
  [[ $(grep -c '"other_half":' checked.jsonl) -eq 6 ]] || fail "not every half found its other half"
  mkdir mixed
  cp keys/orders.private.pem mixed/
  cp keys/stranger.public.pem mixed/orders.public.pem
  run 1 'pulseal check --quiet mixed/*.pem                    # the halves of two different pairs'
  for name in orders audit stranger; do give_keys "$name"; done
}

produce() {
  begin "recording: batches of $batch with zstd, a new data key after every $((batch * batches_per_key)) messages or so"
  began=$(seconds)
  run 0 "pulseal produce demo.topic --to orders --to audit --batch $batch --compression zstd \\
    --rotate-after-messages $batches_per_key --json < messages.txt > produced.json"
  produced=$(seconds)
  cat produced.json
  entries=$(number entries produced.json)
  [[ $(number messages produced.json) -eq $lines ]] || fail "not every line became a message"
  [[ $entries -eq $(((lines + batch - 1) / batch)) ]] || fail "$entries entries are not batches of $batch"
}

inspect() {
  begin "inspecting, without a key"
  run 0 'pulseal inspect demo.topic'
  pulseal inspect demo.topic --json > inspected.json
  data_keys=$(number data_keys inspected.json)
  [[ $(number encrypted_entries inspected.json) -eq $entries ]] || fail "not every entry is encrypted"
  [[ $data_keys -ge 3 ]] || fail "only $data_keys data keys: they don't rotate"
  [[ $(number rotations produced.json) -ge $((data_keys - 1)) ]] || fail "more data keys than rotations made"
}

# Compressed text could not be found even if it weren't encrypted, so this looks in a recording without compression.
look_for_text() {
  begin "looking for text in a topic file"
  grep --text -E '.{30}' messages.txt | sort -u | shuf -n 1000 > sample.txt
  run 0 'pulseal produce sample.topic --to orders < sample.txt'
  run 0 'grep --text --fixed-strings --file=sample.txt messages.txt > found.txt      # it finds them where they are'
  run 1 'grep --text --fixed-strings --file=sample.txt sample.topic'
}

read_as_recipients() {
  begin "reading as orders and as audit"
  for name in orders audit; do
    consuming=$(seconds)
    run 0 "pulseal consume demo.topic --key-dir $name > $name.txt"
    consumed=$(seconds)
    same messages.txt "$name.txt" "what $name read is not what was sent"
  done
}

refuse_stranger() {
  begin "refusing a stranger, under each of the three failure actions"
  run 1 'pulseal consume demo.topic --key-dir stranger > refused.txt'
  empty refused.txt "the stranger read something"
  run 0 'pulseal consume demo.topic --key-dir stranger --on-failure discard > discarded.txt'
  empty discarded.txt "the stranger read something"
  run 0 'pulseal consume demo.topic --key-dir stranger --on-failure consume --deliver-whole-batch \
    --format jsonl > kept.jsonl'
  [[ $(grep -c '"context":' kept.jsonl) -eq $entries ]] || fail "not every batch came with its context"
}

decrypt_later() {
  begin "decrypting later, from what the stranger kept"
  run 1 'sed -n 7p kept.jsonl | pulseal decrypt --key-dir stranger > still-closed.txt'
  empty still-closed.txt "the stranger read a batch"
  run 0 'sed -n 7p kept.jsonl | pulseal decrypt --key-dir audit > seventh.txt'
  sed -n "$((6 * batch + 1)),$((7 * batch))p" messages.txt > expected.txt
  same expected.txt seventh.txt "the seventh batch is not lines $((6 * batch + 1)) to $((7 * batch))"
}

payloads() { grep -o '"payload_base64":"[^"]*"' "$1"; }

rewrap() {
  begin "letting a newcomer read what was recorded before"
  run 0 'pulseal keygen newcomer --type p-384 --quiet'
  cp keys/newcomer.public.pem orders/
  give_keys newcomer
  run 1 'pulseal consume demo.topic --key-dir newcomer > too-early.txt'
  empty too-early.txt "the newcomer read something before rewrap"
  run 0 'pulseal rewrap demo.topic --key-dir orders --to orders --to newcomer --out shared.topic'
  for name in orders newcomer; do
    run 0 "pulseal consume shared.topic --key-dir $name > $name-shared.txt"
    same messages.txt "$name-shared.txt" "what $name read after rewrap is not what was sent"
  done
  pulseal consume shared.topic --key-dir stranger --on-failure consume --deliver-whole-batch --format jsonl \
    > shared.jsonl 2> shared.err || fail "$(cat shared.err)"
  same <(payloads kept.jsonl) <(payloads shared.jsonl) "rewrap changed a payload"
}

print_table() {
  cat <<END

recorded   $lines messages in $entries batches with zstd: $(rate "$began" "$produced")
           $(wc -c < messages.txt) bytes of text, $(wc -c < demo.topic) on disk; $data_keys data keys, each wrapped for both recipients
           in a recording without compression none of $(wc -l < sample.txt) lines of the text can be found
keys       each half fits its other half; mixed halves are found out, exit status 1
orders     rsa-3072: read every message, byte for byte the same
audit      p-256: read every message, byte for byte the same: $(rate "$consuming" "$consumed")
stranger   fail: nothing, exit status 1; discard: nothing, exit status 0; consume: $entries ciphertexts with context
later      audit read a kept ciphertext, byte for byte the same; the stranger could not
newcomer   p-384: nothing at first; after rewrap every message, byte for byte the same, and no payload changed
demo.sh: all of it worked
END
}

step="installing packages"
tools/install-deps.sh
step="building"
tools/build.sh release pulseal_program
PATH=$PWD/build/release/tools/pulseal:$PATH

work=$(mktemp -d)
cd "$work"
collect_text
make_keys
check_keys
produce
inspect
look_for_text
read_as_recipients
refuse_stranger
decrypt_later
rewrap
print_table
