#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: broker.py run [--keep-log FILE] -- COMMAND...

One standalone Pulsar broker for tests: on free ports of the loopback interface, its data in a temporary folder, stopped when
COMMAND ends or this process does. COMMAND finds it by its environment (below, Broker.environment) and its exit code is ours.

As a module: `with Broker() as broker:` and then broker.url, broker.admin(...), broker.restart(), ...

Who may do what: a client without a token may do everything; one with the token of "app" may use the topics of public/default;
one with the token of "stranger" nothing. TLS: the certificate is for 127.0.0.1 and not for localhost, signed by tls_ca and
not by other_ca.
"""
import argparse
import atexit
import base64
import ctypes
import hashlib
import hmac
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import fetch

START_SECONDS = 120
STOP_SECONDS = 20
MAX_LOG_BYTES = 50 * 1024**2
MAX_DATA_BYTES = 6 * 1024**3
GUARD_SECONDS = 1

# nettyMaxFrameSizeBytes: with its default a full-size chunk is refused inside the broker and tried again for ever, which
# fills log and disk. Retention: a topic is written once and read by several subscriptions that come later.
CONFIGURATION = """
clusterName=standalone
bindAddress=127.0.0.1
advertisedAddress=127.0.0.1
listeningInterface=lo
allowLoopback=true
brokerServicePort={port}
brokerServicePortTls={tls_port}
webServicePort={web_port}
webServicePortTls={web_tls_port}
tlsCertificateFilePath={folder}/broker.certificate.pem
tlsKeyFilePath={folder}/broker.private.pem
tlsTrustCertsFilePath={folder}/ca.certificate.pem
authenticationEnabled=true
authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderToken
anonymousUserRole=anyone
tokenSecretKey=file://{folder}/token.key
authorizationEnabled=true
superUserRoles=anyone
webSocketServiceEnabled=true
managedLedgerDefaultEnsembleSize=1
managedLedgerDefaultWriteQuorum=1
managedLedgerDefaultAckQuorum=1
managedLedgerCacheSizeMB=64
nettyMaxFrameSizeBytes=5253120
defaultNumberOfNamespaceBundles=1
defaultRetentionTimeInMinutes=-1
defaultRetentionSizeInMB=-1
loadBalancerEnabled=false
brokerDeleteInactiveTopicsEnabled=false
brokerShutdownTimeoutMs=500
journalSyncData=false
journalPreAllocSizeMB=1
diskUsageThreshold=0.99
diskUsageWarnThreshold=0.98
"""

LOGGING = """
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{HH:mm:ss.SSS} %-5p [%t] %c{1} - %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
"""


class BrokerError(Exception):
    """The broker didn't start, ended by itself or was ended by its guard."""


class Broker:
    def __init__(self, data_limit=MAX_DATA_BYTES, log_limit=MAX_LOG_BYTES):
        self.folder = Path(tempfile.mkdtemp(prefix="pulseal-broker-"))
        self.log = self.folder / "log"
        self._limits = {self.folder: data_limit, self.log: log_limit}
        self._process = None
        self._over_limit = None
        atexit.register(self.remove)
        port, tls_port, web_port, web_tls_port, self._bookkeeper_port = _free_ports(5)
        self.url = f"pulsar://127.0.0.1:{port}"
        self.tls_url = f"pulsar+ssl://127.0.0.1:{tls_port}"
        self.admin_url = f"http://127.0.0.1:{web_port}"
        self.websocket_url = f"ws://127.0.0.1:{web_port}"
        self.websocket_tls_url = f"wss://127.0.0.1:{web_tls_port}"
        self.tls_ca = self.folder / "ca.certificate.pem"
        self.other_ca = self.folder / "other.certificate.pem"
        self.token_file = self._make_token("app")
        self.stranger_token_file = self._make_token("stranger")
        _make_certificates(self.folder)
        (self.folder / "broker.conf").write_text(
            CONFIGURATION.format(port=port, tls_port=tls_port, web_port=web_port, web_tls_port=web_tls_port,
                                 folder=self.folder))
        (self.folder / "log4j2.properties").write_text(LOGGING)

    def __enter__(self):
        try:
            self.start()
            self.admin("POST", "namespaces/public/default/permissions/app", ["produce", "consume"])
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    @property
    def environment(self):
        return {"PULSAR_URL": self.url, "PULSAR_TLS_URL": self.tls_url, "PULSAR_ADMIN_URL": self.admin_url,
                "PULSAR_WEBSOCKET_URL": self.websocket_url, "PULSAR_WEBSOCKET_TLS_URL": self.websocket_tls_url,
                "PULSAR_TLS_CA": str(self.tls_ca), "PULSAR_OTHER_CA": str(self.other_ca),
                "PULSAR_TOKEN_FILE": str(self.token_file), "PULSAR_STRANGER_TOKEN_FILE": str(self.stranger_token_file)}

    def start(self):
        """Returns when the broker is ready to serve public/default."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             cwd=self.folder, start_new_session=True, preexec_fn=_die_with_parent)
        threading.Thread(target=self._guard, args=(self._process,), daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise BrokerError(f"the broker isn't ready after {START_SECONDS} s; its log ends:\n{self.log_end()}")
            time.sleep(0.2)

    def stop(self):
        """In order: what was acknowledged to a producer is there after the next start."""
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def restart(self):
        self.stop()
        self.start()

    def remove(self):
        """Ends the broker and deletes its data. Nothing happens the second time."""
        atexit.unregister(self.remove)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self):
        """Raises BrokerError if the broker ended other than by stop() and kill()."""
        if self._over_limit:
            raise BrokerError(f"the broker was ended: {self._over_limit}; its log ends:\n{self.log_end()}")
        if self._process is not None and self._process.poll() is not None:
            raise BrokerError(f"the broker ended with {self._process.returncode}; its log ends:\n{self.log_end()}")

    def admin(self, method, path, body=None, timeout=30):
        """The answer of the admin API at /admin/v2/`path` as JSON, None where it is empty; HTTPError."""
        request = urllib.request.Request(f"{self.admin_url}/admin/v2/{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with _opener.open(request, timeout=timeout) as response:
            text = response.read()
        return json.loads(text) if text else None

    def create_namespace(self, name, encryption_required=False):
        """`name` as public/NAME."""
        self.admin("PUT", f"namespaces/{name}", {"replication_clusters": ["standalone"]})
        if encryption_required:
            self.admin("POST", f"namespaces/{name}/encryptionRequired", True)

    def log_end(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _command(self):
        return [*fetch.java(), "-Xms256m", "-Xmx512m", "-XX:MaxDirectMemorySize=512m", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=log4j2.properties",
                "-Dio.netty.tryReflectionSetAccessible=true", "-cp", fetch.java_classpath("broker"),
                "org.apache.pulsar.PulsarStandaloneStarter", "--config", "broker.conf", "--no-functions-worker",
                "--no-stream-storage", "--metadata-dir", "metadata", "--bookkeeper-dir", "bookkeeper",
                "--bookkeeper-port", str(self._bookkeeper_port), "--advertised-address", "127.0.0.1"]

    def _is_ready(self):
        try:
            return "public/default" in self.admin("GET", "namespaces/public", timeout=2)
        except (OSError, ValueError):
            return False

    def _guard(self, process):
        while process.poll() is None:
            for path, limit in self._limits.items():
                if _size(path) > limit:
                    self._over_limit = f"{path.name} is over {limit} bytes"
                    _signal_group(process, signal.SIGKILL)
            time.sleep(GUARD_SECONDS)

    def _end(self, signal_number):
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process, signal_number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def _make_token(self, role):
        """A JSON web token (RFC 7519) by HMAC-SHA-256."""
        key_file = self.folder / "token.key"
        if not key_file.exists():
            key_file.write_bytes(secrets.token_bytes(32))
        encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
        signed = b".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, {"sub": role}))
        file = self.folder / f"{role}.token"
        file.write_bytes(signed + b"." + encode(hmac.digest(key_file.read_bytes(), signed, hashlib.sha256)))
        return file


# No proxy of the environment stands between us and the loopback interface.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _die_with_parent():
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _signal_group(process, signal_number):
    try:
        os.killpg(process.pid, signal_number)
    except ProcessLookupError:
        pass


def _free_ports(count):
    """Below the range from which the kernel takes the ports of outgoing connections: they stay free over a restart."""
    ports = set()
    while len(ports) < count:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                ports.add(port)
            except OSError:
                pass
    return sorted(ports)


def _size(path):
    """Bytes on disk of a file or of all files in a folder; files that vanish meanwhile count nothing."""
    total = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        try:
            total += file.stat().st_blocks * 512
        except OSError:
            pass
    return total


def _make_certificates(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "other"):
        openssl("req", "-x509", *new_key, "-keyout", f"{name}.private.pem", "-out", f"{name}.certificate.pem",
                "-subj", f"/CN=Pulseal test {name}", "-days", "2")
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("req", *new_key, "-keyout", "broker.private.pem", "-out", "broker.request.pem", "-subj", "/CN=broker")
    openssl("x509", "-req", "-in", "broker.request.pem", "-CA", "ca.certificate.pem", "-CAkey", "ca.private.pem",
            "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", "broker.certificate.pem")


def exit_on_signals():
    """SIGTERM, SIGHUP and SIGINT end this process by SystemExit, so that `with` and atexit clean up."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[0].removeprefix("usage: "))
    parser.add_argument("action", choices=["run"])
    parser.add_argument("--keep-log", type=Path, metavar="FILE")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    arguments, command = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1:]
    if not command:
        parser.error("no COMMAND")
    exit_on_signals()
    try:
        with Broker() as broker:
            try:
                code = subprocess.run(command, env={**os.environ, **broker.environment}).returncode
                broker.check()
            finally:
                if arguments.keep_log:
                    shutil.copy(broker.log, arguments.keep_log)
    except (BrokerError, urllib.error.HTTPError) as error:
        sys.exit(f"broker.py: {error}")
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
