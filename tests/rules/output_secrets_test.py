#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests that output_secrets.py finds every secret in every form, and nothing where there is none."""
import base64
import unittest

import output_secrets

NOISE = bytes(range(256)) * 4


class OutputSecrets(unittest.TestCase):
    def expect_found(self, text, name):
        self.assertTrue(output_secrets.found_in(NOISE + text + NOISE), name)

    def test_nothing_where_there_is_none(self):
        self.assertEqual(output_secrets.found_in(NOISE), set())
        public = b"".join(file.read_bytes() for file in output_secrets.KEYS.glob("*.public.pem"))
        self.assertEqual(output_secrets.found_in(public), set())

    def test_every_secret_in_every_form(self):
        names = set()
        for name, secret in output_secrets.secrets():
            names.add(name)
            half = secret[len(secret) // 2 - 32:] if len(secret) > 64 else secret
            self.expect_found(secret, name)
            self.expect_found(half.hex().encode(), name)
            self.expect_found(half.hex(":").upper().encode(), name)
        self.assertGreaterEqual(len(names), 10)

    def test_base64_wherever_it_stands(self):
        name, secret = max(output_secrets.secrets(), key=lambda found: len(found[1]))
        for before in range(3):
            encoded = base64.encodebytes(b"x" * before + secret)
            self.expect_found(encoded, name)
            self.expect_found(base64.urlsafe_b64encode(b"x" * before + secret), name)

    def test_private_keys_that_were_made_by_a_test(self):
        for file in output_secrets.KEYS.glob("*.private.pem"):
            found = {form for _, form in output_secrets.found_in(file.read_bytes())}
            self.assertIn("PEM", found, file.name)


if __name__ == "__main__":
    unittest.main()
