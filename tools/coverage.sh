#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/coverage.sh [BUILD-JOBS]
#
# Builds build/coverage, runs the tests of the library (unit, fault, the fuzzers' regression inputs, the program), and
# prints which lines and branches of lib/ they reach, per file and in total. Branches that only an exception takes are
# left out: the compiler puts one behind every call that allocates.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -le 1 ]] || { sed -n '4s/^# //p' "$0" >&2; exit 2; }
command -v gcovr >/dev/null || { echo "coverage.sh: gcovr is missing; tools/install-deps.sh --ci installs it" >&2; exit 3; }

[[ $# -eq 0 ]] || export CMAKE_BUILD_PARALLEL_LEVEL=$1
tools/build.sh coverage >&2
find build/coverage -name '*.gcda' -delete
ctest --preset coverage --exclude-regex '^(package|demo|end_to_end|source_rules|readme)' >&2 || failed=1

summary=(gcovr --root . --filter 'lib/' --object-directory build/coverage --gcov-ignore-parse-errors
  --exclude-throw-branches --exclude-unreachable-branches)
echo "Lines"
"${summary[@]}" 
echo
echo "Branches"
"${summary[@]}" --branches
if [[ -n "${failed:-}" ]]; then
  echo "coverage.sh: some tests failed; what they would have reached is missing above" >&2
  exit 1
fi
