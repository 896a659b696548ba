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
# Not with a limit on the size of files, which the coverage data would meet first.
ctest --preset coverage --parallel "$(nproc)" \
  --exclude-regex '^(package|end_to_end|source_rules|readme)|AFullDisk' >&2 || failed=1

reached=build/coverage/reached.json
gcovr --root . --filter lib/ --exclude-throw-branches --exclude-unreachable-branches --json "$reached" build/coverage/lib
echo "Lines"
gcovr --root . --add-tracefile "$reached"
echo
echo "Branches"
gcovr --root . --add-tracefile "$reached" --branches
if [[ -n "${failed:-}" ]]; then
  echo "coverage.sh: some tests failed; what they would have reached is missing above" >&2
  exit 1
fi
