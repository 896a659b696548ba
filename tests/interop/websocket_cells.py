#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: websocket_cells.py [--smoke] [--only TEXT] [--output FILE]

The program's ws:// and wss:// topics, through a real broker's WebSocket endpoint. README.md says what a cell is; "pulseal" is
the program here.
"""
import base64
import json
import os
import subprocess
import tempfile
import time

from broker import Broker
from clients import Result
from questions import PROGRAM, Scenario, cell, command, outcome_of, whats_wrong

SUITE = "websocket"
TABLE_BY = ("direction",)
COLUMNS = ("mode",)

SECONDS = 120
MANY = 5000
UNCONFIRMED = 1000  # what the program may have sent and has no receipt of, at most
MODES = {
    "plain": [],
    "LZ4": ["--compression", "lz4"],
    "ZLIB": ["--compression", "zlib"],
    "ZSTD": ["--compression", "zstd"],
    "SNAPPY": ["--compression", "snappy"],
}
BATCHES = {"batch of 10": ["--batch", 10], "batch of 10, ZSTD": ["--batch", 10, "--compression", "zstd"]}
RECIPIENTS = {"RSA": ["alice", "bob"], "EC": ["eve", "emil"]}


def messages():
    """Of what the endpoint carries: no ordering key."""
    return [{"payload_base64": base64.b64encode(f"{i} ".encode() * (i + 1)**2).decode(), "key": f"key {i % 3}",
             "event_time": 1700000000000 + i, "properties": {"number": str(i), "grüße": "schöne", "empty": ""}}
            for i in range(20)]


# The program.

def url_of(topic, endpoint):
    return endpoint + "/" + topic.removeprefix("persistent://")


def program(*arguments):
    return [str(PROGRAM), *map(str, arguments)]


def run(arguments, text=""):
    done = subprocess.run(program(*arguments), input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                          timeout=SECONDS, check=False)
    errors = done.stderr.strip().splitlines()
    error = "" if done.returncode == 0 else errors[-1] if errors else f"pulseal ended with {done.returncode}"
    return Result([json.loads(line) for line in done.stdout.splitlines()], error)


def produce(bench, topic, sent, *more, to, endpoint=None):
    url = url_of(topic, endpoint or bench.broker.websocket_url)
    return run(["produce", url, "--to", to, "--key-dir", bench.keys("nobody"), "--format", "jsonl", *more],
               "".join(json.dumps(message) + "\n" for message in sent))


def consume(bench, topic, count, *more, keys, endpoint=None):
    url = url_of(topic, endpoint or bench.broker.websocket_url)
    read = run(["consume", url, "--subscription", "program", "--count", count, "--idle", "20s", "--format", "jsonl", "--key-dir",
                bench.keys(keys), *more])
    for line in read.lines:
        if "payload" in line:
            line["payload_base64"] = base64.b64encode(line["payload"].encode()).decode()
    return read


# The matrix.

def to_program(writer, keys, recipients):
    """The official clients write, the program reads: a topic for each mode."""
    modes = {**MODES, **BATCHES}
    cells = [cell(SUITE, writer, "pulseal", direction="consume", keys=keys, recipients=recipients, mode=mode) for mode in modes]
    return Scenario(cells, lambda bench: [ask_to_program(bench, one, modes[one["what"]["mode"]]) for one in cells])


def ask_to_program(bench, one, arguments):
    names = RECIPIENTS[one["what"]["keys"]][:one["what"]["recipients"]]
    topic, sent = bench.topic(), messages()
    written = bench.produce(one["writer"], topic, sent, *arguments, to=names)
    if not written.ok:
        return "fail", written.error
    return outcome_of(one, whats_wrong(consume(bench, topic, len(sent), keys=names[-1]), sent))


def from_program(keys, mode):
    """The program writes, everyone reads."""
    readers = ("java", "go", "python", "pulseal") if keys == "RSA" else ("java", "pulseal")
    cells = [cell(SUITE, "pulseal", reader, direction="produce", keys=keys, recipients=1, mode=mode) for reader in readers]
    return Scenario(cells, lambda bench: ask_from_program(bench, cells))


def ask_from_program(bench, cells):
    what = cells[0]["what"]
    name = RECIPIENTS[what["keys"]][0]
    topic, sent = bench.topic(), messages()
    written = produce(bench, topic, sent, *MODES[what["mode"]], to=name)
    if not written.ok:
        return [("fail", written.error)] * len(cells)
    return [outcome_of(one, whats_wrong(read(bench, one["reader"], topic, sent, name), sent)) for one in cells]


def read(bench, reader, topic, sent, name):
    if reader == "pulseal":
        return consume(bench, topic, len(sent), keys=name)
    return bench.consume(reader, topic, "--count", len(sent), "--timeout", 20, keys=name)


# What stands alone.

def case(writer, reader, text, ask):
    one = cell(SUITE, writer, reader, case=text)
    return Scenario([one], lambda bench: [outcome_of(one, ask(bench))])


def two_recipients(bench):
    """Refused by the program, because the endpoint answers each message with a NullPointerException."""
    refused = run(["produce", url_of(bench.topic(), bench.broker.websocket_url), "--to", "alice", "--to", "bob", "--key-dir",
                   bench.keys("nobody")], "one\n")
    return "" if "takes messages for one recipient only" in refused.error else f"isn't refused: {refused.error}"


def encryption_required(bench):
    topic, sent = bench.topic("encrypted"), messages()
    written = produce(bench, topic, sent, to="alice")
    return written.error or whats_wrong(consume(bench, topic, len(sent), keys="alice"), sent)


def rotation(bench):
    topic, sent = bench.topic(), [{"payload_base64": base64.b64encode(b"%d" % i).decode()} for i in range(1000)]
    written = produce(bench, topic, sent, "--rotate-after-messages", 100, to="alice")
    return written.error or whats_wrong(bench.consume("java", topic, "--count", len(sent), "--timeout", 20, keys="alice"), sent)


def tls_and_token(bench):
    broker, topic, sent = bench.broker, bench.topic(), messages()
    access = ["--tls-ca", broker.tls_ca, "--token-file", broker.token_file]
    written = produce(bench, topic, sent, *access, to="alice", endpoint=broker.websocket_tls_url)
    return written.error or whats_wrong(
        consume(bench, topic, len(sent), *access, keys="alice", endpoint=broker.websocket_tls_url), sent)


def refusals(bench):
    """What a wrong authority, another host's certificate and a token without rights come to."""
    broker, topic, tls = bench.broker, bench.topic(), bench.broker.websocket_tls_url
    refused = [
        ("isn't trusted", tls, ["--tls-ca", broker.other_ca]),
        ("isn't trusted: hostname mismatch", tls.replace("127.0.0.1", "localhost"), ["--tls-ca", broker.tls_ca]),
        ("not authorised", tls, ["--tls-ca", broker.tls_ca, "--token-file", broker.stranger_token_file]),
        ("404 Not Found", broker.websocket_url, []),
    ]
    for wanted, endpoint, more in refused:
        where = topic if not wanted.startswith("404") else "persistent://public/nowhere/topic"
        for result in (produce(bench, where, messages(), *more, to="alice", endpoint=endpoint),
                       consume(bench, where, 1, *more, keys="alice", endpoint=endpoint)):
            if wanted not in result.error:
                return f"wanted {wanted!r}, got {result.error!r}"
    return ""


def restart(bench):
    """A broker of its own is killed, and restarted, while the program writes and reads thousands of messages."""
    with Broker() as broker, tempfile.TemporaryFile("w+") as output:
        url = url_of("persistent://public/default/restarted", broker.websocket_url)
        writer = subprocess.Popen(program("produce", url, "--to", "alice", "--key-dir", bench.keys("nobody")), text=True,
                                  stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        reader = subprocess.Popen(program("consume", url, "--subscription", "s", "--key-dir", bench.keys("alice"), "--idle",
                                          "15s"), text=True, stdout=output, stderr=subprocess.PIPE)
        feed(writer, range(MANY // 3))
        wait_for_lines(output, MANY // 4)
        feed(writer, range(MANY // 3, 2 * MANY // 3))
        broker.kill()
        broker.start()
        wait_for_lines(output, MANY // 2)
        feed(writer, range(2 * MANY // 3, MANY))
        broker.restart()
        errors = [process.communicate(timeout=SECONDS)[1] for process in (writer, reader)]
        output.seek(0)
        came = [int(line) for line in output]
    if writer.returncode or reader.returncode:
        return " ".join(errors)
    lost, twice = MANY - len(set(came)), len(came) - len(set(came))
    if lost:
        return f"{lost} messages are lost"
    return f"{twice} messages came twice" if twice > 2 * UNCONFIRMED else ""


def feed(writer, numbers):
    writer.stdin.writelines(f"{number}\n" for number in numbers)
    writer.stdin.flush()


def wait_for_lines(output, wanted):
    deadline = time.monotonic() + SECONDS
    while os.fstat(output.fileno()).st_size < len("1234\n") * wanted:
        if time.monotonic() > deadline:
            raise TimeoutError("the reader doesn't go on")
        time.sleep(0.05)


def scenarios(smoke):
    if smoke:
        return [to_program("java", "RSA", 1), from_program("RSA", "plain"), from_program("EC", "LZ4")]
    return [
        *(to_program("java", keys, recipients) for keys in RECIPIENTS for recipients in (1, 2)),
        *(to_program(writer, "RSA", 1) for writer in ("go", "python")),
        *(from_program(keys, mode) for keys in RECIPIENTS for mode in MODES),
        case("pulseal", "pulseal", "two recipients are refused, since the endpoint fails on them", two_recipients),
        case("pulseal", "pulseal", "a namespace that requires encryption", encryption_required),
        case("pulseal", "java", "rotation: 1000 messages, a data key for each 100", rotation),
        case("pulseal", "pulseal", "TLS and a token", tls_and_token),
        case("pulseal", "pulseal", "another authority, another host's certificate, a stranger's token, no such namespace",
             refusals),
        case("pulseal", "pulseal", f"broker killed, and restarted, in the middle of {MANY} messages: none lost", restart),
    ]


def cells(smoke=False):
    return [one for scenario in scenarios(smoke) for one in scenario.cells]


if __name__ == "__main__":
    command(__doc__, scenarios)
