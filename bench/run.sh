#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: bench/run.sh [--quick] [--no-clients] [--program-mib N]
#
# Builds, measures everything, and makes docs/performance.md with its plots and docs/performance/results.json, in about a
# quarter of an hour. Let the machine be idle. With --quick (two minutes, without the official clients) the same under
# build/performance, where nothing is committed from. --program-mib: how much the program produces and consumes (1024).
set -euo pipefail
cd "$(dirname "$0")/.."

pages=docs
for argument in "$@"; do
  case "$argument" in
    --quick) pages=build/performance ;;
    --no-clients | --program-mib | [0-9]*) ;;
    *)
      sed -n '4s/^# //p' "$0" >&2
      exit 2
      ;;
  esac
done

export PYTHONDONTWRITEBYTECODE=1
tools/install-deps.sh --bench
tools/build.sh release benchmarks pulseal_program
bench/measure.py "$@" build/release "$pages/performance/results.json"
bench/plots.py "$pages/performance/results.json" "$pages/performance"
bench/report.py "$pages/performance/results.json" "$pages/performance.md"
echo "run.sh: $pages/performance.md"
