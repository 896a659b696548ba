# SPDX-License-Identifier: Apache-2.0
"""What the matrix of broker_cells.py doesn't ask: failure actions and permits, rotation, redelivery, compaction, and so on."""
import base64
import concurrent.futures
import contextlib
import json
import subprocess
import time
import urllib.error

import differences
from questions import PROGRAM, Result, Scenario, cell, outcome_of, whats_wrong

ALL = ("java", "go", "python", "pulseal")
UNDECRYPTABLE_BATCHES = 1000


def smoke():
    return [encryption_required("pulseal"), undecryptable("pulseal", ["DISCARD"]), rotation("pulseal", "java"),
            rotation("java", "pulseal")]


def full():
    return [
        *(encryption_required(writer) for writer in ALL),
        *(send_in_clear(writer) for writer in ALL),
        *(undecryptable(reader, ["FAIL", "DISCARD", "CONSUME"]) for reader in ALL),
        *(rotation("pulseal", reader) for reader in ALL), rotation("java", "pulseal"), rotation("go", "pulseal"),
        rotation("python", "pulseal"),
        *(killed_producer(writer, reader, kind) for kind in KILLED_KINDS
          for writer, reader in (("pulseal", "java"), ("pulseal", "pulseal"), ("java", "pulseal"))),
        *(redelivery(first, second) for first, second in (("java", "pulseal"), ("go", "pulseal"), ("python", "pulseal"),
                                                          ("pulseal", "java"), ("pulseal", "pulseal"))),
        mixed(),
        *(saved_context(writer, reader, kind) for kind in SAVED_KINDS for writer, reader in
          (("pulseal", "java"), ("pulseal", "go"), ("pulseal", "python"), ("pulseal", "pulseal"), ("java", "pulseal"))),
        *(compacted(writer, kind) for writer in ("pulseal", "java") for kind in COMPACTED_KINDS),
        *(tls_and_token(writer, reader) for client in ("java", "go", "python")
          for writer, reader in (("pulseal", client), (client, "pulseal"))),
    ]


def question(writer, reader, **what):
    return cell("broker", writer, reader, **what)


def numbered(count, size=20):
    """`count` messages that say their number."""
    return [{"payload_base64": base64.b64encode(b"%0*d" % (size, i)).decode(), "properties": {"number": str(i)}}
            for i in range(count)]


def must_write(written):
    if not written.ok:
        raise RuntimeError(f"writing failed: {written.error}")
    return written


def wait_until(condition, seconds=10):
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def stats(bench, topic):
    return bench.broker.admin("GET", f"{topic.replace('://', '/')}/stats")


def entries(bench, topic):
    """How many entries the broker has of `topic`."""
    try:
        return bench.broker.admin("GET", f"{topic.replace('://', '/')}/internalStats")["entriesAddedCounter"]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return 0
        raise


# A topic that requires encryption.

def encryption_required(writer):
    reader = "java" if writer == "pulseal" else "pulseal"
    cells = [question(writer, "broker", case="a topic that requires encryption refuses plaintext"),
             question(writer, reader, case=differences.TAKES_ENCRYPTED)]

    def ask(bench):
        clear, encrypted = bench.topic("encrypted"), bench.topic("encrypted")
        refused = bench.produce(writer, clear, numbered(1))
        accepted = bench.produce(writer, encrypted, numbered(3), to=["alice"])
        problem = whats_wrong(bench.consume(reader, encrypted, "--count", 3, keys="alice"), numbered(3))
        return [("pass", refused.error) if not refused.ok and entries(bench, clear) == 0 else ("fail", "it was taken"),
                outcome_of(cells[1], accepted.error or problem)]

    return Scenario(cells, ask)


def send_in_clear(writer):
    """alice's key wraps before the other can't be had: what is sent in clear must not say that it is encrypted."""
    cells = [question(writer, "broker", case=differences.SEND_IN_CLEAR)]

    def ask(bench):
        topic = bench.topic("encrypted")
        names = ["missing"] if writer == "python" else ["alice", "missing"]
        written = bench.produce(writer, topic, numbered(1), "--on-failure", "send", to=names)
        if writer == "python":
            return [outcome_of(cells[0], written.error)]
        if entries(bench, topic) > 0:
            return [outcome_of(cells[0], "the broker has taken plaintext")]
        return [("pass", written.error)]

    return Scenario(cells, ask)


# Consumers that lack the key.

def undecryptable(reader, actions):
    """1,000 batches of 10 that `reader` can't decrypt, then one message that it can."""
    cells = [question("pulseal", reader, case=differences.UNDECRYPTABLE, action=action)
             for action in actions]

    def ask(bench):
        topic = bench.topic()
        must_write(bench.produce("pulseal", topic, numbered(10 * UNDECRYPTABLE_BATCHES), "--batch", 10, to=["carol"]))
        must_write(bench.produce("pulseal", topic, numbered(1), "--compression", "lz4", to=["alice"]))
        return [outcome_with_action(bench, topic, one) for one in cells]

    return Scenario(cells, ask)


def outcome_with_action(bench, topic, one):
    reader, action = one["reader"], one["what"]["action"]
    delivered = UNDECRYPTABLE_BATCHES if action == "CONSUME" else 0
    whole = ["--deliver-whole-batch"] if action == "CONSUME" and reader == "pulseal" else []
    read = bench.consume(reader, topic, "--on-failure", action.lower(), "--count", delivered + 1, "--timeout", 5,
                         "--subscription", f"{reader}-{action}", *whole, keys="alice")
    backlog = lambda: stats(bench, topic)["subscriptions"][f"{reader}-{action}"]["msgBacklog"]
    if action == "FAIL":
        if any(line["payload_base64"] != numbered(1)[0]["payload_base64"] for line in read.lines):
            return outcome_of(one, "an undecryptable message was delivered")
        if backlog() < UNDECRYPTABLE_BATCHES:
            return outcome_of(one, "undecryptable messages were acknowledged")
        return "pass", "none of them delivered or acknowledged; the message behind them " + (
            "arrives" if read.lines else "waits")
    if not read.ok or len(read.lines) != delivered + 1:
        return outcome_of(one, read.error or f"stops after {len(read.lines)} of {delivered + 1} deliveries")
    if problem := whats_wrong(Result(read.lines[-1:]), numbered(1)):
        return outcome_of(one, problem)
    if not wait_until(lambda: backlog() == 0):
        return outcome_of(one, f"{backlog()} entries were not acknowledged")
    return outcome_of(one, "")


def redelivery(first, second):
    cells = [question("pulseal", second, case="what a consumer without the key fails, one with the key gets", first=first)]

    def ask(bench):
        topic, shared = bench.topic(), ["--subscription", "shared", "--subscription-type", "shared"]
        ack_timeout = 10 if first == "python" else 2  # the least that the client takes
        sent = numbered(20)
        waiting = bench.clients.process_client(first).start(
            bench.consume_arguments(topic, *shared, "--ack-timeout", ack_timeout, "--timeout", 60))
        try:
            if not wait_until(lambda: has_consumer(bench, topic, "shared"), 20):
                return [("fail", f"{first} did not subscribe")]
            must_write(bench.produce("pulseal", topic, sent, to=["alice"]))
            read = bench.consume(second, topic, *shared, "--count", len(sent), "--timeout", 3 * ack_timeout + 10,
                                 keys="alice")
            if waiting.poll() is not None:
                return [("fail", f"{first} ended: {waiting.stderr.read()[-300:]}")]
        finally:
            waiting.kill()
            waiting.communicate()
        read.lines.sort(key=lambda line: line["payload_base64"])  # redelivery is in any order
        return [outcome_of(cells[0], whats_wrong(read, sent))]

    return Scenario(cells, ask)


def has_consumer(bench, topic, subscription):
    try:
        return len(stats(bench, topic)["subscriptions"][subscription]["consumers"]) > 0
    except (urllib.error.HTTPError, KeyError):
        return False


SAVED_KINDS = {"single, LZ4": ["--compression", "lz4"], "batch of 10": ["--batch", 10],
               "chunks": ["--chunk", "--max-message-size", 65536]}


def saved_context(writer, reader, kind):
    cells = [question(writer, reader, case=differences.SAVED, kind=kind)]

    def ask(bench):
        topic, sent = bench.topic(), numbered(1, 200000) if kind == "chunks" else numbered(10)
        must_write(bench.produce(writer, topic, sent, *SAVED_KINDS[kind], to=["alice"]))
        whole = ["--deliver-whole-batch"] if reader == "pulseal" else []
        client = bench.clients.process_client(reader)  # some don't survive it
        kept = client.run(bench.consume_arguments(topic, "--on-failure", "consume", "--timeout", 5, *whole))
        if not kept.ok:
            return [outcome_of(cells[0], kept.error)]
        if not kept.lines:
            return [outcome_of(cells[0], "nothing arrives")]
        plaintexts, error = decrypt_later(bench, kept.lines)
        wanted = [base64.b64decode(message["payload_base64"]) for message in sent]
        if kind == "chunks":  # without word of them in its context each is a message of its own
            plaintexts = [b"".join(plaintexts)]
        return [outcome_of(cells[0], error or ("" if plaintexts == wanted else "another plaintext"))]

    return Scenario(cells, ask)


def decrypt_later(bench, lines):
    """What `pulseal decrypt` makes of deliveries with their contexts, and its error."""
    kept = "".join(json.dumps(as_kept(line)) + "\n" for line in lines)
    done = subprocess.run([PROGRAM, "decrypt", "--key-dir", bench.keys("alice"), "--format", "jsonl"], input=kept,
                          capture_output=True, text=True, timeout=60)
    read = [json.loads(line) for line in done.stdout.splitlines()]
    return [payload_of(line) for line in read], done.stderr.strip() if done.returncode else ""


def payload_of(line):
    return line["payload"].encode() if "payload" in line else base64.b64decode(line["payload_base64"])


def as_kept(line):
    context = line["context"]
    if "metadata_base64" in context:
        return {"payload_base64": line["payload_base64"], "context": context["metadata_base64"]}
    return {"payload": line["payload_base64"], "encryptionContext": context}


# Producers.

def rotation(writer, reader):
    cells = [question(writer, reader, case=differences.ROTATION)]

    def ask(bench):
        topic, sent = bench.topic(), numbered(200)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            reading = pool.submit(bench.consume, reader, topic, "--count", len(sent), "--timeout", 20, keys="alice")
            arguments = bench.produce_arguments(topic, "--rotate-after-messages", 20, to=["alice"])
            written = (produce_in_turns(bench.clients.process_client(writer), arguments, sent) if writer == "pulseal" else
                       bench.clients[writer].run(arguments, sent))
            if writer == "python":
                must_write(bench.produce("pulseal", topic, sent, to=["alice"]))  # ends the reader
                return [outcome_of(cells[0], written.error)]
            read = reading.result()
        problem = written.error or whats_wrong(read, sent)
        wrapped = {json.dumps(line["context"]["keys"]) for line in read.lines if "context" in line}
        if not problem and len(wrapped) == 1:  # not all clients show it
            problem = "all under one data key"
        return [outcome_of(cells[0], problem)]

    return Scenario(cells, ask)


def produce_in_turns(client, arguments, sent):
    """Each message when the one before has its receipt: ours changes the data key in the background, which takes its time."""
    result = Result()
    with client.start(arguments, stdin=subprocess.PIPE) as process:
        for message in sent:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            if not process.stdout.readline():
                break
        process.stdin.close()
        if process.wait(60) != 0:
            result.error = process.stderr.read().strip()
    return result


KILLED_KINDS = {"single messages": [], "chunked messages": ["--chunk", "--max-message-size", 65536]}


def killed_producer(writer, reader, kind):
    """All that had a receipt is there; what had none is there once or twice."""
    cells = [question(writer, reader, case="a producer killed and restarted", kind=kind)]

    def ask(bench):
        topic = bench.topic()
        sent = numbered(12, 2 * 1024**2) if "chunk" in kind else numbered(2000)
        arguments = bench.produce_arguments(topic, *KILLED_KINDS[kind], "--producer-name", "again", to=["alice"])
        receipts = produce_until_killed(bench.clients.process_client(writer), arguments, sent, len(sent) // 4)
        wait_until(lambda: not stats(bench, topic)["publishers"])
        must_write(bench.clients[writer].run(arguments, sent[receipts:]))
        read = bench.consume(reader, topic, "--timeout", 5, keys="alice")
        return [outcome_of(cells[0], read.error or whats_lost(read.lines, receipts, sent))]

    return Scenario(cells, ask)


def whats_lost(lines, receipts, sent):
    """The first producer's messages came in order, at least those with a receipt; then the second's."""
    numbers = [int(line["properties"]["number"]) for line in lines]
    first = len(numbers) - (len(sent) - receipts)
    if first >= receipts and numbers == [*range(first), *range(receipts, len(sent))]:
        return whats_wrong(Result(lines[:first]), sent[:first]) or whats_wrong(Result(lines[first:]), sent[receipts:])
    missing = set(range(len(sent))) - set(numbers)
    return f"{len(missing)} messages did not come" if missing else "out of order, or twice though there was a receipt"


def produce_until_killed(client, arguments, sent, wanted):
    """Receipts that came until the client was killed, at least `wanted`."""
    with client.start(arguments, stdin=subprocess.PIPE) as process:
        def write():
            try:
                process.stdin.writelines(json.dumps(message) + "\n" for message in sent)
                process.stdin.flush()
            except BrokenPipeError:
                pass

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(write)
            lines = [process.stdout.readline() for _ in range(wanted)]
            process.kill()
        lines += process.stdout
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        return sum(line.endswith("\n") for line in lines)


# Topics.

def mixed():
    """Five producers on one topic: encrypted by each client with a data key of its own, and in clear."""
    parts = [("pulseal", ["alice"], []), ("java", [], []), ("go", ["alice", "bob"], ["--batch", 5]),
             ("python", ["alice"], ["--compression", "zlib"]), ("java", ["bob", "alice"], ["--compression", "snappy"]),
             ("pulseal", [], ["--batch", 5])]
    cells = [question("all", reader, case="plaintext and every client's encrypted messages on one topic") for reader in ALL]

    def ask(bench):
        topic, sent = bench.topic(), numbered(5 * len(parts))
        for i, (writer, names, more) in enumerate(parts):
            must_write(bench.produce(writer, topic, sent[5 * i:5 * i + 5], *more, to=names))
        return [outcome_of(one, whats_wrong(bench.consume(one["reader"], topic, "--count", len(sent), keys="alice"), sent))
                for one in cells]

    return Scenario(cells, ask)


COMPACTED_KINDS = {"one by one": [], "in batches": ["--batch", 3]}


def compacted(writer, kind):
    """A key whose last message is a tombstone is gone."""
    cells = [question(writer, reader, case=differences.COMPACTED, kind=kind) for reader in ALL]

    def ask(bench):
        topic = bench.topic()
        sent = [{**message, "key": key} for message, key in zip(numbered(6), "abcada")] + [{"null": True, "key": "d"}]
        must_write(bench.produce(writer, topic, sent, *COMPACTED_KINDS[kind], to=["alice"]))
        compaction = f"{topic.replace('://', '/')}/compaction"
        bench.broker.admin("PUT", compaction)
        if not wait_until(lambda: bench.broker.admin("GET", compaction)["status"] == "SUCCESS", 30):
            return [("fail", f"not compacted: {bench.broker.admin('GET', compaction)}")] * len(cells)
        left = [sent[1], sent[2], sent[5]]

        def ask_reader(one):
            read = bench.consume(one["reader"], topic, "--compacted", "--timeout", 3, keys="alice")
            return outcome_of(one, whats_wrong(last_of_each_key(read), left))

        with concurrent.futures.ThreadPoolExecutor(len(cells)) as pool:
            return list(pool.map(ask_reader, cells))

    return Scenario(cells, ask)


def last_of_each_key(read):
    """Without tombstones: what a reader takes for the topic's content."""
    last = {}
    for line in read.lines:
        last.pop(line["key"], None)
        last[line["key"]] = line
    return Result([line for line in last.values() if line.get("payload_base64")], read.error)


def tls_and_token(writer, reader):
    cells = [question(writer, reader, case=differences.TLS)]

    def ask(bench):
        broker, topic = bench.broker, bench.topic()
        secure = ["--url", broker.tls_url, "--tls-ca", broker.tls_ca, "--token-file", broker.token_file]
        sent = numbered(3)
        replace_url = lambda words: [*words[:1], *secure, *words[3:]]
        written = bench.clients[writer].run(replace_url(bench.produce_arguments(topic, to=["alice"])), sent)
        if not written.ok:
            return [outcome_of(cells[0], written.error)]
        read = bench.clients[reader].run(replace_url(bench.consume_arguments(topic, "--count", 3, keys="alice")))
        return [outcome_of(cells[0], whats_wrong(read, sent))]

    return Scenario(cells, ask)
