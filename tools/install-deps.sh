#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/install-deps.sh [--bench | --ci | --interop]
#
# Installs the Debian packages that building, testing and the demo need; with --ci also what the longer checks need, with
# --interop what tests/interop needs, with --bench what bench/run.sh needs. Prints what is missing before it installs it,
# uses sudo unless run by root, and does nothing where nothing is missing.
set -euo pipefail

packages=(
  build-essential cmake ninja-build pkg-config ccache
  libabsl-dev libssl-dev                             # the core library
  libisal-dev                                        # pulseal::framing
  liblz4-dev libsnappy-dev libzstd-dev zlib1g-dev    # its codecs
  libcli11-dev nlohmann-json3-dev                    # the program
  libboost-dev                                       # the program, and the example of a client
  libgtest-dev libgmock-dev libbenchmark-dev
  groff-base openssl python3 python3-cryptography    # the tests' independent checks
  libprotobuf-dev protobuf-compiler
  python3-lz4 python3-snappy python3-zstandard
)
bench_packages=(ca-certificates curl maven openjdk-17-jdk-headless python3-matplotlib python3-scipy)
ci_packages=(clang-14 clang-format-14 clang-tidy-14 doxygen gcovr libclang-rt-14-dev llvm-14 valgrind)
[[ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ]] || packages+=(libipsec-mb-dev)
interop_packages=(ca-certificates curl maven openjdk-17-jdk-headless python3-venv)

case "${1:-}" in
  "") ;;
  --bench) packages+=("${bench_packages[@]}") ;;
  --ci) packages+=("${ci_packages[@]}") ;;
  --interop) packages+=("${interop_packages[@]}") ;;
  *)
    sed -n '4s/^# //p' "$0" >&2
    exit 2
    ;;
esac

is_installed() { [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]; }

if ! command -v dpkg-query >/dev/null; then
  echo "install-deps.sh: this isn't Debian; going on with what is here. The build needs: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

echo "install-deps.sh: installing ${missing[*]}"
as_root=()
if [[ $EUID -ne 0 ]]; then
  command -v sudo >/dev/null || { echo "install-deps.sh: neither root nor sudo; install them yourself" >&2; exit 3; }
  as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --option DPkg::Lock::Timeout=300)
install=("${apt[@]}" install --yes --no-install-recommends "${missing[@]}")

# Package lists may be absent (a fresh container) or outdated (packages that are gone from the mirror): then they are
# fetched, and the installation is tried once more.
"${install[@]}" </dev/null >/dev/null 2>&1 && exit 0
"${apt[@]}" update </dev/null
"${install[@]}" </dev/null || { echo "install-deps.sh: could not install ${missing[*]}" >&2; exit 3; }
