#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: broker_cells.py [--smoke] [--only TEXT] [--output FILE]

Messages through a real broker, between the official clients and ours. README.md says what a cell is.
"""
import base64
import concurrent.futures
import random

from questions import Scenario, cell, command, difference_of, outcome_of, whats_wrong

SUITE = "broker"
TABLE_BY = ("keys", "recipients")
COLUMNS = ("mode",)

OFFICIAL = ("java", "go", "python")
ALL = (*OFFICIAL, "pulseal")
CHUNKED_SIZE = 12 * 1024**2

MODES = {  # the arguments of each producer: they share the messages
    "plain": [[]],
    "empty payloads": [["--compression", codec] for codec in ("none", "lz4", "zlib", "zstd", "snappy")],
    "batch of 10": [["--batch", 10]],
    "LZ4": [["--compression", "lz4"]],
    "ZLIB": [["--compression", "zlib"]],
    "ZSTD": [["--compression", "zstd"]],
    "SNAPPY": [["--compression", "snappy"]],
    "batch of 10, ZSTD": [["--batch", 10, "--compression", "zstd"]],
    "12 MiB in chunks": [["--chunk"]],
    "12 MiB in chunks, LZ4": [["--chunk", "--compression", "lz4"]],
}
RECIPIENTS = {"RSA": ["alice", "bob"], "EC": ["eve", "emil"]}


def messages(mode):
    if mode == "empty payloads":
        return [message(b"", i) for i in range(5)]
    if "chunks" not in mode:
        return [message(f"{i} ".encode() * (i + 1)**2, i) for i in range(20)]
    return [message(b"before", 0), message(random.Random(1).randbytes(CHUNKED_SIZE), 1), message(b"after", 2)]


def message(payload, i):
    return {"payload_base64": base64.b64encode(payload).decode(), "key": f"key {i % 3}", "event_time": 1700000000000 + i,
            "ordering_key_base64": base64.b64encode(b"order %d" % i).decode(),
            "properties": {"number": str(i), "grüße": "schöne", "empty": ""}}


def can_write(writer, keys, recipients):
    return writer in ("java", "pulseal") or keys == "RSA" and (writer == "go" or recipients == 1)


def matrix(writer, keys, mode, recipients):
    """One topic, written once and read by everyone."""
    readers = ALL if can_write(writer, keys, recipients) else ("any",)
    cells = [cell(SUITE, writer, reader, keys=keys, recipients=recipients, mode=mode) for reader in readers]
    return Scenario(cells, lambda bench: ask_matrix(bench, cells, mode))


def ask_matrix(bench, cells, mode):
    what = cells[0]["what"]
    writer, keys, recipients = cells[0]["writer"], what["keys"], what["recipients"]
    names = RECIPIENTS[keys][:recipients]
    topic, sent = bench.topic(), messages(mode)
    error = write(bench, writer, topic, sent, MODES[mode], names)
    if error or not can_write(writer, keys, recipients):
        return [outcome_of(one, error) for one in cells]
    with concurrent.futures.ThreadPoolExecutor(len(cells)) as pool:
        return list(pool.map(lambda one: ask_reader(bench, one, topic, sent, names[-1]), cells))


def write(bench, writer, topic, sent, producers, names):
    """The first error."""
    share = len(sent) // len(producers)
    for i, arguments in enumerate(producers):
        written = bench.produce(writer, topic, sent[i * share:(i + 1) * share], *arguments, to=names)
        if not written.ok:
            return written.error
    return ""


def ask_reader(bench, one, topic, sent, name):
    reader = one["reader"]
    timeout = 20 if difference_of(one) is None else 3
    read = bench.consume(reader, topic, "--count", len(sent), "--timeout", timeout, keys=name)
    return outcome_of(one, whats_wrong(read, sent), bench.said(reader, topic))


def scenarios(smoke):
    import broker_scenarios
    if smoke:
        topics = [(writer, "RSA", mode, 1) for writer in ALL for mode in ("plain", "batch of 10", "12 MiB in chunks")]
        return [*(matrix(*topic) for topic in [*topics, ("java", "EC", "plain", 2), ("pulseal", "EC", "batch of 10", 2)]),
                *broker_scenarios.smoke()]
    return [*(matrix(writer, keys, mode, recipients)
              for keys in RECIPIENTS for recipients in (1, 2) for mode in MODES for writer in ALL),
            *broker_scenarios.full()]


def cells(smoke=False):
    return [one for scenario in scenarios(smoke) for one in scenario.cells]


if __name__ == "__main__":
    command(__doc__, scenarios)
