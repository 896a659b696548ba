#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for secrets in what the tests printed: the test keys' private numbers and data keys, and any private key at all.

usage: output_secrets.py LOG...      prints what was found, and ends with 1 if anything was

The log of ctest (Testing/Temporary/LastTest.log) has the output of every test, and what the program printed for tests/cli.
"""
import base64
import functools
import re
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

KEYS = Path(__file__).resolve().parent.parent / "vectors/keys"
PASSPHRASES = {"rsa-2048.encrypted.private.pem": b"correct"}
DATA_KEYS = {"the data key of made messages": b"a data key that has 32 bytes ..."}
PIECE = 16  # bytes of a secret that are too many to be shown; they begin at each multiple of it
PRIVATE_PEM = re.compile(rb"PRIVATE KEY-----\s+(?:[A-Z][\w-]*: .*\s+)*[A-Za-z0-9+/]{32}")


def private_numbers(pem, passphrase):
    """The numbers of a private key that its public half doesn't have, big-endian."""
    numbers = load_pem_private_key(pem, passphrase).private_numbers()
    secret = [numbers.private_value] if hasattr(numbers, "private_value") else [
        numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp]
    return [number.to_bytes((number.bit_length() + 7) // 8, "big") for number in secret]


@functools.lru_cache
def secrets():
    """(name, bytes) of every secret that the tests know."""
    return tuple((file.name, number) for file in sorted(KEYS.glob("*.private.pem"))
                 for number in private_numbers(file.read_bytes(), PASSPHRASES.get(file.name))) + tuple(DATA_KEYS.items())


def forms(piece):
    """How `piece` may look: raw, hex, and Base64 wherever it stands in what was encoded."""
    yield "raw", piece
    for text in (piece.hex(), piece.hex().upper(), piece.hex(":"), piece.hex(":").upper()):
        yield "hex", text.encode()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + piece)
        first = -(-before * 4 // 3)  # characters that also hold bits of what stands before it, or behind
        whole = encoded[first:(before + len(piece)) * 8 // 6]
        yield "Base64", whole
        yield "URL-safe Base64", whole.translate(bytes.maketrans(b"+/", b"-_"))


@functools.lru_cache
def needles():
    """What to look for: the text of each form of each piece, and (name, form)."""
    return {text: (name, form) for name, secret in secrets() for at in range(0, len(secret) - PIECE + 1, PIECE)
            for form, text in forms(secret[at:at + PIECE])}


def found_in(log):
    """{(name, form)} of the secrets in `log`, which is bytes; without line breaks too, as PEM and dumps have them."""
    joined = re.sub(rb"\s+", b"", log)
    found = {what for text, what in needles().items() if text in log or text in joined}
    return found | ({("a private key", "PEM")} if PRIVATE_PEM.search(log) else set())


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    known = {name for name, _ in secrets()}
    found = [(log, name, form) for log in sys.argv[1:] for name, form in sorted(found_in(Path(log).read_bytes()))]
    for log, name, form in found:
        print(f"{log}: {name}, in {form}")
    print(f"{len(sys.argv) - 1} log(s), {len(known)} keys looked for, {len(found)} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
