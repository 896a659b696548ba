#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests bench/compare: it finds a planted difference, and none where there is none."""
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from results import Results  # noqa: E402


class CompareTest(unittest.TestCase):
    def compare(self, old, new):
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("old.json", "new.json")]
            for file, values in zip(files, (old, new)):
                measured = Results()
                for value in values:
                    measured.add("encrypt/pulseal/openssl/64", {"ns": value})
                measured.save(file)
            return subprocess.run([sys.executable, "-B", HERE / "compare", *files], capture_output=True, text=True)

    def noisy(self, seed, center, count=15):
        source = random.Random(seed)
        return [center * source.uniform(0.97, 1.03) for _ in range(count)]

    def test_a_slower_run_fails(self):
        compared = self.compare(self.noisy(1, 100), self.noisy(2, 106))
        self.assertEqual(compared.returncode, 1, compared.stderr)
        self.assertIn("slower", compared.stdout.splitlines()[0])

    def test_a_faster_run_passes(self):
        compared = self.compare(self.noisy(1, 100), self.noisy(2, 90))
        self.assertEqual(compared.returncode, 0, compared.stderr)
        self.assertIn("faster", compared.stdout)

    def test_noise_passes(self):
        compared = self.compare(self.noisy(1, 100), self.noisy(2, 100))
        self.assertEqual(compared.returncode, 0, compared.stderr)
        self.assertEqual(compared.stdout, "1 compared, 0 slower\n")

    def test_too_few_values_are_an_error(self):
        compared = self.compare(self.noisy(1, 100, 4), self.noisy(2, 100, 4))
        self.assertIn("nothing to compare", compared.stderr)
        self.assertEqual(compared.returncode, 1)


if __name__ == "__main__":
    unittest.main()
