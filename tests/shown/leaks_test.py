#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests that a secret in a status or an event is in what a test prints, where output_secrets.py finds it.

usage: leaks_test.py LEAKY [unittest arguments]
"""
import base64
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "rules"))
import output_secrets  # noqa: E402

LEAKY = sys.argv[1]
WHERE = ("made", "plain", "prefix", "payload", "event")


def printed(*arguments):
    return subprocess.run([LEAKY, *arguments], check=True, capture_output=True).stderr


class Leaks(unittest.TestCase):
    def test_a_private_key(self):
        name, secret = output_secrets.secrets()[0]
        for where in WHERE:
            for text in (secret.hex(), base64.b64encode(secret).decode(), "".join(f"\\x{byte:02x}" for byte in secret)):
                self.assertEqual({found for found, _ in output_secrets.found_in(printed(where, text))}, {name}, where)

    def test_a_data_key_that_was_drawn(self):
        self.assertTrue(output_secrets.found_in(printed("data-key")))

    def test_nothing_else(self):
        for where in WHERE:
            text = printed(where, "nothing secret")
            self.assertIn(b"nothing secret", text)
            self.assertEqual(output_secrets.found_in(text), set())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
