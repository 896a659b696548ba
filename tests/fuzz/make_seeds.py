#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the metadata, consumer, entry, framing and topic file fuzz targets to corpus/. Run it after changing it; the
files are checked in."""
import pathlib
import sys
import zlib

import lz4.block
import snappy
import zstandard

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support/python"))
from pulsar_bytes import stored_entry, to_varint, topic_file  # noqa: E402


def number(field, value):
    return to_varint(field << 3) + to_varint(value % 2**64)


def text(field, value):
    return to_varint(field << 3 | 2) + to_varint(len(value)) + value


def pair(field, name, value):
    return text(field, text(1, name) + text(2, value))


def key(name, size, metadata=b""):
    return text(13, text(1, name) + text(2, bytes(range(256))[:size]) + metadata)


REQUIRED = text(1, b"producer") + number(2, 7) + number(3, 1700000000000)
NONCE = text(15, bytes(range(12)))
ONE = REQUIRED + number(9, 100) + key(b"orders", 64, pair(3, b"version", b"1.0")) + NONCE
METADATA = {
    "plain": REQUIRED + pair(4, b"trace", b"1") + text(6, b"partition key") + text(18, b"ordering key") + number(12, 5),
    "one-key": ONE,
    "batch-of-two-recipients": REQUIRED + number(8, 3) + number(9, 1000) + number(11, 20) + key(b"a", 16) + key(b"b", 16) + NONCE,
    "chunk": ONE + text(26, b"producer-7") + number(27, 3) + number(28, 300) + number(29, 1),
    "negative-numbers": REQUIRED + number(11, -1) + number(27, -2) + number(29, -3) + text(14, b"AES"),
    "groups-and-unknown-fields": b"\xa3\x06\xab\x06\x08\x01\xac\x06\xa4\x06" + number(99, 1) + b"\xa1\x06" + bytes(8)
    + b"\xa5\x06" + bytes(4) + ONE,
    "long-varints": REQUIRED + b"\x58\x85" + b"\x80" * 8 + b"\x00" + b"\xfa\x80\x80\x80\x00\x8c\x80\x00" + bytes(12),
    "repeated-scalars-and-wrong-types": ONE + NONCE + number(11, 1) + number(11, 2) + text(11, b"x") + number(13, 1),
}

# As tests/support/fake_key_wrapper.h wraps: "fake:" and each byte xored. Sealed with AES-GCM under 32 bytes of "k" and NONCE.
DATA_KEY = b"k" * 32
SEALED = bytes.fromhex("02b898426bf7c32924c9989fd0dec6bc4ad7c3404c")  # "hello"


def wrapped(name):
    return text(13, text(1, name) + text(2, b"fake:" + bytes(byte ^ 0x5A for byte in DATA_KEY)))


def message(options, metadata, payload):
    return bytes([options]) + len(metadata).to_bytes(2, "big") + metadata + payload


OPENS = REQUIRED + wrapped(b"a") + NONCE
CONSUMER = {
    "opens": message(0, OPENS, SEALED),
    "opens-for-the-second": message(0x40, REQUIRED + wrapped(b"b") + wrapped(b"a") + NONCE, SEALED),
    "forged": message(0x04, OPENS, SEALED[:-1] + b"x"),
    "not-held": message(0x02, REQUIRED + wrapped(b"b") + NONCE + number(11, 5), SEALED),
    "no-data-key": message(0x84, ONE, SEALED),
    "plain": message(0x08, REQUIRED, b"plain"),
    "chunk": message(0x05, METADATA["chunk"], SEALED),
    "short-payload": message(0x01, OPENS, SEALED[:15]),
    "empty-plaintext-size": message(0x01, OPENS, SEALED[:16]),
}


TOPIC = topic_file(stored_entry(REQUIRED, b"one"), stored_entry(REQUIRED, b""), stored_entry(ONE, b"ciphertext and tag"))


def single(metadata, payload):
    metadata += number(3, len(payload))
    return len(metadata).to_bytes(4, "big") + metadata + payload


def batch(count, *messages):
    return count.to_bytes(4, "big") + b"".join(messages)


FULL = pair(1, b"trace", b"1") + text(2, b"key") + number(5, 5) + number(6, 1) + text(7, b"order") + number(8, 0)
BATCH = {
    "plain": batch(2, single(b"", b"first"), single(b"", b"")),
    "full": batch(3, single(FULL, b"payload"), single(number(9, 1) + number(10, 1), b""), single(number(4, 1), b"")),
    "unknown-fields": batch(1, single(FULL + number(99, 1) + b"\xa3\x06\xa4\x06", b"payload")),
    "negative-size": batch(1, (11).to_bytes(4, "big") + number(3, -1) + b"payload"),
    "count-that-lies": batch(2**31 - 1, single(b"", b"first")),
}

TEXT = b"message 1, message 2, message 3, " * 20


def compressed(codec, data):
    return bytes([codec]) + len(TEXT).to_bytes(3, "big") + data


COMPRESSION = {
    "none": compressed(0, TEXT),
    "lz4": compressed(1, lz4.block.compress(TEXT, store_size=False)),
    "zlib": compressed(2, zlib.compress(TEXT)),
    "zstd": compressed(3, zstandard.ZstdCompressor().compress(TEXT)),
    "zstd-without-size": compressed(3, zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compress(TEXT)),
    "snappy": compressed(4, snappy.compress(TEXT)),
}


def chunk(message, chunks, which, total, size, how=0x10):
    return bytes([how, message, chunks, which & 0xFF, total, size])


CHUNK = {
    "in-order": chunk(0, 3, 0, 30, 12) + chunk(0, 3, 1, 30, 12) + chunk(0, 3, 2, 30, 6),
    "interleaved": chunk(0, 2, 1, 20, 10) + chunk(1, 2, 0, 4, 2) + chunk(0, 2, 0, 20, 10) + chunk(1, 2, 1, 4, 2),
    "repeated": chunk(0, 2, 0, 20, 10) * 3 + chunk(0, 2, 1, 20, 10),
    "fails": chunk(0, 3, 0, 30, 10) + chunk(0, 3, 1, 30, 10, how=2) + chunk(0, 3, 2, 30, 10) + chunk(0, 3, 0, 30, 10),
    "count-changes-index-out-of-range": chunk(0, 3, 0, 30, 10) + chunk(0, 4, 1, 30, 10) + chunk(0, 3, 5, 31, 0) + chunk(2, 3, -1, 30, 10),
    "too-many": b"".join(chunk(i, 9, 0, 99, 15) for i in range(5)),
    "too-old": chunk(0, 9, 0, 99, 15) + chunk(1, 9, 0, 99, 15, how=0xF0) * 5,
}

corpus = pathlib.Path(__file__).parent / "corpus"
for target, seeds in {
    "metadata_fields": METADATA,
    "encryption_context": METADATA,
    "consumer": CONSUMER,
    "batch": BATCH,
    "chunk": CHUNK,
    "compression": COMPRESSION,
    "topic_file": {
        "no-records": topic_file(),
        "three-records": TOPIC,
        "torn": TOPIC[:-5],
        "damaged": TOPIC.replace(b"PTR", b"PTX", 1),
        "topic-in-a-message": topic_file(stored_entry(REQUIRED, TOPIC)),
    },
    "entry": {name: stored_entry(metadata, b"payload") for name, metadata in METADATA.items()},
}.items():
    (corpus / target).mkdir(parents=True, exist_ok=True)
    for name, seed in seeds.items():
        (corpus / target / name).write_bytes(seed)
