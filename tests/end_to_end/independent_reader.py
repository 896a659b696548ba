#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a topic file without any of Pulseal's code: docs/topic-file.md and docs/wire-format.md, written down once more.

usage: independent_reader.py TOPIC KEY_NAME PRIVATE_KEY_PEM

Writes each message and a line feed to standard output. RSA-wrapped data keys are opened with the program openssl, EC-wrapped
ones and the payloads with Python's cryptography.
"""

import struct
import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support/python"))
from pulsar_bytes import crc32c, fields  # noqa: E402
from pulsar_crypto import unwrap_ec  # noqa: E402


def entries(topic):
    assert topic[:16] == b"pulseal-topic 1\n", "file header"
    at = 16
    while at < len(topic):
        marker, length, checksum = struct.unpack_from(">4sII", topic, at)
        assert marker == b"\xf5PTR", f"marker at {at}"
        assert checksum == crc32c(topic[at : at + 8] + struct.pack(">Q", at)), f"head at {at}"
        yield topic[at + 12 : at + 12 + length]
        at += 12 + length


def take_apart(entry):
    magic, checksum, metadata_size = struct.unpack_from(">HII", entry)
    assert magic == 0x0E01, "entry magic"
    assert checksum == crc32c(entry[6:]), "entry checksum"
    return entry[10 : 10 + metadata_size], entry[10 + metadata_size :]


def open_rsa(key_file, wrapped):
    options = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha1", "rsa_mgf1_md:sha1"]
    command = ["openssl", "pkeyutl", "-decrypt", "-inkey", key_file]
    for option in options:
        command += ["-pkeyopt", option]
    return subprocess.run(command, input=wrapped, stdout=subprocess.PIPE, check=True).stdout


def main():
    topic_file, key_name, key_file = sys.argv[1:]
    with open(key_file, "rb") as file:
        key = load_pem_private_key(file.read(), None)
    with open(topic_file, "rb") as file:
        topic = file.read()
    opened = {}
    nonces = set()
    for entry in entries(topic):
        metadata, payload = take_apart(entry)
        wrapped = nonce = uncompressed_size = None
        for number, value in fields(metadata):
            if number == 13 and dict(fields(value))[1].decode() == key_name:
                wrapped = dict(fields(value))[2]
            elif number == 15:
                nonce = value
            elif number == 9:
                uncompressed_size = value
        if wrapped not in opened:
            is_ec = isinstance(key, ec.EllipticCurvePrivateKey)
            opened[wrapped] = unwrap_ec(key, wrapped) if is_ec else open_rsa(key_file, wrapped)
        assert len(nonce) == 12 and (opened[wrapped], nonce) not in nonces, "nonce"
        nonces.add((opened[wrapped], nonce))
        plaintext = AESGCM(opened[wrapped]).decrypt(nonce, payload, None)
        assert uncompressed_size == len(plaintext), "uncompressed_size"
        sys.stdout.buffer.write(plaintext + b"\n")


main()
