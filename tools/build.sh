#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/build.sh PRESET [TARGET...]
#
# Configures build/PRESET where that hasn't been done since CMakePresets.json changed, with ccache where it is installed,
# and builds.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -ge 1 ]] || { sed -n '4s/^# //p' "$0" >&2; exit 2; }
preset=$1
shift

export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
configured=build/$preset/configured_presets.json  # build.ninja's age says nothing: ninja makes that one anew by itself
if [[ ! -f build/$preset/build.ninja ]] || ! cmp -s CMakePresets.json "$configured"; then
  launcher=()
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  cmake --preset "$preset" "${launcher[@]}"
  cp CMakePresets.json "$configured"
fi
targets=()
[[ $# -gt 0 ]] && targets=(--target "$@")
cmake --build --preset "$preset" "${targets[@]}"
