#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets but those of keys to corpus/. Run it after changing it; the files are checked in."""
import base64
import json
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


def step(how, metadata=b"", payload=b""):
    return bytes([how]) + len(metadata).to_bytes(2, "big") + len(payload).to_bytes(2, "big") + metadata + payload


def steps(options, *each):
    return bytes([options]) + b"".join(each)


# What a step does (Deed in consumer_fuzz.cc), and what it may add.
DECRYPT, DECRYPT_TO_STRING, TRY, RESOLVE, GO_ON, FORGET, CHANGE_KEYS, GOOD = range(8)
SEALED_FOR_IT, TOO_SMALL = 8, 16
THROWING, HELD, NEVER, DROPPED = 6 << 3, 2 << 3, 4 << 3, 5 << 3
OPENS = REQUIRED + wrapped(b"a") + NONCE
CONSUMER = {
    "opens": steps(0, step(DECRYPT, OPENS, SEALED), step(DECRYPT_TO_STRING, OPENS, SEALED), step(TRY, OPENS, SEALED)),
    "opens-for-the-second": steps(0x80, step(DECRYPT, REQUIRED + wrapped(b"b") + wrapped(b"a") + NONCE, SEALED)),
    "forged": steps(0x01, step(TRY, OPENS, SEALED), step(RESOLVE, OPENS, SEALED[:-1] + b"x"), step(GOOD), step(GO_ON)),
    "not-held": steps(0x0A, step(DECRYPT, REQUIRED + wrapped(b"b") + NONCE + number(11, 5), SEALED), step(GO_ON, b"seconds"), step(GOOD)),
    "unwrap-fails": steps(0x01, *[step(DECRYPT, REQUIRED + wrapped(name) + NONCE, SEALED) for name in (b"c", b"d", b"e", b"f", b"g")]),
    "no-data-key": steps(0x22, step(DECRYPT, ONE, SEALED), step(GOOD)),
    "plain": steps(0x04, step(DECRYPT, REQUIRED, b"plain"), step(DECRYPT_TO_STRING, REQUIRED, b"plain")),
    "chunk": steps(0x02, step(DECRYPT, METADATA["chunk"], SEALED)),
    "short-payload": steps(0x01, step(DECRYPT, OPENS, SEALED[:15]), step(DECRYPT | TOO_SMALL, OPENS, SEALED)),
    "empty-plaintext-size": steps(0x01, step(DECRYPT, OPENS, SEALED[:16])),
    "sealed-empty": steps(0x01, step(DECRYPT | SEALED_FOR_IT, OPENS), step(RESOLVE | SEALED_FOR_IT, OPENS, b"plaintext"), step(GO_ON)),
    "silent-keys": steps(0x10, step(CHANGE_KEYS | HELD), step(RESOLVE, OPENS, SEALED), step(DECRYPT, OPENS, SEALED), step(FORGET), step(GO_ON, b"s")),
    "resolves-beyond-the-most": steps(0x10, step(CHANGE_KEYS | NEVER), *[step(RESOLVE, OPENS, SEALED)] * 5, step(GO_ON), step(RESOLVE, OPENS, SEALED), step(RESOLVE, b"\x00"), step(GO_ON, b"ss"), *[step(RESOLVE, OPENS, SEALED)] * 4),
    "forgotten-and-dropped": steps(0x10, step(CHANGE_KEYS | DROPPED), step(RESOLVE, OPENS, SEALED), step(FORGET), step(GO_ON), step(RESOLVE, OPENS, SEALED), step(GO_ON), step(FORGET)),
    "throwing-keys": steps(0x01, step(CHANGE_KEYS | THROWING), step(DECRYPT, OPENS, SEALED), step(GOOD), step(CHANGE_KEYS), step(GOOD)),
    "flood-of-failures": steps(0x40, *[step(DECRYPT, REQUIRED + wrapped(bytes([i])) + NONCE, SEALED) for i in range(65, 75)], step(GOOD), step(GO_ON, b"s"), step(GOOD)),
    "flood": steps(0x01, *[step(DECRYPT, REQUIRED + b"".join(key(b"b", 8 * i + j) for j in range(8)) + NONCE, SEALED) for i in range(4)], step(GOOD)),
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
    "same-uuid-other-codec": chunk(0, 2, 0, 20, 10) + chunk(35, 2, 1, 20, 10) + chunk(175, 2, 1, 20, 10) + chunk(0, 2, 1, 20, 10) + chunk(35, 2, 0, 20, 10),
    "backwards": chunk(1, 4, 3, 20, 2) + chunk(1, 4, 2, 20, 8) + chunk(1, 4, 0, 20, 1) + chunk(1, 4, 1, 20, 9),
    "repeated": chunk(0, 2, 0, 20, 10) * 3 + chunk(0, 2, 1, 20, 10),
    "fails": chunk(0, 3, 0, 30, 10) + chunk(0, 3, 1, 30, 10, how=2) + chunk(0, 3, 2, 30, 10) + chunk(0, 3, 0, 30, 10),
    "count-changes-index-out-of-range": chunk(0, 3, 0, 30, 10) + chunk(0, 4, 1, 30, 10) + chunk(0, 3, 5, 31, 0) + chunk(2, 3, -1, 30, 10),
    "too-many": b"".join(chunk(i, 9, 0, 99, 15) for i in range(5)),
    "too-old": chunk(0, 9, 0, 99, 15) + chunk(1, 9, 0, 99, 15, how=0xF0) * 5,
    "too-old-when-asked": chunk(0, 9, 0, 99, 15) + chunk(1, 9, 0, 99, 15, how=0xF4) * 5,
    "fails-once": chunk(0, 3, 0, 30, 0, how=2) + chunk(0, 3, 1, 30, 10) + chunk(0, 3, 1, 30, 10) + chunk(0, 3, 2, 30, 10),
}



# What a step does (Deed in entry_consumer_fuzz.cc), and what it may add.
ENTRY, SEALED_ENTRY, IN_CHUNKS, LATER, FLUSH, FORGET_KEYS, GOOD_BATCH, GOOD_CHUNKS = range(8)
UNPACK, COMPRESSED, BACKWARDS, WITHOUT_THE_FIRST = 8, 16, 32, 64
LZ4, ZLIB, ZSTD, SNAPPY = (number(8, codec) for codec in range(1, 5))
COMPACTED_OUT = number(4, 1)
TWO = batch(2, single(b"", b"first"), single(COMPACTED_OUT, b""))[4:]
UUID = text(26, b"producer-7")


def one_chunk(which, size, count=3, total=30, more=b""):
    metadata = OPENS + UUID + number(27, count) + number(28, total) + number(29, which) + more
    return step(SEALED_ENTRY, metadata, bytes([65 + which % 26]) * size)


ENTRY_CONSUMER = {
    "plain": steps(0, step(ENTRY, REQUIRED, b"plain"), step(ENTRY | UNPACK, REQUIRED + UUID + number(27, 2) + number(28, 4) + number(29, 1), b"ab")),
    "opens": steps(0, step(ENTRY, OPENS, SEALED), step(SEALED_ENTRY | UNPACK, OPENS, b"plaintext"), step(FORGET_KEYS), step(ENTRY, OPENS, SEALED)),
    "compressed": steps(0, *[step(SEALED_ENTRY | COMPRESSED, OPENS + codec, TEXT) for codec in (LZ4, ZLIB, ZSTD, SNAPPY)]),
    "longer-than-it-may-be": steps(0x20, step(SEALED_ENTRY | COMPRESSED, OPENS + ZSTD, TEXT * 2), step(SEALED_ENTRY, OPENS, TEXT * 2)),
    "longer-than-it-says": steps(0, step(SEALED_ENTRY, OPENS + ZLIB + number(9, 10), zlib.compress(TEXT)), step(GOOD_BATCH)),
    "batch": steps(0, step(SEALED_ENTRY, OPENS + number(11, 2), TWO), step(SEALED_ENTRY | COMPRESSED, OPENS + number(11, 2) + LZ4, TWO)),
    "no-batch": steps(0x20, step(SEALED_ENTRY, OPENS + number(11, 3), TWO), step(SEALED_ENTRY, OPENS + number(11, 2**31 - 1), TWO)),
    "in-chunks": steps(0, *[step(IN_CHUNKS | COMPRESSED | order, OPENS + UUID + ZSTD, TEXT) for order in (0, BACKWARDS, UNPACK)]),
    "in-chunks-and-longer-than-it-may-be": steps(0x20, step(IN_CHUNKS | COMPRESSED, OPENS + UUID + LZ4, TEXT * 2), step(GOOD_CHUNKS)),
    "chunks-of-two-data-keys": steps(0, one_chunk(0, 10), one_chunk(1, 10, more=wrapped(b"b")), one_chunk(1, 10), one_chunk(2, 10)),
    "too-many-messages-in-chunks": steps(0x40, *[step(IN_CHUNKS | WITHOUT_THE_FIRST, OPENS + text(26, bytes([i])), TEXT) for i in range(65, 71)], step(GOOD_CHUNKS | BACKWARDS)),
    "repeated-chunks": steps(0, one_chunk(0, 10), one_chunk(0, 20), *[one_chunk(1, 10)] * 2, step(LATER, b"", bytes(20)), one_chunk(2, 10), one_chunk(2, 9)),
    "chunks-that-expire": steps(0, one_chunk(0, 10), step(LATER, b"", bytes(60)), one_chunk(1, 10), one_chunk(1, 10), step(FLUSH)),
    "a-chunk-that-is-forged": steps(0x01, one_chunk(0, 10), step(ENTRY, OPENS + UUID + number(27, 3) + number(28, 30) + number(29, 1), bytes(26)), one_chunk(2, 10), step(GOOD_CHUNKS)),
    "a-batch-in-chunks": steps(0, one_chunk(0, 10, more=number(11, 5)), one_chunk(1, 10, more=number(11, 5))),
    "not-held": steps(0x02, step(SEALED_ENTRY, REQUIRED + wrapped(b"b") + NONCE + number(11, 2), TWO), step(IN_CHUNKS, REQUIRED + wrapped(b"b") + NONCE + UUID, TEXT)),
    "no-metadata": steps(0, step(ENTRY, b"\x00", b"x"), step(ENTRY, wrapped(b"a") + NONCE, SEALED), step(ENTRY, OPENS + b"\x0a", SEALED)),
}


def base64_text(data):
    return base64.b64encode(data).decode()


def line(**members):
    return json.dumps(members).encode()


CONTEXT = {"keys": {"orders": {"keyValue": base64_text(b"fake:" + bytes(32)), "metadata": {"version": "1"}}}, "param": base64_text(bytes(12)),
           "algorithm": "", "compressionType": "LZ4", "uncompressedMessageSize": 100, "batchSize": 2}
FRAME = {"messageId": "CAEQAA==", "payload": base64_text(SEALED), "properties": {"trace": "1"}, "publishTime": "2025-01-31T12:00:00.000Z",
         "key": "k", "redeliveryCount": 0, "encryptionContext": CONTEXT}
JSON_MESSAGE = {
    "text": line(payload="a text", key="k", properties={"trace": "1"}, event_time=5),
    "bytes": line(payload_base64="AAE=", key_base64="/w==", ordering_key_base64="AA=="),
    "tombstone": line(payload=None, key="k"),
    "consumed": line(entry=1, offset=2, producer="p", encrypted=True, payload="\u001b[2J", message_id="1:2"),
    "kept": line(entry=3, offset=70, undecryptable=True, payload_base64=base64_text(SEALED), context=base64_text(ONE)),
    "kept-frame": line(**FRAME),
    "unknown-member": line(payload="a", surprise=1),
    "two-payloads": b'{"payload":"a","payload_base64":"YQ==","payload":"b"}',
    "deep": b'{"payload":' + b"[" * 20 + b"]" * 20 + b"}",
    "surrogate": b'{"payload":"\\ud83d\\ude00 \\ud83d"}',
    "text-behind-a-nul": b'{"payload":"a"}\0\xff"payload":"b"}',
    "no-utf-8": b'{"payload":"\xff\xfe"}',
}
WEBSOCKET = {
    "encrypted": line(**FRAME),
    "plain": line(messageId="CAEQAA==", payload="YQ==", publishTime="2025-01-31T12:00:00.000Z", properties={}, key=None, encryptionContext=None),
    "wrong-members": line(messageId="CAEQAA==", payload=5, encryptionContext={"keys": {"a": 1}}),
    "receipt": line(result="ok", messageId="CAEQAA==", context="17"),
    "refusal": line(result="send-error:3", errorMsg="\u001b[2Jno", context="18"),
}
PEEK = {
    "encrypted": "\r\n".join([
        "HTTP/1.1 200 OK", "X-Pulsar-Message-ID: 1:2", "X-Pulsar-publish-time: 2025-01-31T12:00:00.000Z", "X-Pulsar-sequence-id: 7",
        "X-Pulsar-producer-name: producer", "X-Pulsar-num-batch-message: 3", "X-Pulsar-compression: LZ4", "X-Pulsar-uncompressed-size: 100",
        "X-Pulsar-Is-Encrypted: true", "X-Pulsar-Base64-encryption-keys: " + base64_text(wrapped(b"a")[2:]),
        "X-Pulsar-Base64-encryption-param: " + base64_text(bytes(12)), "X-Pulsar-PROPERTY-trace: 1", "", "payload"]).encode(),
    "redirected": b"HTTP/1.1 307 Temporary Redirect\nLocation: x\n\nHTTP/1.1 200 OK\nX-Pulsar-PROPERTY: {\"a\":\"b\"}\nX-Pulsar-null-value: TRUE\n\n",
    "refused": b"HTTP/1.1 404 Not Found\r\n\r\n",
    "keys-not-told": b"X-Pulsar-Is-Encrypted: true\n\n",
    "escapes": b"X-Pulsar-sequence-id: \x1b[2J\n\n",
}
LINES = {
    "three": b"\x05one\ntwo\nthree",
    "too-long": b"\x02" + b"x" * 20 + b"\ny\n" + b"z" * 20,
    "empty-lines": b"\x00\n\n\n",
}


def frame(command, entry=b""):
    return len(command).to_bytes(4, "big") + command + entry


FRAMES = {
    "ping": frame(number(1, 18) + text(19, b"")),
    "message": frame(number(1, 9) + text(10, number(1, 1) + text(2, number(1, 5) + number(2, 6))), stored_entry(ONE, b"payload")),
    "connected": frame(number(1, 3) + text(4, text(1, b"Pulsar") + number(2, 15) + number(3, 5 << 20))),
    "error": frame(number(1, 14) + text(15, number(1, 1) + number(2, 3) + text(3, b"\x1b[2J"))),
    "cut": frame(number(1, 18) + text(19, b""))[:-1],
    "url": b"pulsar+ssl://[::1]:6651/",
    "url-without-port": b"pulsar://broker.example",
}


def websocket_frame(opcode, payload, final=True):
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return bytes([final << 7 | opcode]) + size + payload


TEXT_FRAME, CLOSE, PING = 1, 8, 9
CONNECTION = {
    "text": b"\x01" + websocket_frame(TEXT_FRAME, b"{}") + websocket_frame(PING, b"ping") + websocket_frame(TEXT_FRAME, b"[]"),
    "fragments": b"\x01" + websocket_frame(TEXT_FRAME, b"{", final=False) + websocket_frame(PING, b"") + websocket_frame(0, b"}"),
    "goodbye": b"\x01" + websocket_frame(CLOSE, (1000).to_bytes(2, "big") + b"\x1b[2Jbye"),
    "too-long-for-the-endpoint": b"\x01" + websocket_frame(CLOSE, (1009).to_bytes(2, "big")),
    "too-long-for-us": b"\x01" + websocket_frame(TEXT_FRAME, b"x" * 201),
    "refusal": b"\x00HTTP/1.1 401 Unauthorized\r\nContent-Length: 30\r\n\r\n<html><b>no &lt;token&gt;</b>\x1b[2J",
    "other-answer": b"\x00SSH-2.0-OpenSSH_9.2\r\n",
}

corpus = pathlib.Path(__file__).parent / "corpus"
for target, seeds in {
    "metadata_fields": METADATA,
    "encryption_context": METADATA,
    "consumer": CONSUMER,
    "entry_consumer": ENTRY_CONSUMER,
    "inspect": {**METADATA, "escapes": ONE + text(1, b"\x1b[2J") + key(b"\x1b[2J", 64, pair(3, b"\xff", b"\r"))},
    "json_message": JSON_MESSAGE,
    "websocket_connection": CONNECTION,
    "websocket_message": WEBSOCKET,
    "peek_headers": PEEK,
    "line_reader": LINES,
    "client_frame": FRAMES,
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
