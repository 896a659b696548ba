#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for secrets in what the tests printed: private keys, data keys, passphrases, a token, plaintext in errors.

usage: output_secrets.py LOG...      prints what was found, and ends with 1 if anything was

The log of ctest (Testing/Temporary/LastTest.log) has the output of every test: what the program printed for tests/cli, and of
the C++ tests each status, event and drawn data key (tests/shown). A fuzzer's log is what it printed.
"""
import base64
import binascii
import functools
import re
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

ROOT = Path(__file__).resolve().parent.parent.parent
KEYS = sorted([*ROOT.glob("tests/vectors/keys/*.private.pem"), *ROOT.glob("keys/*.private.pem")])
PASSPHRASES = {"rsa-2048.encrypted.private.pem": b"correct"}
TEXTS = {  # of 16 bytes at least
    "the data key of made messages": b"a data key that has 32 bytes ...",
    "a passphrase of keygen_test.cc": b"correct horse battery staple",
    "a passphrase of leftovers_test.cc": b"passphrase-of-the-leftovers-test",
    "the wrong passphrase of leftovers_test.cc": b"another-passphrase-that-is-wrong",
    "the token of websocket_test.cc": b"token-of-the-websocket-test",
}
PIECE = 16  # bytes of a secret that are too many to be shown; they begin at each multiple of it
DRAWN = re.compile(rb"^data key: ([0-9a-f]{64})$", re.MULTILINE)
ESCAPED = re.compile(rb"\\x([0-9A-Fa-f]{2})")  # as our messages have it, and gtest
HEX = re.compile(rb"[0-9A-Fa-f:]{%d,}" % (2 * PIECE))
BASE64 = re.compile(rb"[0-9A-Za-z+/]{%d,}" % (PIECE * 4 // 3 + 1))
PRIVATE_PEM = re.compile(rb"PRIVATE KEY-----\s+(?:[A-Z][\w-]*: .*\s+)*[A-Za-z0-9+/]{32}")
PLAINTEXT = re.compile(rb"^(?:status|event|pulseal): .*?(?:\bhello\b|aGVsbG8|68656c6c6f)", re.MULTILINE)  # of most tests' messages


def private_numbers(pem, passphrase):
    """The numbers of a private key that its public half doesn't have, big-endian."""
    numbers = load_pem_private_key(pem, passphrase).private_numbers()
    secret = [numbers.private_value] if hasattr(numbers, "private_value") else [
        numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp]
    return [number.to_bytes((number.bit_length() + 7) // 8, "big") for number in secret]


@functools.lru_cache
def secrets():
    """(name, bytes) of every secret that the tests know."""
    return tuple((file.name, number) for file in KEYS
                 for number in private_numbers(file.read_bytes(), PASSPHRASES.get(file.name))) + tuple(TEXTS.items())


def pieces_of(named):
    return {secret[at:at + PIECE]: name for name, secret in named for at in range(0, len(secret) - PIECE + 1, PIECE)}


def forms(log):
    """(form, bytes): `log` as it is, and whatever in it may be written as escapes, hex or Base64. The latter two without line
    breaks, as PEM and dumps have them, and beginning at each character that could be a first one."""
    yield "raw", log
    if b"\\x" in log:
        yield "raw", ESCAPED.sub(lambda byte: bytes.fromhex(byte[1].decode()), log.replace(b'" "', b""))
    joined = re.sub(rb"\s+", b"", log)
    for run in HEX.findall(joined):
        digits = run.replace(b":", b"")
        for begin in range(2):
            yield "hex", binascii.unhexlify(digits[begin:begin + (len(digits) - begin) // 2 * 2])
    for run in BASE64.findall(joined.translate(bytes.maketrans(b"-_", b"+/"))):
        for begin in range(4):
            text = run[begin:len(run) - ((len(run) - begin) % 4 == 1)]
            yield "Base64", base64.b64decode(text + b"=" * (-len(text) % 4))


def found_in(log):
    """{(name, form)} of the secrets in `log`, which is bytes, those included that it says were drawn."""
    drawn = [("a data key that was drawn", bytes.fromhex(key.decode())) for key in DRAWN.findall(log)]
    pieces = pieces_of([*secrets(), *drawn])
    shown = DRAWN.sub(b"", log)
    found = {(pieces[text[at:at + PIECE]], form) for form, text in forms(shown) for at in range(len(text) - PIECE + 1)
             if text[at:at + PIECE] in pieces}
    found |= {("a private key", "PEM")} if PRIVATE_PEM.search(shown) else set()
    return found | ({("a message's plaintext", "an error")} if PLAINTEXT.search(shown) else set())


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    logs = {log: Path(log).read_bytes() for log in sys.argv[1:]}
    found = [(log, name, form) for log, text in logs.items() for name, form in sorted(found_in(text))]
    for log, name, form in found:
        print(f"{log}: {name}, in {form}")
    drawn = sum(len(DRAWN.findall(text)) for text in logs.values())
    print(f"{len(logs)} log(s), {len(KEYS)} private and {drawn} data keys looked for, {len(found)} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
