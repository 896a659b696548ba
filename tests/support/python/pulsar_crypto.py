# SPDX-License-Identifier: Apache-2.0
"""How a data key is wrapped for an EC key (docs/wire-format.md), in Python that shares nothing with lib/."""

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def seal_or_open(shared, point, data):
    """`data` with the key stream applied, and the key of the tag."""
    stream = b""
    counter = 1
    while len(stream) < 16 + len(data):
        stream += hashlib.sha1(point + shared + struct.pack(">I", counter)).digest()
        counter += 1
    return bytes(a ^ b for a, b in zip(data, stream[16:])), stream[:16]


def tag(tag_key, sealed):
    return hmac.new(tag_key, sealed + bytes(8), "sha1").digest()


def wrap_ec(key, data_key):
    ephemeral = ec.generate_private_key(key.curve)
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    sealed, tag_key = seal_or_open(ephemeral.exchange(ec.ECDH(), key), point, data_key)
    return point + sealed + tag(tag_key, sealed)


def unwrap_ec(key, wrapped):
    field = (key.curve.key_size + 7) // 8
    point, sealed, sent_tag = wrapped[: 1 + 2 * field], wrapped[1 + 2 * field : -20], wrapped[-20:]
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point))
    data_key, tag_key = seal_or_open(shared, point, sealed)
    assert hmac.compare_digest(tag(tag_key, sealed), sent_tag), "ECIES tag"
    return data_key
