#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: independent_reader_test.sh PULSEAL INDEPENDENT_READER
#
# What the program records for an RSA and an EC recipient is read by code that shares nothing with it.
set -euo pipefail
pulseal=$1 reader=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$pulseal" keygen rsa --type rsa-2048 > /dev/null
for curve in p-256 p-384 p-521; do "$pulseal" keygen "$curve" --type "$curve" > /dev/null; done
{ printf '\n'; seq 1 300; head -c 20000 /dev/zero | tr '\0' x; printf '\nbytes: \001\377\n'; } > messages
"$pulseal" produce topic --to rsa --to p-256 --to p-384 --to p-521 < messages
# A second run has another data key.
"$pulseal" produce topic --to rsa --to p-256 --to p-384 --to p-521 < messages
cat messages messages > expected

for name in rsa p-256 p-384 p-521; do
  /usr/bin/python3 "$reader" topic "$name" "keys/$name.private.pem" > read
  cmp expected read
  echo "$name: $(wc -l < read) messages"
done

# The reader must be able to fail: one flipped bit in the last payload.
size=$(stat --format=%s topic)
last=$(tail -c 1 topic | od -An -tu1)
printf "$(printf '\\%03o' $((last ^ 1)))" | dd of=topic bs=1 seek=$((size - 1)) conv=notrunc status=none
! /usr/bin/python3 "$reader" topic rsa keys/rsa.private.pem > /dev/null 2>&1 || { echo "a flipped bit passed"; exit 1; }
