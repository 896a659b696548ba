#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What fetch.py keeps, and what it says when something can't be had. Fetches nothing."""
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import fetch


def ends(process):
    """Whether it is gone, or about to be: a signal is sent before it is acted on."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{process}/stat").read_text().split()[2] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


class Cache(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.input = self.folder / "input"
        self.input.write_text("1")
        patch = mock.patch.dict(os.environ, PULSEAL_INTEROP_CACHE=str(self.folder / "cache"))
        patch.start()
        self.addCleanup(patch.stop)
        self.made = 0

    def keep(self, **options):
        return fetch.kept("thing", [self.input], self.make, **options)

    def make(self, folder):
        self.assertEqual(list(folder.iterdir()), [])
        (folder / "made").write_text("whole")
        self.made += 1

    def test_a_thing_is_made_once(self):
        self.assertEqual(self.keep(), self.keep())
        self.assertEqual(self.made, 1)

    def test_it_is_made_anew_when_its_input_changes_or_it_is_no_longer_good(self):
        self.keep()
        self.input.write_text("2")
        self.keep()
        self.keep(still_good=lambda folder: not (folder / "made").exists())
        self.assertEqual(self.made, 3)

    def test_a_half_made_thing_is_not_taken_for_whole(self):
        def fail(folder):
            (folder / "made").write_text("half")
            raise fetch.FetchError("no network")

        with self.assertRaises(fetch.FetchError):
            fetch.kept("thing", [self.input], fail)
        self.keep()
        self.assertEqual(self.made, 1)

    def test_callers_wait_for_one_another(self):
        program = ("import fetch, time; from pathlib import Path\n"
                   f"count = Path({str(self.folder / 'count')!r})\n"
                   "def make(folder): count.open('a').write('made\\n'); time.sleep(0.2)\n"
                   f"fetch.kept('thing', [Path({str(self.input)!r})], make)")
        callers = [subprocess.Popen([sys.executable, "-B", "-c", program], cwd=fetch.HERE) for _ in range(4)]
        self.assertEqual([caller.wait() for caller in callers], [0] * 4)
        self.assertEqual((self.folder / "count").read_text(), "made\n")


class Commands(unittest.TestCase):
    def test_an_error_names_what_could_not_be_had_and_says_why(self):
        with self.assertRaisesRegex(fetch.FetchError, "could not get the jars of x: no such artifact"):
            fetch.run("the jars of x", ["sh", "-c", "echo no such artifact; exit 1"])

    def test_it_is_tried_again(self):
        with tempfile.TemporaryDirectory() as folder:
            fetch.run("it", ["sh", "-c", "echo . >> tries; test $(wc -l < tries) = 3"], cwd=folder, attempts=3)
            with self.assertRaises(fetch.FetchError):
                fetch.run("it", ["sh", "-c", "echo . >> tries; test $(wc -l < tries) = 6"], cwd=folder, attempts=2)

    def test_a_command_that_hangs_is_ended_with_its_children(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(fetch, "DEADLINE_SECONDS", 2):
            with self.assertRaisesRegex(fetch.FetchError, "not done in 2 s"):
                fetch.run("it", ["sh", "-c", "sh -c 'echo $$ > child; exec sleep 60'; true"], cwd=folder)
            child = int((Path(folder) / "child").read_text())
            self.assertTrue(ends(child))

    def test_a_tool_that_is_missing_is_named(self):
        with mock.patch.dict(os.environ, PATH=""), self.assertRaisesRegex(fetch.FetchError, "no mvn .*install-deps.sh --interop"):
            fetch._installed("mvn")


if __name__ == "__main__":
    unittest.main()
