#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/test.sh
#
# Installs what is missing, builds, and runs every test but the longer ones that .ci/run adds. Ends with a clear line and 0
# only if all passed.
set -euo pipefail
cd "$(dirname "$0")/.."

step="installing packages"
trap '[[ $? -eq 0 ]] || echo "test.sh: FAILED while $step"' EXIT
tools/install-deps.sh
step="building"
tools/build.sh release
step="testing"
ctest --preset release --label-exclude long --parallel "$(nproc)"
step="looking for secrets in what the tests printed"
tests/rules/output_secrets.py build/release/Testing/Temporary/LastTest.log
echo "test.sh: all tests passed"
