#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/soak.sh MINUTES
#
# Builds build/release and runs producers, consumers, changes of keys and an attacker at once for that long (tests/soak).
# Ends with a summary, and with 1 where a message was lost, repeated or let in, a counter was wrong, or memory, descriptors
# or threads grew.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -eq 1 && $1 =~ ^[0-9]+([.][0-9]+)?$ ]] || { sed -n '4s/^# //p' "$0" >&2; exit 2; }

tools/build.sh release soak >&2
build/release/tests/soak/soak --minutes "$1"
