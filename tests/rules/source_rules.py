#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the sources' rules: who may include whom, locks that clang checks, a licence line in each file, no paths of somebody's
machine.

usage: source_rules.py SOURCE_DIR      prints FILE:LINE: what is wrong, and ends with 1 if anything is
"""
import re
import sys
from pathlib import Path

# What a public header may name besides the standard library and other public headers.
PUBLIC_ABSL = {"absl/status/status.h", "absl/status/statusor.h", "absl/types/span.h"}
OUR_FOLDERS = ("pulseal/", "lib/", "tools/", "bench/", "examples/", "tests/", "proto/")

# What "pulseal bench" compares with: lib/crypto itself is hidden in the shared library.
SEES_OPENSSL = ("lib/crypto/", "bench/", "tests/", "tools/pulseal/raw_aead.cc", "tools/pulseal/websocket_connection.cc")

# clang's -Wthread-safety checks lib/mutex.h's locks, and no others. Benchmarks and tests may do without.
LOCK = re.compile(r"\b(?:std::(?:\w*mutex|lock_guard|unique_lock|scoped_lock|shared_lock|condition_variable\w*)|absl::\w*Mutex\w*"
                  r"|pthread_(?:mutex|rwlock|spin|cond)_\w+)\b")
CHECKED_LOCKS = ("include/", "lib/", "tools/", "examples/")
OWN_LOCKS = ("lib/mutex.h", "examples/pulsar_client/transport.cc")  # where it's said why

SOURCE_SUFFIXES = {".h", ".cc", ".py", ".sh", ".cmake", ".proto", ".map"}
SKIPPED_FOLDERS = {"build", ".git", "__pycache__"}
MACHINE_PATH = re.compile(r"(?:(?<![\w.~$}>-])|(?<=-[IL]))/(?:" + "|".join(["ro" + "ot", "ho" + "me", "wo" + "rk", "Us" + "ers"]) + r")/")


def is_openssl(include):
    return include.startswith("openssl/")


def is_protobuf(include):
    return include.startswith(("google/protobuf/", "proto/")) or include.endswith(".pb.h")


def is_codec(include):
    return include in ("lz4.h", "lz4hc.h", "lz4frame.h", "zlib.h") or include.startswith(("zstd", "snappy"))


def is_standard(include):
    return "/" not in include and "." not in include


def violation(file, include):
    """Why `file` may not include `include` (both relative to the root or an include folder); None where it may."""
    in_ = file.startswith
    if is_openssl(include) and not in_(SEES_OPENSSL):
        return "only lib/crypto sees OpenSSL"
    if include == "intel-ipsec-mb.h" and not in_(("lib/crypto/", "bench/")):
        return "only lib/crypto sees libipsec-mb"
    if include.startswith("boost/") and not in_(("examples/", "tools/pulseal/websocket_connection.cc")):
        return "only the program's connections and the example client see Boost"
    if is_protobuf(include) and not in_(("tests/", "examples/pulsar_client/", "bench/textbook.cc")):
        return "only the tests see Protocol Buffers, the example of a client, and the textbook way"
    if is_codec(include) and not in_(("lib/framing/", "tests/")):
        return "only framing sees the codecs"
    if include.startswith("pulseal/framing/") and in_(("include/pulseal/", "lib/")):
        if not in_(("include/pulseal/framing/", "lib/framing/")):
            return "the core doesn't know framing"
    if in_("include/"):
        allowed = include.startswith("pulseal/") or is_standard(include) or include in PUBLIC_ABSL
        return None if allowed else "public headers name the standard library, absl::Status, StatusOr and Span only"
    if in_(("tools/", "examples/")):
        own = file.split("/")[0] + "/"
        allowed = ("pulseal/", own, "lib/mutex.h") if own == "tools/" else ("pulseal/", own)  # a header by itself
        if include.startswith(OUR_FOLDERS) and not include.startswith(allowed):
            return f"{own} includes public headers only"
    if in_("bench/") and include.startswith(OUR_FOLDERS) and not include.startswith(("pulseal/", "bench/", "lib/crypto/", "proto/")):
        return "bench/ includes public headers and lib/crypto only"
    if in_("lib/"):
        if include.startswith(("tools/", "bench/", "examples/", "tests/")):
            return "lib/ includes include/ and lib/ only"
        if include.startswith("lib/framing/") and not in_("lib/framing/"):
            return "the core doesn't know framing"
    seen_by_crypto = ("lib/crypto/", "lib/as_absl.h", "lib/status.h")
    if in_("lib/crypto/") and include.startswith("lib/") and not include.startswith(seen_by_crypto):
        return "lib/crypto knows the public headers, itself, lib/as_absl.h and lib/status.h"
    return None


def check_includes(file, lines):
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        why = match and violation(file, match[1])
        if why:
            yield number, f"includes {match[1]}: {why}"


def check_locks(file, lines):
    if not file.startswith(CHECKED_LOCKS) or file in OWN_LOCKS:
        return
    for number, line in enumerate(lines, 1):
        match = LOCK.search(line.split("//")[0])
        if match:
            yield number, f"{match[0]}: Mutex, MutexLock and CondVar of lib/mutex.h are what clang checks"


def check_licence(lines):
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]):
        yield 1, "no line SPDX-License-Identifier: Apache-2.0 at the top"


def check_machine_paths(lines):
    for number, line in enumerate(lines, 1):
        match = MACHINE_PATH.search(line)
        if match:
            yield number, f"a path of somebody's machine: {match[0]}"


def needs_licence(path):
    return path.suffix in SOURCE_SUFFIXES or path.name in ("CMakeLists.txt", "run") or path.name.endswith(".cmake.in")


def text_files(root):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if SKIPPED_FOLDERS.intersection(relative.parts) or not path.is_file() or path.is_symlink():
            continue
        try:
            yield path, str(relative), path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue


def problems(root):
    for path, relative, lines in text_files(root):
        found = list(check_machine_paths(lines))
        if needs_licence(path):
            found += check_licence(lines)
        if path.suffix in (".h", ".cc"):
            found += check_includes(relative, lines)
            found += check_locks(relative, lines)
        for number, what in found:
            yield f"{relative}:{number}: {what}"


def main():
    root = Path(sys.argv[1])
    found = list(problems(root))
    for problem in found:
        print(problem)
    checked = sum(1 for path, _, _ in text_files(root) if path.suffix in (".h", ".cc"))
    if checked < 50:
        print(f"only {checked} C++ files under {root}: is that the source folder?")
        return 1
    print(f"{checked} C++ files, {len(found)} problem(s)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
