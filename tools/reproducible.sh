#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/reproducible.sh
#
# Builds and installs the shared libraries and the program twice, from copies of the sources in folders of different names
# and lengths, without ccache, and compares what was installed byte by byte. Ends with 1 where anything differs. Minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -eq 0 ]] || { sed -n '4s/^# //p' "$0" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {  # build SOURCE BUILD INSTALLED
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory="$1"
  cmake -G Ninja -S "$1" -B "$2" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DPULSEAL_BUILD_TESTS=OFF \
    -DPULSEAL_BUILD_BENCH=OFF -DPULSEAL_BUILD_EXAMPLES=OFF >/dev/null
  cmake --build "$2"
  DESTDIR=$3 cmake --install "$2" --prefix /usr >/dev/null
}

build "$work/source" "$work/source/build" "$work/first"
build "$work/another/place/with a longer name" "$work/elsewhere" "$work/second"

different=0
while read -r file; do
  cmp "$work/first/$file" "$work/second/$file" || different=1
done < <(cd "$work/first" && find . -type f | sort)
diff <(cd "$work/first" && find . | sort) <(cd "$work/second" && find . | sort) || different=1
(cd "$work/first" && find . -type f \( -name '*.so.*' -o -path '*/bin/*' \) -exec sha256sum {} +)
[[ $different -eq 0 ]] || { echo "reproducible.sh: the two builds differ" >&2; exit 1; }
echo "reproducible.sh: both builds are the same, byte by byte"
