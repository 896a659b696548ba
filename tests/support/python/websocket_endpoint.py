# SPDX-License-Identifier: Apache-2.0
"""usage: python3 -m websocket_endpoint [OPTION...] -- COMMAND

Runs COMMAND, a line of bash, beside something that behaves as Pulsar's WebSocket endpoint does with encrypted messages, or
misbehaves as the options say. $URL is the namespace public/default there: "$URL/orders" is a topic. Afterwards endpoint.json
has what became of it; ends as COMMAND did.
"""
import argparse
import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

from pulsar_bytes import fields

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
COMPRESSION = ["NONE", "LZ4", "ZLIB", "ZSTD", "SNAPPY"]


class Gone(Exception):
    pass


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.send_lock = threading.Lock()

    def read(self, size):
        data = b""
        while len(data) < size:
            try:
                piece = self.sock.recv(size - len(data))
            except OSError as error:
                raise Gone from error
            if not piece:
                raise Gone
            data += piece
        return data

    def read_head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.read(1)
        return head.decode()

    def write(self, data):
        try:
            with self.send_lock:
                self.sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def read_frame(self):
        first, second = self.read(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self.read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.read(8))
        assert second & 0x80, "a client masks its frames"
        assert first & 0x80, "one frame, one message"
        mask = self.read(4)
        data = bytearray(self.read(size))
        if data:
            repeated = (mask * (len(data) // 4 + 1))[: len(data)]
            data = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(data), "big")
        return first & 0x0F, bytes(data)

    def write_frame(self, opcode, data):
        size = len(data)
        if size < 126:
            head = struct.pack(">BB", 0x80 | opcode, size)
        elif size < 65536:
            head = struct.pack(">BBH", 0x80 | opcode, 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
        self.write(head + data)

    def write_json(self, value):
        self.write_frame(TEXT, json.dumps(value).encode())

    def close(self, code, reason):
        self.write_frame(CLOSE, struct.pack(">H", code) + reason.encode())

    def abort(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Endpoint:
    def __init__(self, options):
        self.options = options
        self.lock = threading.RLock()
        self.topics = {}  # name -> [message]
        self.acknowledged = {}  # (topic, subscription) -> set of indices
        self.connections = set()
        self.count = {"connects": 0, "frames": 0, "acknowledgements": 0, "too_early": 0, "permits": 0, "handshakes": 0, "restarts": 0,
                      "most_permits_open": 0}
        self.until_restart = 0
        self.send_errors = options.send_errors
        self.listener = None
        # Bound and never listening, it keeps the port while the endpoint is restarted; both have SO_REUSEADDR.
        self.holder = socket.socket()
        self.holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.holder.bind(("127.0.0.1", 0))
        self.port = self.holder.getsockname()[1]
        for load in options.load:
            topic, _, path = load.partition("=")
            self.topics[f"persistent/public/default/{topic}"] = list(stored_messages(path))

    # The listener, and its restarts.

    def listen(self):
        self.until_restart = self.options.restart_every
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=50)
        if self.options.fault == "close-early":  # what is sent mustn't fit into what the system holds
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def restart(self):
        """As a broker that is killed and started again: connections break, nobody listens for a while, what was stored stays."""
        with self.lock:
            self.count["restarts"] += 1
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            gone, self.connections = self.connections, set()
        for connection in gone:
            connection.abort()
        threading.Timer(0.2, self.listen).start()

    def frame_came(self):
        with self.lock:
            self.count["frames"] += 1
            self.until_restart -= 1
            if self.until_restart == 0:
                self.restart()  # before the other end can come again, to be answered by a listener that is about to go
                raise Gone

    def serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.options.certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self.options.certificate)
                sock = context.wrap_socket(sock, server_side=True)
            connection = Connection(sock)
            with self.lock:
                self.connections.add(connection)
                self.count["connects"] += 1
            self.handshake(connection)
        except (Gone, OSError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection) if "connection" in locals() else None
            sock.close()

    def handshake(self, connection):
        fault = self.options.fault
        if fault == "silent":
            time.sleep(60)
        if fault == "http-garbage":
            connection.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            raise Gone
        head = connection.read_head()
        path, _, query = head.split()[1].partition("?")
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        query = dict(urllib.parse.parse_qsl(query))
        with self.lock:
            self.count["handshakes"] += 1
            number = self.count["handshakes"]
        wanted = self.options.token
        if wanted and headers.get("Authorization") != f"Bearer {wanted}":
            return self.refuse(connection, 401, "Unauthorized", "Failed to authenticate")
        if fault.startswith("refuse") and number <= (self.options.refusals or number):
            status = int(fault.partition("=")[2])
            return self.refuse(connection, status, "No", "Failed to create consumer: &lt;busy&gt;\x1b[31m")
        key = headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key).digest()).decode()
        connection.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        parts = path.split("/")
        assert parts[:3] == ["", "ws", "v2"], path
        topic = "/".join(urllib.parse.unquote(part) for part in parts[4:8])
        if parts[3] == "producer":
            self.take_messages(connection, topic, query)
        else:
            self.give_messages(connection, topic, urllib.parse.unquote(parts[8]), query)

    def refuse(self, connection, status, reason, text):
        body = f"<html><body><h2>HTTP ERROR {status}</h2><p>{text}</p></body></html>"
        connection.write(f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())

    def misbehave(self, connection):
        """What is wrong with the texts of this endpoint."""
        fault = self.options.fault
        if fault == "mute":
            pass
        elif fault == "bad-frame":
            connection.write(b"\xff\x7f" + b"garbage" * 100)
        elif fault == "no-json":
            connection.write_frame(TEXT, b"what? \x1b[31m")
        elif fault == "no-member":
            connection.write_json({"good": "day"})
        elif fault == "huge-frame":
            connection.write(struct.pack(">BBQ", 0x81, 127, 2**31) + b"x" * 100_000)
        elif fault == "cut-frame":
            connection.write(struct.pack(">BBH", 0x81, 126, 1000) + b"x" * 500)
            raise Gone
        elif fault == "close":
            connection.close(1011, "something \x1b[31mbroke")
        elif fault == "no-permits":  # more messages than anybody asked for, and no pause between them
            messages = (json.dumps({"messageId": message_id(i), "payload": "", "publishTime": ""}) for i in range(120_000))
            frames = b"".join(struct.pack(">BB", 0x81, len(text)) + text.encode() for text in messages)
            threading.Thread(target=connection.write, args=(frames,), daemon=True).start()
            return
        elif fault == "repeat":  # one message, again and again, without a pause
            threading.Thread(target=self.repeat, args=(connection,), daemon=True).start()
            return
        else:
            return
        while True:  # until the client goes
            connection.read(1)

    def repeat(self, connection):
        text = json.dumps({"messageId": message_id(0), "payload": base64.b64encode(b"again").decode(), "publishTime": ""})
        frames = (struct.pack(">BB", 0x81, len(text)) + text.encode()) * 1000
        try:
            while True:
                connection.write(frames)
        except Gone:
            pass

    # Producers.

    def close_early(self, connection):
        """The receipt of a message, other receipts and a goodbye, while the message is being sent; it is read slowly."""
        connection.write_json({"result": "ok", "messageId": message_id(0), "context": "1"})
        for _ in range(5_000):
            connection.write_json({"result": "send-error:3", "errorMsg": "busy", "context": "1"})
        connection.close(1001, "going away")
        while True:  # until the client goes
            connection.read(65536)
            time.sleep(0.1)

    def take_messages(self, connection, topic, query):
        keys = json.loads(base64.b64decode(query["encryptionKeys"])) if "encryptionKeys" in query else {}
        receipts = 0
        if self.options.fault == "close-early" and self.count["connects"] == 1:
            self.close_early(connection)
        while True:
            opcode, data = connection.read_frame()
            if opcode == CLOSE:
                connection.write_frame(CLOSE, data[:2])
                return
            if opcode != TEXT:
                continue
            if len(data) > self.options.max_text:
                connection.close(1009, f"Text message size [{len(data)}] exceeds maximum size [{self.options.max_text}]")
                connection.read_frame()
                return
            message = json.loads(data)
            self.misbehave(connection)
            with self.lock:
                send_error = len(keys) != 1 or self.send_errors > 0
                self.send_errors -= 1
            if send_error:
                connection.write_json({"result": "send-error:3", "errorMsg": "java.lang.NullPointerException",
                                       "context": message["context"]})
                continue
            with self.lock:
                stored = self.topics.setdefault(topic, [])
                stored.append(consumers_view(message, keys))
                index = len(stored) - 1
            self.frame_came()
            connection.write_json({"result": "ok", "messageId": message_id(index), "context": message["context"]})
            receipts += 1
            if receipts == self.options.close_every:
                connection.close(1001, "going away")
                while True:  # until the client goes
                    connection.read(1)

    # Consumers.

    def give_messages(self, connection, topic, subscription, query):
        wanted = {"cryptoFailureAction": "CONSUME", "pullMode": "true", "subscriptionInitialPosition": "Earliest"}
        assert all(query.get(name) == value for name, value in wanted.items()), query
        assert int(query["receiverQueueSize"]) >= 1
        with self.lock:
            done = self.acknowledged.setdefault((topic, subscription), set())
        self.misbehave(connection)
        permits = threading.Semaphore(0)
        open_permits = [0]
        threading.Thread(target=self.push, args=(connection, topic, done, permits, open_permits), daemon=True).start()
        while True:
            opcode, data = connection.read_frame()
            if opcode == CLOSE:
                connection.write_frame(CLOSE, data[:2])
                connection.abort()
                return
            if opcode != TEXT:
                continue
            command = json.loads(data)
            if command.get("type") == "permit":
                with self.lock:
                    self.count["permits"] += command["permitMessages"]
                    open_permits[0] += command["permitMessages"]
                    self.count["most_permits_open"] = max(self.count["most_permits_open"], open_permits[0])
                for _ in range(command["permitMessages"]):
                    permits.release()
                continue
            index = int(base64.b64decode(command["messageId"]))
            # The broker that dies has got this acknowledgement, and forgets it.
            self.frame_came()
            with self.lock:
                self.count["acknowledgements"] += 1
                done.add(index)
                if self.options.output and lines_in(self.options.output) <= index:
                    self.count["too_early"] += 1

    def push(self, connection, topic, done, permits, open_permits):
        index = 0
        try:
            while True:
                permits.acquire()
                while True:
                    with self.lock:
                        stored = self.topics.get(topic, [])
                        while index < len(stored) and index in done:
                            index += 1
                        message = stored[index] if index < len(stored) else None
                        if message is not None:
                            open_permits[0] -= 1
                    if message is not None:
                        break
                    if connection not in self.connections:
                        return
                    time.sleep(0.005)
                connection.write_json({**message, "messageId": message_id(index), "redeliveryCount": 0})
                index += 1
        except Gone:
            pass

    def report(self):
        with self.lock:
            acknowledged = {"/".join(name): len(done) for name, done in self.acknowledged.items()}
            stored = {topic: len(messages) for topic, messages in self.topics.items()}
            keys = {topic: len({json.dumps(message.get("encryptionContext", {}).get("keys")) for message in messages})
                    for topic, messages in self.topics.items()}
            return {**self.count, "acknowledged": acknowledged, "stored": stored, "data_keys": keys}


def message_id(index):
    return base64.b64encode(str(index).encode()).decode()


def lines_in(path):
    with open(path, "rb") as file:
        return file.read().count(b"\n")


def consumers_view(message, keys):
    """A message that was sent, as consumers get it."""
    assert ("compressionType" in message) == ("uncompressedMessageSize" in message)
    view = {"payload": message["payload"], "properties": message.get("properties", {}),
            "publishTime": "2026-01-31T12:00:00.123Z"}
    for name in ("key", "eventTime"):
        if name in message:
            view[name] = message[name]
    view["encryptionContext"] = {
        "keys": {name: {"keyValue": key["keyValue"], "metadata": key.get("metadata") or {}} for name, key in keys.items()},
        "param": message["encryptionParam"], "algorithm": "", "compressionType": message.get("compressionType", "NONE"),
        "uncompressedMessageSize": message.get("uncompressedMessageSize", 0), "batchSize": None}
    return view


def stored_messages(path):
    """The entries of a topic file, as consumers get them."""
    with open(path, "rb") as file:
        topic = file.read()
    at = 16
    while at < len(topic):
        (length,) = struct.unpack_from(">I", topic, at + 4)
        entry = topic[at + 12: at + 12 + length]
        (metadata_size,) = struct.unpack_from(">I", entry, 6)
        yield endpoints_view(entry[10: 10 + metadata_size], entry[10 + metadata_size:])
        at += 12 + length


def endpoints_view(metadata, payload):
    found = {}
    keys = {}
    for number, value in fields(metadata):
        found[number] = value
        if number == 13:
            key = {}
            for inner, content in fields(value):
                key[inner] = content
            keys[key[1].decode()] = {"keyValue": base64.b64encode(key[2]).decode(), "metadata": {}}
    view = {"payload": base64.b64encode(payload).decode(), "properties": {}, "publishTime": "2026-01-31T12:00:00.123+01:00"}
    if keys:
        view["encryptionContext"] = {
            "keys": keys, "param": base64.b64encode(found[15]).decode(), "algorithm": None,
            "compressionType": COMPRESSION[found.get(8, 0)], "uncompressedMessageSize": found.get(9, 0),
            "batchSize": found.get(11)}
    return view


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--load", action="append", default=[], help="TOPIC=FILE: the entries of a topic file")
    parser.add_argument("--restart-every", type=int, default=0, help="frames that are receipts or acknowledgements")
    parser.add_argument("--close-every", type=int, default=0, help="receipts, after which a connection is closed in order")
    parser.add_argument("--fault", default="")
    parser.add_argument("--refusals", type=int, default=0)
    parser.add_argument("--send-errors", type=int, default=0)
    parser.add_argument("--max-text", type=int, default=1024 * 1024)
    parser.add_argument("--token")
    parser.add_argument("--certificate", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--output", help="where the consumer writes: its lines are counted at each acknowledgement")
    parser.add_argument("--no-report", action="store_true", help="write no endpoint.json")
    parser.add_argument("command")
    return parser.parse_args()


def main():
    options = arguments()
    endpoint = Endpoint(options)
    endpoint.listen()
    scheme = "wss" if options.certificate else "ws"
    environment = {**os.environ, "URL": f"{scheme}://127.0.0.1:{endpoint.port}/public/default", "PORT": str(endpoint.port)}
    status = subprocess.run(["bash", "-c", options.command], env=environment, check=False).returncode
    if not options.no_report:
        with open("endpoint.json", "w", encoding="utf-8") as file:
            json.dump(endpoint.report(), file)
    sys.stdout.flush()
    os._exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
