#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compression and batches against implementations that share nothing with the library: what one side writes the other reads.

usage: independent_framing_test.py FRAMING_FILTER
"""
import random
import struct
import subprocess
import sys
import unittest
import zlib
from pathlib import Path

import lz4.block
import snappy
import zstandard

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support/python"))
from pulsar_bytes import fields  # noqa: E402

FILTER = sys.argv[1]


def run(*arguments, data, fails=False):
    done = subprocess.run([FILTER, *map(str, arguments)], input=data, capture_output=True)
    if (done.returncode != 0) != fails:
        raise AssertionError(f"{arguments}: {done.returncode} {done.stderr}")
    return done.stdout


# The wire's number: how Python compresses, how it decompresses.
CODECS = {
    1: (lambda data: lz4.block.compress(data, store_size=False),
        lambda data, size: lz4.block.decompress(data, uncompressed_size=size)),
    2: (zlib.compress, lambda data, size: zlib.decompress(data)),
    3: (zstandard.ZstdCompressor().compress, lambda data, size: zstandard.ZstdDecompressor().decompress(data, size)),
    4: (snappy.compress, lambda data, size: snappy.decompress(data)),
}
PAYLOADS = [b"x", b"one line", b"x" * 100_000, b"".join(b"message %d, " % i for i in range(50_000)),
            random.Random(1).randbytes(200_000)]


class Compression(unittest.TestCase):
    def test_python_reads_what_we_write(self):
        for codec, (_, decompress) in CODECS.items():
            for payload in PAYLOADS:
                compressed = run("compress", codec, data=payload)
                self.assertEqual(decompress(compressed, len(payload)), payload, f"codec {codec}")

    def test_we_read_what_python_writes(self):
        for codec, (compress, _) in CODECS.items():
            for payload in PAYLOADS + [b""]:
                compressed = compress(payload)
                self.assertEqual(run("decompress", codec, len(payload), data=compressed), payload, f"codec {codec}")
                run("decompress", codec, len(payload) + 1, data=compressed, fails=True)

    def test_a_zstd_frame_without_its_size(self):
        stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
        compressed = stream.compress(PAYLOADS[3]) + stream.flush()
        self.assertEqual(run("decompress", 3, len(PAYLOADS[3]), data=compressed), PAYLOADS[3])

    def test_other_framings_are_refused(self):
        import lz4.frame
        payload = PAYLOADS[3]
        gzip = zlib.compressobj(wbits=31)
        raw = zlib.compressobj(wbits=-15)
        for codec, other in ((1, lz4.frame.compress(payload)), (1, lz4.block.compress(payload)),
                             (2, gzip.compress(payload) + gzip.flush()), (2, raw.compress(payload) + raw.flush()),
                             (4, b"\xff\x06\x00\x00sNaPpY" + snappy.compress(payload))):
            run("decompress", codec, len(payload), data=other, fails=True)


class Batch(unittest.TestCase):
    LINES = [b"first", b"", b"x" * 300, b"last"]

    def test_python_splits_what_we_build(self):
        batch = run("batch", data=b"".join(line + b"\n" for line in self.LINES))
        at = place = 0
        for line in self.LINES:
            (size,) = struct.unpack_from(">I", batch, at)
            metadata = dict(fields(batch[at + 4 : at + 4 + size]))
            at += 4 + size
            self.assertEqual(metadata[3], len(line))
            self.assertEqual(batch[at : at + metadata[3]], line)
            self.assertEqual(metadata[2], line)
            self.assertEqual(dict(fields(metadata[1])), {1: b"length", 2: line})
            self.assertEqual(metadata[8], place)
            at += len(line)
            place += len(line) + 1
        self.assertEqual(at, len(batch))

    def test_we_split_what_python_builds(self):
        batch = b""
        for line in self.LINES:
            metadata = b"\x18" + bytes([len(line) & 0x7F | 0x80, len(line) >> 7]) + b"\x12\x03key"
            batch += struct.pack(">I", len(metadata)) + metadata + line
        self.assertEqual(run("split", 4, data=batch), b"".join(line + b" key\n" for line in self.LINES))
        for count in (0, 3, 5, -1):
            run("split", count, data=batch, fails=True)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
