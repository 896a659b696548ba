#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the program is hardened, and that the check sees where one isn't.

usage: hardening_test.py PROGRAM [unittest arguments]
"""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import hardening

PROGRAM = sys.argv[1]
SOURCE = '#include <cstdio>\nint main(int n, char**) { char text[64]; return std::snprintf(text, 64, "%d", n); }\n'
SOFT = ["-O2", "-no-pie", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-fcf-protection=none",
        "-Wl,-z,norelro,-z,lazy,-z,execstack"]


class Hardening(unittest.TestCase):
    def test_the_program_is_hardened(self):
        self.assertEqual(hardening.missing(PROGRAM, is_program=True), [])

    def test_the_check_sees_what_is_missing(self):
        with tempfile.TemporaryDirectory() as folder:
            source, binary = Path(folder) / "soft.cc", Path(folder) / "soft"
            source.write_text(SOURCE)
            subprocess.run(["g++", *SOFT, source, "-o", binary], check=True)
            expected = {"position-independent code", "marked as a position-independent program",
                        "relocations that become read-only", "all functions looked up at the start",
                        "a stack without code", "canaries on the stack", "functions that check their bounds"}
            self.assertLessEqual(expected, set(hardening.missing(binary, is_program=True)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
