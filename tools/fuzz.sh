#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: tools/fuzz.sh MINUTES [TARGET...]
#
# Builds the fuzz targets (clang 14) and runs each, or those named (metadata_fields, say), for that long, one after the
# other. Prints executions and coverage of each. What it learns stays in build/fuzz/corpus and is used again; an input that
# crashes, hangs or leaks is kept in build/fuzz/crashes. Exit 1 where there was one, 2 for wrong usage.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ! ${1:-} =~ ^[0-9]+([.][0-9]+)?$ ]]; then
  echo "usage: tools/fuzz.sh MINUTES [TARGET...]" >&2
  exit 2
fi
seconds=$(awk -v minutes="$1" 'BEGIN { print int(minutes * 60) }')
shift

all=$(cd tests/fuzz && ls ./*_fuzz.cc | sed 's|./||; s|_fuzz.cc||')
for target in "$@"; do
  grep -qx -- "$target" <<< "$all" || { echo "no fuzz target $target; there are:" $all >&2; exit 2; }
done

cmake --preset fuzz > /dev/null
cmake --build --preset fuzz --target fuzzers

crashes=build/fuzz/crashes
logs=build/fuzz/logs
mkdir -p "$crashes" "$logs"
failed=0
printf '%-24s %12s %10s %9s\n' target executions coverage result
for target in ${*:-$all}; do
  corpus=build/fuzz/corpus/$target
  mkdir -p "$corpus"
  result=ok
  build/fuzz/tests/fuzz/"${target}_fuzz" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$crashes/$target-" "$corpus" "tests/fuzz/corpus/$target" \
    > "$logs/$target" 2>&1 || result=FAILED
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$target")
  coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$logs/$target" | tail -n 1)
  printf '%-24s %12s %10s %9s\n' "$target" "${executions:-0}" "${coverage:-0}" "$result"
  if [[ $result != ok ]]; then
    failed=1
    tail -n 20 "$logs/$target" >&2
    echo "the input is in $crashes, the whole output in $logs/$target" >&2
  fi
done
exit "$failed"
