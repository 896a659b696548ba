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
        public = b"".join(file.read_bytes() for file in (output_secrets.ROOT / "tests/vectors/keys").glob("*.public.pem"))
        self.assertEqual(output_secrets.found_in(public), set())

    def test_every_secret_in_every_form(self):
        names = set()
        for name, secret in output_secrets.secrets():
            names.add(name)
            half = secret[len(secret) // 2 - 32:] if len(secret) > 64 else secret
            self.expect_found(secret, name)
            self.expect_found(half.hex().encode(), name)
            self.expect_found(half.hex(":").upper().encode(), name)
        self.assertIn("demo-alice.private.pem", names)
        self.assertGreaterEqual(len(names), 15)

    def test_base64_wherever_it_stands(self):
        name, secret = max(output_secrets.secrets(), key=lambda found: len(found[1]))
        for before in range(3):
            encoded = base64.encodebytes(b"x" * before + secret)
            self.expect_found(encoded, name)
            self.expect_found(base64.urlsafe_b64encode(b"x" * before + secret), name)

    def test_escaped_as_in_messages_and_by_gtest(self):
        for name, secret in output_secrets.secrets():
            self.expect_found("".join(chr(byte) if byte in b"abcdefghi" else f"\\x{byte:02x}" for byte in secret).encode(), name)
            self.expect_found("".join(f'\\x{byte:02X}' + ('" "' if byte % 2 else "") for byte in secret).encode(), name)

    def test_private_keys_that_were_made_by_a_test(self):
        for file in output_secrets.KEYS:
            found = {form for _, form in output_secrets.found_in(file.read_bytes())}
            self.assertIn("PEM", found, file.name)

    def test_data_keys_that_the_log_says_were_drawn(self):
        key = bytes(range(100, 132))
        log = f"ok\ndata key: {key.hex()}\nok\n".encode()
        self.assertEqual(output_secrets.found_in(log), set())
        self.expect_found(log + base64.b64encode(key[:16]), "Base64 of its first half")
        self.expect_found(log + b"status: " + key[16:], "its second half")

    def test_plaintext_in_errors_alone(self):
        for text in (b"hello\n", b"well: hello\n", b"status: othello\n"):
            self.assertEqual(output_secrets.found_in(b"ok\n" + text), set())
        for text in (b"status: the payload is hello\n", b"event: aGVsbG8=\n", b"pulseal: \"68656c6c6f\"\n"):
            self.assertEqual(output_secrets.found_in(b"ok\n" + text), {("a message's plaintext", "an error")})


if __name__ == "__main__":
    unittest.main()
