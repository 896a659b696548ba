#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: tools/fuzz.sh MINUTES [TARGET...]   fuzz all targets, or those named: MINUTES in total, shared out equally
#        tools/fuzz.sh --sums                what all rounds since the last --reset came to
#        tools/fuzz.sh --reset TARGET...     forget the rounds of those targets, because their code has changed
#
# Builds the targets (clang 14) and runs one after the other (a target is named after tests/fuzz/TARGET_fuzz.cc). Prints for
# each its minutes of processor time, its executions, and how many lines of lib/ it has reached, of those in the files of lib/
# that are linked into it; at the end, how many the targets have reached together. "Since reset" are the sums over all
# rounds: build/fuzz/rounds has a line for each. What is learnt stays in build/fuzz/corpus and is where the next round begins; an
# input that crashes, hangs or leaks is kept in build/fuzz/crashes. Exit 1 where there was one, 2 for wrong usage,
# 3 where a tool is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=build/fuzz/rounds  # target, seconds, executions, lines of lib/ reached, lines of lib/ linked in
profiles=build/fuzz/profiles
crashes=build/fuzz/crashes
logs=build/fuzz/logs

usage() { sed -n '4,6s/^# //p' "$0" >&2; exit 2; }

all=$(cd tests/fuzz && printf '%s\n' *_fuzz.cc | sed 's/_fuzz[.]cc$//')
check_targets() {
  local target
  for target in "$@"; do
    grep -qx -- "$target" <<< "$all" || { echo "fuzz.sh: no target $target; there are:" $all >&2; exit 2; }
  done
}

print_heading() { printf '%-24s %8s %13s %14s\n' "$1" minutes executions 'lines of lib/'; }

print_table() {  # of rounds; those of one target in one line
  awk '{ seconds[$1] += $2; executions[$1] += $3; reached[$1] = $4; linked[$1] = $5 }
       END {
         for (target in seconds) {
           share = linked[target] > 0 ? 100 * reached[target] / linked[target] : 0
           printf "%-24s %8.1f %13d %5d of %5d (%2d%%)\n", target, seconds[target] / 60, executions[target],
                  reached[target], linked[target], share | "sort"
         }
       }'
}

print_sums() {
  print_heading "since reset"
  touch "$rounds"
  print_table < "$rounds"
  awk -v lines="$(reached_by $all)" '{ seconds += $2; executions += $3 }
                                     END { print "all", seconds, executions, lines }' "$rounds" | print_table
}

# How many lines of lib/ the targets' last rounds reached together, and of how many.
reached_by() {
  local target programs=() found=()
  for target in "$@"; do
    [[ -f $profiles/$target ]] || continue
    programs+=(${programs:+-object} "build/fuzz/tests/fuzz/${target}_fuzz")
    found+=("$profiles/$target")
  done
  [[ ${#found[@]} -gt 0 ]] || { echo 0 0; return; }
  llvm-profdata-14 merge -o "$profiles/.merged.$$" "${found[@]}"
  # Of functions that have changed since a round it says that their figures are gone.
  llvm-cov-14 report "${programs[@]}" -instr-profile="$profiles/.merged.$$" "$PWD/lib" 2> /dev/null |
    awk '$1 == "TOTAL" { print $8 - $9, $8 }'
  rm "$profiles/.merged.$$"
}

fuzz() {  # fuzz TARGET SECONDS
  local target=$1 corpus=build/fuzz/corpus/$1 result=ok TIMEFORMAT='%U %S' times executions lines
  mkdir -p "$corpus"
  times=$({ time LLVM_PROFILE_FILE=$profiles/.$target build/fuzz/tests/fuzz/"${target}_fuzz" -max_total_time="$2" \
    -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$crashes/$target-" \
    "$corpus" "tests/fuzz/corpus/$target" > "$logs/$target" 2>&1; } 2>&1) || result=FAILED
  [[ $result != ok ]] || mv "$profiles/.$target" "$profiles/$target"  # a program that was stopped leaves an empty one
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$target")
  lines=$(reached_by "$target")
  echo "$target $(awk '{ print $1 + $2 }' <<< "$times") ${executions:-0} $lines" | tee -a "$rounds" | print_table
  [[ $result == ok ]] && return
  tail -n 20 "$logs/$target" >&2
  echo "$target FAILED: the input is in $crashes, the whole output in $logs/$target" >&2
  return 1
}

case "${1:-}" in
  --sums)
    [[ $# -eq 1 ]] || usage
    print_sums
    exit
    ;;
  --reset)
    [[ $# -gt 1 ]] || usage
    shift
    check_targets "$@"
    for target in "$@"; do sed -i "/^$target /d" "$rounds"; done
    exit
    ;;
esac
[[ ${1:-} =~ ^[0-9]+([.][0-9]+)?$ ]] || usage
minutes=$1
shift
check_targets "$@"
[[ $# -gt 0 ]] || set -- $all
seconds=$(awk -v minutes="$minutes" -v targets=$# 'BEGIN { print int(minutes * 60 / targets + 0.999) }')

command -v llvm-cov-14 > /dev/null || { echo "fuzz.sh: llvm-14 is missing; tools/install-deps.sh --ci installs it" >&2; exit 3; }
tools/build.sh fuzz fuzzers
mkdir -p "$profiles" "$crashes" "$logs"

failed=0
print_heading "this time"
for target in "$@"; do fuzz "$target" "$seconds" || failed=1; done
echo
print_sums
exit "$failed"
