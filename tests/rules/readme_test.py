#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every C++ block of README.md is a compiled example's text, word for word.

A block follows a line `<!-- FILE -->` (all of the file but its licence line) or `<!-- FILE [MARK] -->` (what stands between
`// [MARK]` and `// [end]`, moved to the left margin).
"""
import re
import textwrap
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?:<!-- (\S+?)(?: \[(\w+)\])? -->\n)?```cpp\n(.*?)```", re.DOTALL)


def example(file, mark):
    text = (ROOT / file).read_text()
    if mark is None:
        return text.split("\n", 1)[1]
    return textwrap.dedent(re.search(rf"// \[{mark}\]\n(.*?)[ ]*// \[end\]", text, re.DOTALL)[1])


class Readme(unittest.TestCase):
    def test_blocks_are_examples(self):
        blocks = BLOCK.findall((ROOT / "README.md").read_text())
        self.assertEqual(len(blocks), 3)
        for file, mark, text in blocks:
            self.assertTrue(file, "a C++ block that names no example:\n" + text)
            self.assertEqual(text, example(file, mark or None), f"README.md differs from {file} {mark}")

    def test_the_complete_program_is_about_40_lines(self):
        self.assertLessEqual(len(example("examples/hello/hello.cc", None).splitlines()), 42)


if __name__ == "__main__":
    unittest.main()
