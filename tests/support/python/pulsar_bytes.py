# SPDX-License-Identifier: Apache-2.0
"""Pulsar's bytes and the topic file's, in Python that shares nothing with lib/ (docs/wire-format.md, docs/topic-file.md)."""

import struct


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C_TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC32C_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(data, at):
    """The number at data[at], and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The fields of a serialised protobuf message: (number, value) pairs, values as int or bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, at = varint(data, at)
        elif wire_type == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"field {number}: unexpected wire type {wire_type}")
        yield number, value


def serialized(*numbers_and_values):
    """The other way round: (number, int or bytes) pairs as a protobuf message."""
    message = b""
    for number, value in numbers_and_values:
        if isinstance(value, int):
            message += to_varint(number << 3) + to_varint(value)
        else:
            message += to_varint(number << 3 | 2) + to_varint(len(value)) + value
    return message


def to_varint(value):
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(groups + bytes([value]))


def stored_entry(metadata, payload):
    checked = struct.pack(">I", len(metadata)) + metadata + payload
    return b"\x0e\x01" + struct.pack(">I", crc32c(checked)) + checked


def topic_file(*stored_entries):
    topic = b"pulseal-topic 1\n"
    for entry in stored_entries:
        head = b"\xf5PTR" + struct.pack(">I", len(entry))
        topic += head + struct.pack(">I", crc32c(head + struct.pack(">Q", len(topic)))) + entry
    return topic


def entries(path):
    """The other way round: the stored entries of a topic file."""
    with open(path, "rb") as file:
        topic = file.read()
    found, at = [], 16
    while at < len(topic):
        (length,) = struct.unpack_from(">I", topic, at + 4)
        found.append(topic[at + 12 : at + 12 + length])
        at += 12 + length
    return found
