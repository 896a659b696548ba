# SPDX-License-Identifier: Apache-2.0
"""The Python client (the C++ client inside) behind the command line that all topic clients share: see ../README.md.

It encrypts for one recipient and reads with one private key: the folder of --keys may hold one.
"""
import argparse
import base64
import json
import os
import sys
import threading
from pathlib import Path

import pulsar


def parse(words):
    parser = argparse.ArgumentParser(prog="topic_client.py", exit_on_error=False)
    actions = parser.add_subparsers(dest="action", required=True)
    produce = actions.add_parser("produce", exit_on_error=False)
    consume = actions.add_parser("consume", exit_on_error=False)
    for action in (produce, consume):
        action.add_argument("--url", required=True)
        action.add_argument("--topic", required=True)
        action.add_argument("--keys", type=Path)
        action.add_argument("--tls-ca")
        action.add_argument("--token-file", type=Path)
    produce.add_argument("--to", action="append", default=[])
    produce.add_argument("--batch", type=int)
    produce.add_argument("--compression", default="none")
    produce.add_argument("--chunk", action="store_true")
    produce.add_argument("--max-message-size", type=int)
    produce.add_argument("--rotate-after-messages", type=int)
    produce.add_argument("--producer-name")
    produce.add_argument("--on-failure", choices=["fail", "send"], default="fail")
    consume.add_argument("--subscription", required=True)
    consume.add_argument("--subscription-type", default="exclusive")
    consume.add_argument("--from", dest="position", default="earliest")
    consume.add_argument("--on-failure", choices=["fail", "discard", "consume"], default="fail")
    consume.add_argument("--count", type=int, default=sys.maxsize)
    consume.add_argument("--timeout", type=int, default=10)
    consume.add_argument("--receiver-queue", type=int, default=1000)
    consume.add_argument("--ack-timeout", type=int)
    consume.add_argument("--no-acknowledge", action="store_true")
    consume.add_argument("--compacted", action="store_true")
    return parser.parse_args(words)


def run(words, lines, output):
    arguments = parse(words)
    if arguments.action == "produce":
        refuse_what_it_cannot(arguments)
    client = connect(arguments)
    try:
        if arguments.action == "produce":
            produce(client, arguments, lines, output)
        else:
            consume(client, arguments, output)
    finally:
        client.close()


def refuse_what_it_cannot(arguments):
    if len(arguments.to) > 1:
        raise ValueError("create_producer takes one encryption_key, not several")
    if arguments.rotate_after_messages:
        raise ValueError("the client has no way to make a new data key")
    if arguments.max_message_size:
        raise ValueError("create_producer has no size of chunks: they are as large as the broker allows")
    if arguments.on_failure != "fail":
        raise ValueError("create_producer has no failure action")


def connect(arguments):
    options = {"logger": pulsar.ConsoleLogger(pulsar.LoggerLevel.Warn), "operation_timeout_seconds": 15}
    if arguments.tls_ca:
        options |= {"tls_trust_certs_file_path": arguments.tls_ca, "tls_validate_hostname": True}
    if arguments.token_file:
        options["authentication"] = pulsar.AuthenticationToken(arguments.token_file.read_text().strip())
    return pulsar.Client(arguments.url, **options)


def produce(client, arguments, lines, output):
    options = {"compression_type": getattr(pulsar.CompressionType, {"lz4": "LZ4", "zlib": "ZLib", "zstd": "ZSTD",
                                                                    "snappy": "SNAPPY"}.get(arguments.compression, "NONE")),
               "chunking_enabled": arguments.chunk, "send_timeout_millis": 20000, "block_if_queue_full": True}
    if arguments.batch:
        options |= {"batching_enabled": True, "batching_max_messages": arguments.batch,
                    "batching_max_allowed_size_in_bytes": 4 * 1024 * 1024, "batching_max_publish_delay_ms": 1000}
    if arguments.producer_name:
        options["producer_name"] = arguments.producer_name
    if arguments.to:
        options |= {"encryption_key": arguments.to[0], "crypto_key_reader": key_reader(arguments.keys, arguments.to[0])}
    producer = client.create_producer(arguments.topic, **options)
    receipts = Receipts(output)
    for line in lines:
        message = json.loads(line)
        if message.get("null"):
            raise ValueError("the Python client has no tombstones")
        producer.send_async(base64.b64decode(message["payload_base64"]), receipts.expect(),
                            properties=message.get("properties") or None, partition_key=message.get("key"),
                            ordering_key=base64.b64decode(message.get("ordering_key_base64", "")).decode() or None,
                            event_timestamp=message.get("event_time") or None)
    producer.flush()
    receipts.wait()
    producer.close()


class Receipts:
    """Prints receipts as they come; wait() ends when all came."""

    def __init__(self, output):
        self._output = output
        self._changed = threading.Condition()
        self._pending = 0
        self._failed = None

    def expect(self):
        with self._changed:
            self._pending += 1
        return self._received

    def wait(self):
        with self._changed:
            if not self._changed.wait_for(lambda: self._pending == 0, timeout=60):
                raise RuntimeError(f"{self._pending} receipts did not come")
        if self._failed:
            raise RuntimeError(f"send failed: {self._failed}")

    def _received(self, result, message_id):
        with self._changed:
            if result == pulsar.Result.Ok:
                write(self._output, {"message_id": text(message_id)})
            else:
                self._failed = self._failed or result
            self._pending -= 1
            self._changed.notify_all()


def consume(client, arguments, output):
    types = {"exclusive": pulsar.ConsumerType.Exclusive, "shared": pulsar.ConsumerType.Shared,
             "failover": pulsar.ConsumerType.Failover}
    actions = {"fail": pulsar.ConsumerCryptoFailureAction.FAIL, "discard": pulsar.ConsumerCryptoFailureAction.DISCARD,
               "consume": pulsar.ConsumerCryptoFailureAction.CONSUME}
    position = pulsar.InitialPosition.Latest if arguments.position == "latest" else pulsar.InitialPosition.Earliest
    private_keys = sorted(arguments.keys.glob("*.private.pem")) if arguments.keys else []
    consumer = client.subscribe(
        arguments.topic, arguments.subscription, consumer_type=types[arguments.subscription_type],
        initial_position=position, receiver_queue_size=arguments.receiver_queue, is_read_compacted=arguments.compacted,
        unacked_messages_timeout_ms=arguments.ack_timeout and arguments.ack_timeout * 1000,
        crypto_key_reader=pulsar.CryptoKeyReader("", str(private_keys[0])) if private_keys else None,
        crypto_failure_action=actions[arguments.on_failure])
    for _ in range(arguments.count):
        try:
            message = consumer.receive(timeout_millis=arguments.timeout * 1000)
        except pulsar.Timeout:
            break
        write(output, describe(message))
        if not arguments.no_acknowledge:
            consumer.acknowledge(message)
    consumer.close()


def describe(message):
    described = {"message_id": text(message.message_id()), "payload_base64": base64.b64encode(message.data()).decode(),
                 "key": message.partition_key(), "properties": message.properties(),
                 "event_time": message.event_timestamp(), "producer": message.producer_name()}
    if message.ordering_key():
        described["ordering_key_base64"] = base64.b64encode(message.ordering_key().encode()).decode()
    context = message.encryption_context()
    if context is not None:
        described["encrypted_delivery"] = context.is_decryption_failed()
        described["context"] = describe_context(context)
    return described


def describe_context(context):
    """As Pulsar's WebSocket endpoint writes it."""
    names = {pulsar.CompressionType.LZ4: "LZ4", pulsar.CompressionType.ZLib: "ZLIB", pulsar.CompressionType.ZSTD: "ZSTD",
             pulsar.CompressionType.SNAPPY: "SNAPPY"}
    described = {"keys": {key.key: {"keyValue": base64.b64encode(key.value).decode(), "metadata": dict(key.metadata)}
                          for key in context.keys()},
                 "param": base64.b64encode(context.param()).decode(),
                 "compressionType": names.get(context.compression_type(), "NONE"),
                 "uncompressedMessageSize": context.uncompressed_message_size()}
    if context.batch_size() > 1:
        described["batchSize"] = context.batch_size()
    return described


def key_reader(folder, name):
    return pulsar.CryptoKeyReader(str(folder / f"{name}.public.pem"), "")


def text(message_id):
    return f"{message_id.ledger_id()}:{message_id.entry_id()}:{message_id.partition()}:{message_id.batch_index()}"


_output_lock = threading.Lock()


def write(output, line):
    with _output_lock:
        output.write(json.dumps(line) + "\n")
        output.flush()


def take_stdout():
    """Standard output for us alone: the client logs to it."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def serve(job, answers):
    error = ""
    try:
        with open(job["input"], encoding="utf-8") as lines, open(job["output"], "w", encoding="utf-8") as output:
            run(job["arguments"], lines, output)
    except Exception as failure:  # whatever the client throws is what the cell shows
        error = f"{type(failure).__name__}: {failure}"
    write(answers, {"id": job["id"], "error": error})


def serve_jobs(answers):
    """One job a line, each on a thread of its own, answered by a line when it is done."""
    for line in sys.stdin:
        threading.Thread(target=serve, args=(json.loads(line), answers), daemon=True).start()


def main():
    output = take_stdout()
    if sys.argv[1:] == ["jobs"]:
        serve_jobs(output)
        return
    try:
        run(sys.argv[1:], sys.stdin, output)
    except Exception as failure:
        sys.exit(f"topic_client.py: {type(failure).__name__}: {failure}")


if __name__ == "__main__":
    main()
