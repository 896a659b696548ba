# SPDX-License-Identifier: Apache-2.0
"""A broker of Pulsar's binary protocol in a thread, for tests: polite unless it is told what to do differently."""
import pathlib
import socket
import struct
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support/python"))
import pulsar_bytes  # noqa: E402

# BaseCommand.Type, which is also the number of the command's field.
CONNECT, CONNECTED, SUBSCRIBE, PRODUCER, SEND, SEND_RECEIPT, SEND_ERROR, MESSAGE, ACK, FLOW = range(2, 12)
SUCCESS, ERROR, CLOSE_PRODUCER, CLOSE_CONSUMER, PRODUCER_SUCCESS, PING, PONG, REDELIVER = range(13, 21)
LOOKUP, LOOKUP_RESPONSE = 23, 24


def encode(fields):
    """Protocol Buffers from {number: int, text, bytes or list of them}."""
    pairs = []
    for number, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            pairs.append((number, value.encode() if isinstance(value, str) else value))
    return pulsar_bytes.serialized(*pairs)


def decode(data):
    """{number: list of int or bytes}."""
    decoded = {}
    for number, value in pulsar_bytes.fields(data):
        decoded.setdefault(number, []).append(value)
    return decoded


def frame(kind, fields, entry=b""):
    command = encode({1: kind, kind: encode(fields)})
    return struct.pack(">II", 4 + len(command) + len(entry), len(command)) + command + entry


class Connection:
    """The broker's end of one connection."""

    def __init__(self, broker, stream):
        self.broker, self.stream, self.has_entries = broker, stream, False

    def send(self, kind, fields, entry=b""):
        self.stream.sendall(frame(kind, fields, entry))

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.stream.recv(size - len(data))
            if not more:
                raise ConnectionError("the client has gone")
            data += more
        return data

    def receive(self):
        """(kind, fields, entry) of the next frame."""
        size, command_size = struct.unpack(">II", self.read(8))
        body = self.read(size - 4)
        command = decode(body[:command_size])
        kind = command[1][0]
        return kind, decode(command[kind][0]), body[command_size:]


class FakeBroker:
    """`instead`: {kind: function(connection, kind, fields, entry)} for what it shall do differently; `entries`: what a
    consumer gets, again after each redelivery. What clients sent is in `received`: (kind, fields, entry)."""

    def __init__(self, instead=None, entries=(), tls=None, max_message_size=5 * 1024 * 1024):
        self.instead, self.entries, self.tls = instead or {}, list(entries), tls
        self.max_message_size = max_message_size
        self.received = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"{'pulsar+ssl' if tls else 'pulsar'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def of(self, kind):
        return [(fields, entry) for seen, fields, entry in self.received if seen == kind]

    def stored(self):
        return [entry for _, entry in self.of(SEND)]

    def permits(self):
        return sum(fields[2][0] for fields, _ in self.of(FLOW))

    def _accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream):
        try:
            if self.tls:
                stream = self.tls.wrap_socket(stream, server_side=True)
            connection = Connection(self, stream)
            while True:
                kind, fields, entry = connection.receive()
                self.received.append((kind, fields, entry))
                self.instead.get(kind, FakeBroker.answer)(connection, kind, fields, entry)
        except (OSError, ConnectionError):
            pass
        finally:
            stream.close()

    @staticmethod
    def answer(connection, kind, fields, entry):
        """What a polite broker says."""
        broker = connection.broker
        if kind == CONNECT:
            connection.send(CONNECTED, {1: "fake", 2: 15, 3: broker.max_message_size})
        elif kind == LOOKUP:
            connection.send(LOOKUP_RESPONSE, {(2 if broker.tls else 1): broker.url, 3: 1, 4: fields[2][0]})
        elif kind == PRODUCER:
            connection.send(PRODUCER_SUCCESS, {1: fields[3][0], 2: "fake-producer"})
        elif kind == SEND:
            entry_id = len(broker.stored()) - 1
            connection.send(SEND_RECEIPT, {1: fields[1][0], 2: fields[2][0], 3: encode({1: 7, 2: entry_id})})
        elif kind == SUBSCRIBE:
            connection.send(SUCCESS, {1: fields[5][0]})
        elif kind == REDELIVER or (kind == FLOW and not connection.has_entries):
            connection.has_entries = True
            for number, stored in enumerate(broker.entries):
                connection.send(MESSAGE, {1: 1, 2: encode({1: 7, 2: number})}, stored)
        elif kind in (CLOSE_PRODUCER, CLOSE_CONSUMER):
            connection.send(SUCCESS, {1: fields[2][0]})
