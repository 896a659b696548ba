#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checker must find a promise that nothing shows, and take one that something does."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from promises import problems  # pylint: disable=wrong-import-position

TABLE = "| promise | shown by |\n|---|---|\n| nothing leaks | {} |\n"


class Promises(unittest.TestCase):
    def problems_of(self, security):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {"SECURITY.md": security, "docs/threat-model.md": TABLE.format("`tools/look.sh`"),
                               "tools/look.sh": "", "tests/unit/wipe_test.cc": "TEST_F(Wipes, EveryKey) {\n"}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return list(problems(root))

    def expect_taken(self, cell):
        self.assertEqual(self.problems_of(TABLE.format(cell)), [])

    def expect_refused(self, cell, words):
        [problem] = self.problems_of(TABLE.format(cell))
        self.assertEqual(problem, f"SECURITY.md:3: {words}")

    def test_tests_and_paths_that_are_there(self):
        for cell in ("`Wipes.EveryKey`", "`Wipes.*`", "by hand: `tools/look.sh`; `Wipes.Every…`", "`tests/unit`? `tests/unit/`"):
            self.expect_taken(cell)

    def test_what_is_not_there(self):
        self.expect_refused("`Wipes.EveryOtherKey`", "there is no test Wipes.EveryOtherKey")
        self.expect_refused("`Wipes.*`, `Wiped.*`", "there is no test Wiped.*")
        self.expect_refused("`tools/gone.sh`", "there is no tools/gone.sh")
        self.expect_refused("`look`", "look is neither a test nor a path")
        self.expect_refused("trust us", "names nothing that shows it")

    def test_a_page_without_a_table(self):
        self.assertEqual(self.problems_of("All is well.\n\n| a | b |\n|---|---|\n| c | d |\n"),
                         ['SECURITY.md: no table with a column "shown by"'])


if __name__ == "__main__":
    unittest.main()
