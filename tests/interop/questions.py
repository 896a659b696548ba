# SPDX-License-Identifier: Apache-2.0
"""How the cells that need a broker are asked: a bench of broker, clients and keys, and scenarios that fill cells."""
import argparse
import base64
import concurrent.futures
import itertools
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import differences
from broker import Broker, BrokerError, exit_on_signals
from clients import RELEASE_BUILD, Clients, Result
from fetch import FetchError

AT_ONCE = 3  # scenarios; most of their time is waiting
PROGRAM = RELEASE_BUILD / "tools/pulseal/pulseal"


def cell(suite, writer, reader, **what):
    return {"suite": suite, "writer": writer, "reader": reader, "what": what}


def name_of(one):
    return f"{one['suite']}: {one['writer']} -> {one['reader']}: " + ", ".join(f"{k} {v}" for k, v in one["what"].items())


@dataclass
class Scenario:
    """Cells that are asked together."""
    cells: list
    ask: Callable  # (bench) -> for each cell (outcome, detail)


class Bench:
    """A running broker, the clients, and a folder of keys for each holder of a private key."""

    PEOPLE = {"alice": "rsa-2048", "bob": "rsa-3072", "eve": "p-256", "emil": "p-384", "carol": "rsa-2048"}

    def __init__(self):
        self.broker = Broker()
        self.clients = Clients()
        self._folder = tempfile.TemporaryDirectory(prefix="pulseal-keys-")
        self._topics = itertools.count()
        self._subscriptions = itertools.count()
        self._make_keys()

    def __enter__(self):
        self.broker.__enter__()
        self.broker.create_namespace("public/encrypted", encryption_required=True)
        return self

    def __exit__(self, *exception):
        self.clients.__exit__(*exception)
        self.broker.__exit__(*exception)
        self._folder.cleanup()

    def topic(self, namespace="default"):
        return f"persistent://public/{namespace}/topic-{next(self._topics)}"

    def keys(self, holder):
        """A folder with everyone's public key and the private key of `holder`."""
        return Path(self._folder.name) / holder

    def produce(self, client, topic, sent, *more, to=(), keys="nobody"):
        return self.clients[client].run(self.produce_arguments(topic, *more, to=to, keys=keys), sent)

    def produce_arguments(self, topic, *more, to=(), keys="nobody"):
        names = [word for name in to for word in ("--to", name)]
        return ["produce", "--url", self.broker.url, "--topic", topic, "--keys", self.keys(keys), *names, *more]

    def consume(self, client, topic, *more, keys="nobody"):
        return self.clients[client].run(self.consume_arguments(topic, *more, keys=keys))

    def consume_arguments(self, topic, *more, keys="nobody"):
        own = [] if "--subscription" in more else ["--subscription", f"subscription-{next(self._subscriptions)}"]
        return ["consume", "--url", self.broker.url, "--topic", topic, "--keys", self.keys(keys), "--from", "earliest", *own,
                *more]

    def said(self, client, topic):
        """The last thing that the client complained about on `topic`, without what changes from run to run."""
        lines = self.clients[client].log_of(topic)
        return clean(lines[-1]) if lines else ""

    def _make_keys(self):
        public = Path(self._folder.name) / "public"
        for name, kind in self.PEOPLE.items():
            subprocess.run([PROGRAM, "keygen", name, "--type", kind, "--key-dir", public, "--quiet"], check=True)
        for holder in (*self.PEOPLE, "nobody"):
            self.keys(holder).mkdir()
            for pem in public.glob("*.public.pem"):
                (self.keys(holder) / pem.name).write_bytes(pem.read_bytes())
        for private in public.glob("*.private.pem"):
            private.rename(self.keys(private.name.removesuffix(".private.pem")) / private.name)


def whats_wrong(read, sent):
    """How what was read differs from what was sent, in one line; empty where it doesn't."""
    if not read.ok:
        return read.error
    if len(read.lines) != len(sent):
        return f"{len(read.lines)} of {len(sent)} messages came"
    for number, (is_, wanted) in enumerate(zip(read.lines, sent)):
        for member, value in wanted.items():
            if is_.get(member) != value:
                return f"message {number + 1}: another {member.removesuffix('_base64').replace('_', ' ')}"
    return ""


def difference_of(one):
    return next((difference for difference in differences.ALL if difference.concerns(one)), None)


def outcome_of(one, problem, said=""):
    """The outcome and the detail of a cell that had this problem, or none."""
    difference = difference_of(one)
    if not problem:
        return ("fail", f"works, though differences.py has {difference.name}") if difference else ("pass", "")
    if difference is None:
        return "fail", "; ".join(filter(None, (problem, said)))
    if difference.outcome == "client-defect":
        return "client-defect", f"{difference.name}: {problem}"
    return difference.outcome, said or problem


def clean(text):
    """A line of a client's log or error, without times, names and numbers that change from run to run."""
    go = re.search(r'msg="?(.*?)"? (?:\w+=|$).*?(?:error="(.*?)"(?: |$))?', text)
    if text.startswith("time=") and go:
        error = re.search(r' error="((?:[^"\\]|\\.)*)"', text)
        text = ": ".join(filter(None, (go[1], error and error[1])))
    text = re.sub(r"^\S+ \S+ (?:ERROR|WARN) +\[\d+\] (\w+):\d+ \| ", r"\1: ", text)
    text = re.sub(r"^\[[^]]*\] (?:ERROR|WARN) (?:\w+\.)*(\w+) - ", r"\1: ", text)
    text = re.sub(r"(persistent://)?public/\w+/topic-\d+", "TOPIC", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"subscription-\d+", "SUBSCRIPTION", text)
    text = re.sub(r"\[TOPIC\](?: ?\[SUBSCRIPTION\])?(?: ?\[[^]]*\])*:? ?|\[TOPIC, SUBSCRIPTION, \d+\] ", "", text)
    text = re.sub(r"/\S*/pulseal-keys-[^/\s]*/\w+", "DIR", text)
    text = re.sub(r', ?"?(?:reqId|remote|local)"? ?[:=] ?[^,}]*', "", text)
    text = re.sub(r"\d{3,}:\d+(:-?\d+)*|\(\d+,\d+,[-\d,]+\)|standalone-\d+-\d+|0x[0-9a-f]+|@[0-9a-f]{5,}", "…", text)
    return " ".join(text.split())[:300]


def ask(scenarios, bench):
    """The cells of all scenarios with outcome and detail."""
    done = itertools.count(1)
    lock = threading.Lock()

    def ask_one(scenario):
        start = time.monotonic()
        try:
            bench.broker.check()
            answers = scenario.ask(bench)
        except Exception as error:  # one scenario's trouble is the trouble of its cells only
            answers = [("fail", f"{type(error).__name__}: {error}")] * len(scenario.cells)
        filled = [{**one, "outcome": outcome, "detail": clean(detail)}
                  for one, (outcome, detail) in zip(scenario.cells, answers, strict=True)]
        with lock:
            for one in filled:
                print(f"{next(done):4} {time.monotonic() - start:5.1f} s  {one['outcome']:13} {name_of(one)}  {one['detail']}",
                      file=sys.stderr, flush=True)
        return filled

    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    try:
        return [one for filled in pool.map(ask_one, scenarios) for one in filled]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after a signal nothing new begins


def command(usage, scenarios):
    parser = argparse.ArgumentParser(usage=usage.splitlines()[0].removeprefix("usage: "))
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--only", metavar="TEXT", default="", help="only what has a cell whose name contains TEXT")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    wanted = [scenario for scenario in scenarios(arguments.smoke)
              if any(arguments.only in name_of(one) for one in scenario.cells)]
    exit_on_signals()
    try:
        with Bench() as bench:
            results = ask(wanted, bench)
            bench.broker.check()
    except (BrokerError, FetchError) as error:
        sys.exit(f"{parser.prog}: {error}")
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    failed = sum(one["outcome"] == "fail" for one in results)
    print(f"{len(results) - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)
