#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: pulsar_client_test.py CLIENT KEYS NO_RESOLVER

The example client against FakeBroker: what it sends, what it acknowledges, and how it ends when the broker is absent,
hostile, or slow. KEYS holds demo-alice's and demo-bob's pairs; NO_RESOLVER is what tests/support/preload has for that.
"""
import base64
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from fake_broker import (ACK, CLOSE_PRODUCER, CONNECT, ERROR, FLOW, LOOKUP, LOOKUP_RESPONSE, PING, PONG, PRODUCER,
                         REDELIVER, SEND, SEND_ERROR, SEND_RECEIPT, SUBSCRIBE, FakeBroker, encode, frame)

CLIENT, KEYS, NO_RESOLVER = sys.argv[1:4] if len(sys.argv) > 3 else ("", "", "")
LONGEST = 40  # seconds that a client may take: far more than any test's own time-outs
DECRYPTION_ERROR = 4


def line(payload, **members):
    return json.dumps({"payload_base64": base64.b64encode(payload).decode(), **members}) + "\n"


def lines(count):
    return "".join(line(b"message %d" % number) for number in range(count))


class Ended:
    """How a client ended."""

    def __init__(self, arguments, text="", stdout=subprocess.PIPE):
        begun = time.monotonic()
        done = subprocess.run([CLIENT, *arguments], input=text.encode(), stdout=stdout, stderr=subprocess.PIPE,
                              timeout=LONGEST, check=False)
        self.seconds = time.monotonic() - begun
        self.status, self.errors = done.returncode, done.stderr.decode()
        self.messages = [json.loads(entry) for entry in (done.stdout or b"").splitlines()]
        self.payloads = [base64.b64decode(message.get("payload_base64", "")) for message in self.messages]


def produce(broker, text, *options, patience="10"):
    url = broker if isinstance(broker, str) else broker.url
    return Ended(["produce", "--url", url, "--topic", "t", "--keys", KEYS, "--request-timeout", patience, *options], text)


def consume(broker, *options, keys=KEYS, stdout=subprocess.PIPE, patience="10", silence="1"):
    url = broker if isinstance(broker, str) else broker.url
    silence = "10" if "--count" in options else silence  # how it ends
    return Ended(["consume", "--url", url, "--topic", "t", "--subscription", "s", "--from", "earliest", "--keys", keys,
                  "--request-timeout", patience, "--timeout", silence, *options], stdout=stdout)


def stored(text, *options):
    """The entries that a producer makes of `text`."""
    with FakeBroker() as broker:
        ended = produce(broker, text, *options)
        assert ended.status == 0, ended.errors
        return broker.stored()


class Messages(unittest.TestCase):
    """What a client sends, and what becomes of what it gets."""

    def test_only_ciphertext_leaves_and_the_broker_is_told(self):
        with FakeBroker() as broker:
            ended = produce(broker, lines(3), "--to", "demo-alice", "--to", "demo-bob")
        self.assertEqual((ended.status, ended.errors), (0, ""))
        self.assertEqual([message["message_id"] for message in ended.messages], ["7:0:-1:-1", "7:1:-1:-1", "7:2:-1:-1"])
        self.assertEqual(broker.of(PRODUCER)[0][0][5], [1])  # encrypted
        for entry in broker.stored():
            self.assertNotIn(b"message", entry)
            self.assertIn(b"demo-bob", entry)
        self.assertEqual(len(broker.of(CLOSE_PRODUCER)), 1)

    def test_plaintext_is_not_called_encrypted(self):
        with FakeBroker() as broker:
            self.assertEqual(produce(broker, lines(1)).status, 0)
        self.assertNotIn(1, broker.of(PRODUCER)[0][0].get(5, []))
        self.assertIn(b"message 0", broker.stored()[0])

    def test_what_was_sent_arrives(self):
        text = line(b"", key="k", properties={"a": "b"}, event_time=5, ordering_key_base64="b28=") + lines(10)
        text += line(b"message 10", key_base64="a2V5")
        for options in [], ["--batch", "5"], ["--batch", "5", "--compression", "zstd"], ["--compression", "lz4"]:
            with FakeBroker(entries=stored(text, "--to", "demo-alice", *options)) as broker:
                ended = consume(broker, "--count", "12")
            self.assertEqual((ended.status, ended.errors), (0, ""))
            self.assertEqual(ended.payloads, [b""] + [b"message %d" % number for number in range(11)])
            first = ended.messages[0]
            self.assertEqual((first["key"], first["properties"], first["event_time"], first["ordering_key_base64"]),
                             ("k", {"a": "b"}, 5, "b28="))
            self.assertEqual((ended.messages[11]["key"], ended.messages[11]["key_base64"]), (None, "a2V5"))
            self.assertEqual(first["producer"], "fake-producer")
            self.assertEqual([message["sequence"] for message in ended.messages], list(range(12)))
            acknowledged = [fields for fields, _ in broker.of(ACK)]
            self.assertEqual(len(acknowledged), len(broker.entries))
            self.assertFalse(any(4 in fields for fields in acknowledged))

    def test_a_tombstone_stays_one(self):
        with FakeBroker(entries=stored('{"null": true, "key": "k"}\n', "--to", "demo-alice")) as broker:
            message = consume(broker, "--count", "1").messages[0]
        self.assertTrue(message["null"])

    def test_a_long_message_travels_in_chunks_that_are_acknowledged_together(self):
        long = bytes(range(256)) * 40
        with FakeBroker() as broker:
            ended = produce(broker, line(long) + lines(1), "--to", "demo-alice", "--chunk", "--max-message-size", "4096")
        self.assertEqual((ended.status, ended.errors), (0, ""))
        sent = [fields for fields, _ in broker.of(SEND)]
        self.assertEqual([fields.get(7, [0]) for fields in sent], [[1], [1], [1], [0]])  # is_chunk
        self.assertEqual([fields[2] for fields in sent], [[0], [0], [0], [1]])  # sequence ids
        self.assertEqual([message["message_id"] for message in ended.messages], ["7:2:-1:-1", "7:3:-1:-1"])
        with FakeBroker(entries=broker.stored()) as second:
            ended = consume(second, "--count", "2", "--receiver-queue", "2")
        self.assertEqual(ended.payloads, [long, b"message 0"])
        self.assertEqual([len(fields[3]) for fields, _ in second.of(ACK)], [3, 1])
        self.assertGreaterEqual(second.permits(), 2 + 4 - 1)

    def test_a_long_message_travels_in_chunks_in_clear_too(self):
        long = bytes(range(256)) * 40
        entries = stored(line(long) + lines(1), "--chunk", "--max-message-size", "4096")
        self.assertEqual(len(entries), 4)
        with FakeBroker(entries=entries) as broker:
            ended = consume(broker, "--count", "2")
        self.assertEqual(ended.payloads, [long, b"message 0"])
        self.assertEqual([message["encrypted"] for message in ended.messages], [False, False])

    def test_the_data_key_rotates_and_all_are_read(self):
        entries = stored(lines(50), "--to", "demo-alice", "--rotate-after-messages", "1")
        with FakeBroker(entries=entries) as broker:
            self.assertEqual(len(consume(broker, "--count", "50").messages), 50)

    def test_discarded_messages_are_acknowledged_as_such_and_their_permits_come_back(self):
        with tempfile.TemporaryDirectory() as no_keys, FakeBroker(entries=stored(lines(30), "--to", "demo-alice",
                                                                                 "--batch", "10")) as broker:
            ended = consume(broker, "--on-failure", "discard", "--receiver-queue", "10", keys=no_keys)
        self.assertEqual((ended.status, ended.messages), (0, []))
        self.assertEqual([fields[4] for fields, _ in broker.of(ACK)], [[DECRYPTION_ERROR]] * 3)
        self.assertEqual(broker.permits(), 10 + 30)

    def test_failed_messages_are_not_acknowledged_and_are_asked_for_again(self):
        def three_times(connection, *command):  # so that none is under way at the end
            if len(connection.broker.of(REDELIVER)) <= 3:
                FakeBroker.answer(connection, *command)

        entries = stored(lines(30), "--to", "demo-alice", "--batch", "10")
        with tempfile.TemporaryDirectory() as no_keys, FakeBroker({REDELIVER: three_times}, entries) as broker:
            ended = consume(broker, "--ack-timeout", "0.1", "--receiver-queue", "10", keys=no_keys, silence="5")
        self.assertEqual((ended.status, ended.messages), (0, []))
        self.assertIn("key-not-found", ended.errors)
        self.assertEqual(broker.of(ACK), [])
        self.assertGreaterEqual(len(broker.of(REDELIVER)), 3)
        self.assertEqual(broker.permits() - 10, 30 * (1 + 3))

    def test_ciphertext_comes_with_all_that_is_needed_to_decrypt_it_later(self):
        entries = stored(lines(4), "--to", "demo-alice", "--batch", "2")
        with tempfile.TemporaryDirectory() as no_keys, FakeBroker(entries=entries) as broker:
            ended = consume(broker, "--on-failure", "consume", "--deliver-whole-batch", "--count", "2", keys=no_keys)
        message = ended.messages[0]
        self.assertTrue(message["encrypted_delivery"])
        self.assertEqual(message["context"]["batch_size"], 2)
        self.assertEqual(message["context"]["keys"][0]["name"], "demo-alice")
        self.assertEqual(len(base64.b64decode(message["context"]["nonce_base64"])), 12)

    def test_a_batch_that_cant_be_split_fails_under_consume(self):
        entries = stored(lines(2), "--to", "demo-alice", "--batch", "2") + stored(lines(1))
        with tempfile.TemporaryDirectory() as no_keys, FakeBroker(entries=entries) as broker:
            ended = consume(broker, "--on-failure", "consume", "--count", "1", keys=no_keys)
        self.assertEqual(ended.payloads, [b"message 0"])
        self.assertEqual(len(broker.of(ACK)), 1)

    def test_what_was_not_written_out_is_not_acknowledged(self):
        with FakeBroker(entries=stored(lines(3), "--to", "demo-alice")) as broker, open("/dev/full", "wb") as full:
            ended = consume(broker, stdout=full)
        self.assertEqual(ended.status, 1)
        self.assertIn("standard output", ended.errors)
        self.assertEqual(broker.of(ACK), [])

    def test_half_a_batch_is_not_acknowledged(self):
        with FakeBroker(entries=stored(lines(6), "--to", "demo-alice", "--batch", "3")) as broker:
            ended = consume(broker, "--count", "4")
        self.assertEqual(len(ended.messages), 4)
        self.assertEqual(len(broker.of(ACK)), 1)

    def test_a_damaged_entry_is_not_acknowledged(self):
        entries = stored(lines(2), "--to", "demo-alice")
        damaged = entries[0][:-1] + bytes([entries[0][-1] ^ 1])
        with FakeBroker(entries=[damaged, entries[1]]) as broker:
            ended = consume(broker, "--count", "1")
        self.assertEqual(ended.payloads, [b"message 1"])
        self.assertEqual(len(broker.of(ACK)), 1)
        self.assertIn("checksum", ended.errors)

    def test_no_acknowledge(self):
        with FakeBroker(entries=stored(lines(2), "--to", "demo-alice")) as broker:
            self.assertEqual(len(consume(broker, "--no-acknowledge", "--count", "2").messages), 2)
        self.assertEqual(broker.of(ACK), [])

    def test_pings_are_answered(self):
        def ping_first(connection, *command):
            connection.send(PING, {})
            FakeBroker.answer(connection, *command)

        with FakeBroker({SUBSCRIBE: ping_first}) as broker:
            self.assertEqual(consume(broker).status, 0)
        self.assertEqual(len(broker.of(PONG)), 1)

    def test_a_redirect_is_followed(self):
        with FakeBroker() as owner:
            def redirect(connection, _, fields, __):
                connection.send(LOOKUP_RESPONSE, {1: owner.url, 3: 0, 4: fields[2][0], 5: 1})

            with FakeBroker({LOOKUP: redirect}) as first:
                self.assertEqual(produce(first, lines(1), "--to", "demo-alice").status, 0)
        self.assertEqual(owner.of(LOOKUP)[0][0][3], [1])  # authoritative
        self.assertEqual(len(owner.stored()), 1)
        self.assertEqual(first.stored(), [])


class Failures(unittest.TestCase):
    """A broker that doesn't do what it should."""

    def expect(self, ended, *words):
        self.assertEqual(ended.status, 1, ended.errors)
        self.assertEqual(ended.errors.count("\n"), 1, ended.errors)
        for word in words:
            self.assertIn(word, ended.errors)

    def expect_both(self, instead, *words):
        for client in (lambda broker: produce(broker, lines(1), "--to", "demo-alice"), consume):
            with FakeBroker(instead) as broker:
                self.expect(client(broker), *words)

    def raw(self, data, then_close=True):
        def answer(connection, *_):
            connection.stream.sendall(data)
            if then_close:
                connection.stream.shutdown(socket.SHUT_RDWR)

        return answer

    def test_absent(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            url = f"pulsar://127.0.0.1:{gone.getsockname()[1]}"
        self.expect(produce(url, lines(1)), url, "can't connect", "refused")

    def test_refusing(self):
        for number, words in (3, "not authenticated"), (4, "not authorised"), (6, "refuses"):
            refuse = self.raw(frame(ERROR, {1: (1 << 64) - 1, 2: number, 3: "go\x1b away"}))
            self.expect_both({CONNECT: refuse}, words, "go\\x1b away")

    def test_not_authorised_for_the_topic(self):
        def refuse(connection, _, fields, __):
            connection.send(LOOKUP_RESPONSE, {3: 2, 4: fields[2][0], 6: 4, 7: "no"})

        self.expect_both({LOOKUP: refuse}, "persistent://public/default/t", "not authorised")

    def test_encryption_is_required(self):
        def refuse(connection, _, fields, __):
            connection.send(ERROR, {1: fields[3][0], 2: 1, 3: "Encryption is required in t"})

        with FakeBroker({PRODUCER: refuse}) as broker:
            self.expect(produce(broker, lines(1)), "Encryption is required in t")

    def test_a_message_is_refused(self):
        def refuse(connection, _, fields, __):
            connection.send(SEND_ERROR, {1: 1, 2: fields[2][0], 3: 22, 4: "Messages must be encrypted"})

        with FakeBroker({SEND: refuse}) as broker:
            self.expect(produce(broker, lines(1)), "Messages must be encrypted")

    def test_closing_in_the_middle_of_a_frame(self):
        whole = frame(ERROR, {1: 0, 2: 0, 3: "x"})
        for size, words in (0, "ended the connection"), (3, "ended the connection"), (9, "in the middle of a frame"):
            self.expect_both({CONNECT: self.raw(whole[:size])}, words)

    def test_garbage(self):
        self.expect_both({CONNECT: self.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", False)}, "1213486160", "is this a Pulsar")
        self.expect_both({CONNECT: self.raw(struct.pack(">II", 8, 4) + b"\xff" * 4)}, "doesn't parse")
        self.expect_both({CONNECT: self.raw(struct.pack(">II", 8, 5) + b"\0" * 4)}, "past its end")
        self.expect_both({CONNECT: self.raw(struct.pack(">I", 2) + b"\0" * 2)}, "too short")

    def test_frames_that_are_too_long(self):
        self.expect_both({CONNECT: self.raw(struct.pack(">I", 1 << 31), False)}, "2147483648")
        # As negotiated.
        too_long = self.raw(struct.pack(">I", 1000 + 10 * 1024 + 1), False)
        with FakeBroker({SUBSCRIBE: too_long}, max_message_size=1000) as broker:
            self.expect(consume(broker), "11241 bytes", "at most 11240")

    def test_never_answering(self):
        def ended(kind):
            with FakeBroker({kind: lambda *_: None}) as broker:
                if kind == SUBSCRIBE:
                    return consume(broker, patience="0.5")
                # These come before it, and have to be in time.
                return produce(broker, lines(1), patience="5" if kind in (SEND, CLOSE_PRODUCER) else "0.5")

        kinds = CONNECT, LOOKUP, PRODUCER, SEND, CLOSE_PRODUCER, SUBSCRIBE
        with ThreadPoolExecutor(len(kinds)) as at_once:
            for kind, end in zip(kinds, at_once.map(ended, kinds)):
                self.expect(end, "no receipt in time" if kind == SEND else "no answer in time")

    def test_name_servers_that_never_answer(self):
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        with mock.patch.dict(os.environ, LD_PRELOAD=NO_RESOLVER, ASAN_OPTIONS=sanitizer):
            ended = produce("pulsar://broker.example", lines(1), patience="0.5")
        self.expect(ended, "pulsar://broker.example:6650", "no answer in time")

    def test_receipts_for_something_else(self):
        def confuse(connection, _, __, ___):
            connection.send(SEND_RECEIPT, {1: 1, 2: 77, 3: encode({1: 7, 2: 0})})

        with FakeBroker({SEND: confuse}) as broker:
            self.expect(produce(broker, lines(1)), "77")

    def test_the_topic_moves_away(self):
        def close(connection, *_):
            connection.send(CLOSE_PRODUCER, {1: 1, 2: 0})

        with FakeBroker({SEND: close}) as broker:
            self.expect(produce(broker, lines(1)), "closed the producer")

    def test_redirected_in_a_circle(self):
        def redirect(connection, _, fields, __):
            connection.send(LOOKUP_RESPONSE, {1: connection.broker.url, 3: 0, 4: fields[2][0]})

        self.expect_both({LOOKUP: redirect}, "redirected more than 20 times")

    def test_redirected_to_nowhere(self):
        def redirect(connection, _, fields, __):
            connection.send(LOOKUP_RESPONSE, {1: "http://x\n", 3: 0, 4: fields[2][0]})

        self.expect_both({LOOKUP: redirect}, "not a broker's URL", "http://x\\n")

    def test_messages_that_are_none(self):
        for text, words in (("x\n", "isn't a JSON object"), ("{}\n", "payload_base64"), (line(b"a", key=1), '"key"'),
                            ('{"payload_base64": "!"}\n', "base64"), (line(b"a", properties={"a": 1}), "properties"),
                            (line(b"a", event_time=-1), "event_time")):
            with FakeBroker() as broker:
                self.expect(produce(broker, lines(2) + text), "line 3", words)

    def test_without_keys_nothing_is_sent(self):
        with FakeBroker() as broker:
            self.expect(produce(broker, lines(1), "--to", "demo-alice", "--to", "nobody"), "nobody.public.pem")
        self.assertEqual(broker.received, [])

    def test_a_message_that_is_too_long(self):
        for options in [], ["--to", "demo-alice"]:
            with FakeBroker(max_message_size=1000) as broker:
                self.expect(produce(broker, line(b"x" * 2000), *options), "line 1", "2000")

    def test_usage(self):
        for arguments in [], ["produce"], ["consume", "--url", "pulsar://h", "--topic", "t"], ["x"]:
            self.assertEqual(Ended(arguments).status, 2)
        self.expect(produce("http://h", ""), "pulsar://HOST:PORT")


@unittest.skipUnless(shutil.which("openssl"), "needs the program openssl")
class Tls(unittest.TestCase):
    """Certificates and tokens."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.here = cls.certificate("here", "IP:127.0.0.1,DNS:localhost")
        cls.elsewhere = cls.certificate("elsewhere", "IP:192.0.2.1,DNS:elsewhere.example")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def certificate(cls, name, names):
        stem = str(Path(cls.folder.name) / name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=" + names, "-keyout", stem + ".key",
                        "-out", stem + ".crt"], check=True, capture_output=True)
        return stem

    def broker(self, stem, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(stem + ".crt", stem + ".key")
        return FakeBroker(tls=context, **options)

    def expect(self, ended, words):
        self.assertEqual(ended.status, 1)
        self.assertIn(words, ended.errors)

    def test_works_by_address_and_by_name_and_sends_the_token(self):
        token = Path(self.folder.name) / "token"
        token.write_text("secret-token\n")
        with self.broker(self.here) as broker:
            for url in broker.url, broker.url.replace("127.0.0.1", "localhost"):
                ended = produce(url, lines(1), "--to", "demo-alice", "--tls-ca", self.here + ".crt", "--token-file",
                                str(token))
                self.assertEqual((ended.status, ended.errors), (0, ""))
        connect = broker.of(CONNECT)[0][0]
        self.assertEqual((connect[5], connect[3]), ([b"token"], [b"secret-token"]))

    def test_an_unknown_authority(self):
        with self.broker(self.here) as broker:
            self.expect(produce(broker, lines(1)), "certificate can't be trusted: self")
            self.expect(produce(broker, lines(1), "--tls-ca", self.elsewhere + ".crt"), "certificate can't be trusted: self")
        self.assertEqual(broker.received, [])

    def test_a_certificate_for_somebody_else(self):
        with self.broker(self.elsewhere) as broker:
            for url, words in ((broker.url, "IP address mismatch"),
                               (broker.url.replace("127.0.0.1", "localhost"), "hostname mismatch")):
                self.expect(produce(url, lines(1), "--tls-ca", self.elsewhere + ".crt"), words)
        self.assertEqual(broker.received, [])

    def test_the_wrong_port(self):
        with FakeBroker() as plain, self.broker(self.here) as secure:
            url = plain.url.replace("pulsar://", "pulsar+ssl://")
            self.expect(produce(url, lines(1), "--tls-ca", self.here + ".crt", patience="0.3"), url)
            url = secure.url.replace("pulsar+ssl://", "pulsar://")
            self.expect(produce(url, lines(1)), url)

    def test_no_way_back_from_tls(self):
        def redirect(connection, _, fields, __):
            connection.send(LOOKUP_RESPONSE, {1: "pulsar://127.0.0.1:1", 2: "pulsar://127.0.0.1:1", 3: 0, 4: fields[2][0]})

        with self.broker(self.here, instead={LOOKUP: redirect}) as broker:
            self.expect(produce(broker, lines(1), "--tls-ca", self.here + ".crt"), "without TLS")

    def test_no_certificates_and_no_token_where_they_should_be(self):
        self.expect(produce("pulsar+ssl://127.0.0.1:1", "", "--tls-ca", "/no/such"), "/no/such")
        self.expect(produce("pulsar://127.0.0.1:1", "", "--token-file", "/no/such"), "/no/such")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
