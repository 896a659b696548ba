#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the program is hardened, and that the check sees each thing that one lacks.

usage: hardening_test.py PROGRAM [unittest arguments]
"""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import hardening

PROGRAM = sys.argv[1]
SOURCE = r"""
#include <cstdio>
#include <utility>
template <int N> __attribute__((noinline)) int One(int n) { return n ^ N; }
template <int... N> int All(std::integer_sequence<int, N...>, int n) { return (One<N>(n) + ...); }
__attribute__((noinline)) char Large(int n) { volatile char frame[20000]; frame[n] = 'x'; return frame[n / 2]; }
#ifdef TEXT_RELOCATION
__attribute__((used, noinline)) void Relocated() { asm("movabsq $main, %rax"); }
#endif
#ifdef WRITABLE_CODE
asm(".section .writable_code, \"awx\"\n.byte 0xc3\n.previous");
#endif
int main(int n, char**) {
  char text[64];
  return std::snprintf(text, 64, "%d", n) + All(std::make_integer_sequence<int, 200>(), n) + Large(n);
}
"""
HARD = ["-std=c++17", "-O2", "-fPIE", "-pie", "-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection=full",
        "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now,-z,noexecstack"]
LACKS = [
    (["-no-pie"], {"position-independent code", "marked as a position-independent program"}),
    (["-Wl,-z,norelro"], {"relocations that become read-only"}),
    (["-Wl,-z,lazy"], {"all functions looked up at the start"}),
    (["-DTEXT_RELOCATION", "-Wl,-z,notext"], {"code that needs no relocation"}),
    (["-Wl,-z,execstack"], {"a stack without code", "no memory both writable and executable"}),
    (["-DWRITABLE_CODE"], {"no memory both writable and executable"}),
    (["-fno-stack-protector"], {"canaries on the stack"}),
    (["-U_FORTIFY_SOURCE"], {"functions that check their bounds"}),
    (["-fcf-protection=none"], {"marked targets of indirect jumps"}),
    (["-fno-stack-clash-protection"], {"no step over the guard page below the stack"}),
]


class Hardening(unittest.TestCase):
    def missing(self, flags):
        with tempfile.TemporaryDirectory() as folder:
            source, binary = Path(folder) / "a.cc", Path(folder) / "a"
            source.write_text(SOURCE)
            subprocess.run(["g++", *HARD, *flags, source, "-o", binary], check=True)
            return set(hardening.missing(binary, is_program=True))

    def test_the_program_is_hardened(self):
        self.assertEqual(hardening.missing(PROGRAM, is_program=True), [])

    def test_the_check_sees_what_is_missing(self):
        self.assertEqual(self.missing([]), set())
        for flags, expected in LACKS:
            self.assertEqual(self.missing(flags), expected, flags)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
