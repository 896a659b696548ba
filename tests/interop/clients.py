# SPDX-License-Identifier: Apache-2.0
"""The topic clients, official and ours, as the tests use them: all have the command line that README.md describes."""
import concurrent.futures
import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import fetch

HERE = Path(__file__).resolve().parent
SOURCE_DIR = HERE.parents[1]
RELEASE_BUILD = Path(os.environ.get("PULSEAL_BUILD") or SOURCE_DIR / "build/release")
JOB_SECONDS = 60


def versions():
    """Of what the clients are made of, as the files say that fetch.py fetches by."""
    def found(file, pattern):
        return re.search(pattern, (HERE / file).read_text())[1]

    return {"broker": found("java/broker-pom.xml", r"<pulsar.version>(\S+)</pulsar.version>"),
            "java": found("java/client-pom.xml", r"<artifactId>pulsar-client</artifactId>\s*<version>(\S+)</version>"),
            "go": found("go/go.mod", r"pulsar-client-go v(\S+)"),
            "python": found("python/requirements.txt", r"pulsar-client==(\S+)")}


@dataclass
class Result:
    lines: list = field(default_factory=list)
    error: str = ""  # in one line; empty where the client ended well

    @property
    def ok(self):
        return not self.error


class ProcessClient:
    """One process for each job."""

    def __init__(self, name, command, folder):
        self.name = name
        self._command = command
        self._log = folder / f"{name}.log"

    def run(self, arguments, messages=()):
        """Runs to its end, with `messages` as input."""
        with self.start(arguments, stdin=subprocess.PIPE) as process:
            try:
                output, errors = process.communicate(_json_lines(messages), timeout=JOB_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                output, errors = process.communicate()
                errors += f"\n{self.name}: not done in {JOB_SECONDS} s"
        topic = arguments[arguments.index("--topic") + 1]
        with self._log.open("a", encoding="utf-8") as log:
            log.writelines(f"{topic} {line}\n" for line in errors.splitlines())
        error = "" if process.returncode == 0 else _last_line(errors) or f"{self.name} ended with {process.returncode}"
        return Result(_read_json_lines(output), error)

    def start(self, arguments, stdin=subprocess.DEVNULL):
        """For tests that write, read or kill while it runs."""
        return subprocess.Popen([*self._command, *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace")

    def log_of(self, topic):
        """What the client said in its log about `topic`."""
        if not self._log.exists():
            return []
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line.removeprefix(f"{topic} ") for line in lines if re.search(rf"{re.escape(topic)}\b", line)]

    def close(self):
        pass


class JobClient(ProcessClient):
    """One process for all jobs, several at a time: a virtual machine starts once."""

    def __init__(self, name, command, folder):
        super().__init__(name, command, folder)
        self._folder = folder
        self._lock = threading.Lock()
        self._process = None
        self._waiting = {}
        self._numbers = itertools.count()

    def run(self, arguments, messages=()):
        number = next(self._numbers)
        input_file, output_file = (self._folder / f"{self.name}.{number}.{end}" for end in ("in", "out"))
        input_file.write_text(_json_lines(messages), encoding="utf-8")
        job = {"id": number, "arguments": [str(word) for word in arguments], "input": str(input_file),
               "output": str(output_file)}
        try:
            error = self._submit(job).result(timeout=JOB_SECONDS)
        except concurrent.futures.TimeoutError:
            error = f"{self.name}: not done in {JOB_SECONDS} s"
        lines = _read_json_lines(output_file.read_text(encoding="utf-8")) if output_file.exists() else []
        input_file.unlink()
        output_file.unlink(missing_ok=True)
        return Result(lines, error)

    def close(self):
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _submit(self, job):
        answer = concurrent.futures.Future()
        with self._lock:
            if self._process is None:
                self._start()
            self._waiting[job["id"]] = answer
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        return answer

    def _start(self):
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*self._command, "jobs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             stderr=log, text=True, encoding="utf-8")
        threading.Thread(target=self._read_answers, args=(self._process,), daemon=True).start()

    def _read_answers(self, process):
        for line in process.stdout:
            answer = json.loads(line)
            with self._lock:
                waiting = self._waiting.pop(answer["id"])
            waiting.set_result(answer["error"])
        code = process.wait()
        ended = f"the client's process ended with {signal.Signals(-code).name if code < 0 else code}"
        with self._lock:
            if self._process is process:
                self._process = None
            for waiting in self._waiting.values():
                waiting.set_result(ended)
            self._waiting.clear()


class Clients:
    """All four, by name: clients["java"]. Their logs and files are in a temporary folder."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="pulseal-clients-")
        folder = Path(self._folder.name)
        java = fetch.java_program("TopicClient")
        java[1:1] = ["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        self._commands = {"java": java, "go": fetch.go_program("topic_client"),
                          "python": [*fetch.python(), str(HERE / "python/topic_client.py")],
                          "pulseal": [str(RELEASE_BUILD / "examples/example_pulsar_client")]}
        self._clients = {name: (ProcessClient if name == "pulseal" else JobClient)(name, command, folder)
                         for name, command in self._commands.items()}

    def __getitem__(self, name):
        return self._clients[name]

    def process_client(self, name):
        """Of its own, to be killed."""
        return ProcessClient(name, self._commands[name], Path(self._folder.name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self._clients.values():
            client.close()
        self._folder.cleanup()


def _json_lines(messages):
    return "".join(json.dumps(message) + "\n" for message in messages)


def _read_json_lines(text):
    """A killed writer's last line may be torn."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _last_line(text):
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
