#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The wire format by Python's cryptography, a third that is neither Pulsar's nor ours: one JSON object a line in, one a line
out, as ../crypto_cells.py says."""
import functools
import json
import os
import re
import sys
from pathlib import Path

import cryptography
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support/python"))
from pulsar_bytes import fields, serialized  # noqa: E402
from pulsar_crypto import unwrap_ec, wrap_ec  # noqa: E402

OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)


def load_public_key(pem):
    if b"BEGIN CERTIFICATE" in pem:
        return load_pem_x509_certificate(pem).public_key()
    return load_pem_public_key(pem)


@functools.lru_cache(maxsize=None)  # RSA keys are checked as they are loaded, which takes long
def load_private_key(file):
    pem = Path(file).read_bytes()
    without_parameters = re.sub(b"-----BEGIN EC PARAMETERS.*?END EC PARAMETERS-----\n", b"", pem, flags=re.DOTALL)
    return load_pem_private_key(without_parameters, None)


def wrap(key, data_key):
    return key.encrypt(data_key, OAEP) if isinstance(key, rsa.RSAPublicKey) else wrap_ec(key, data_key)


def unwrap(key, wrapped):
    return key.decrypt(wrapped, OAEP) if isinstance(key, rsa.RSAPrivateKey) else unwrap_ec(key, wrapped)


def wrapped_keys(request, data_key):
    """Fields 13, one for each recipient."""
    for name in request["to"]:
        key = request["keys"][name]
        wrapped = wrap(load_public_key(Path(key["file"]).read_bytes()), data_key)
        pairs = [(3, serialized((1, name.encode()), (2, value.encode()))) for name, value in key["metadata"].items()]
        yield 13, serialized((1, name.encode()), (2, wrapped), *pairs)


def encrypt(request):
    for place, message in enumerate(request["messages"]):
        if place in (0, request["rotate_before"]):
            data_key = os.urandom(32)
            keys = list(wrapped_keys(request, data_key))
        plaintext, nonce = Path(message["in"]).read_bytes(), os.urandom(12)
        metadata = serialized((1, b"cells"), (2, place), (3, 1700000000000), (9, len(plaintext)), *keys, (15, nonce))
        Path(message["out"]).write_bytes(AESGCM(data_key).encrypt(nonce, plaintext, None))
        Path(message["out"] + ".metadata").write_bytes(metadata)
    return {}


def decrypt(request):
    answer = {"errors": [], "key_metadata": {}}
    opened = {}
    for message in request["messages"]:
        try:
            decrypt_one(request["keys"], message, opened, answer["key_metadata"])
            answer["errors"].append("")
        except Exception as error:
            answer["errors"].append(repr(error))
    return answer


def decrypt_one(keys, message, opened, metadata_seen):
    metadata = list(fields(Path(message["in"] + ".metadata").read_bytes()))
    nonce = dict(metadata)[15]
    for name, wrapped, pairs in (parse_key(value) for number, value in metadata if number == 13):
        if name in keys:
            metadata_seen[name] = pairs
            if wrapped not in opened:
                opened[wrapped] = unwrap(load_private_key(keys[name]["file"]), wrapped)
            plaintext = AESGCM(opened[wrapped]).decrypt(nonce, Path(message["in"]).read_bytes(), None)
            Path(message["out"]).write_bytes(plaintext)
            return
    raise ValueError("no wrapped key for any of the names")


def parse_key(serialized_key):
    key = list(fields(serialized_key))
    pairs = [dict(fields(value)) for number, value in key if number == 3]
    return dict(key)[1].decode(), dict(key)[2], {pair[1].decode(): pair[2].decode() for pair in pairs}


def answer_to(request):
    operation = {"encrypt": encrypt, "decrypt": decrypt}.get(request["op"])
    return operation(request) if operation else {"version": f"cryptography (Python) {cryptography.__version__}"}


for line in sys.stdin:
    try:
        answer = answer_to(json.loads(line))
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
