#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/interop.sh [--smoke]
#
# Runs every cell of tests/interop: the official Java, Go and Python clients and a real broker against ours, from nothing:
# packages, clients and broker are fetched by name, then kept in build/interop. Prints the matrix and writes docs/interop.md
# and docs/interop.json anew. At most 30 minutes on a new machine with two processors. With --smoke the part that .ci/run has
# time for: prints how many cells there are by outcome, and docs/ stays as it is. Exit status: 0 if no cell failed.
set -euo pipefail
cd "$(dirname "$0")/.."

smoke=() keep=()
case "$*" in
  "") ;;
  --smoke) smoke=(--smoke) keep=(--keep) ;;
  *)
    sed -n '4s/^# //p' "$0" >&2
    exit 2
    ;;
esac

tools/install-deps.sh --interop
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/pulseal-interop.XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

python3 -B tests/interop/fetch.py >"$TMPDIR/fetched" &
fetching=$!
tools/build.sh release pulseal_program example_pulsar_client interop_crypto_cells
wait "$fetching"

failed=()
for cells in tests/interop/*_cells.py; do
  suite=$(basename "$cells" _cells.py)
  python3 -B "$cells" "${smoke[@]}" --output "$TMPDIR/$suite.json" || failed+=("$suite")
  [[ -s $TMPDIR/$suite.json ]] || { echo "interop.sh: no results of $cells" >&2; exit 1; }
done
python3 -B tests/interop/report.py "${keep[@]}" "$TMPDIR"/*.json
[[ ${#failed[@]} -eq 0 ]] || { echo "interop.sh: cells FAILED: ${failed[*]}" >&2; exit 1; }
