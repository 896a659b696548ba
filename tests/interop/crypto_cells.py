#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The official clients' crypto against ours, called directly, without a broker: what one side writes the other reads.

usage: crypto_cells.py [--smoke] [--only TEXT] [--output FILE] [--with java,go,python] [--program PROGRAM]

A cell is a writer, a reader, a kind of key and the two PEM forms in which they have it. In it every combination of 1 or 3
recipients, with and without key metadata, with and without a rotation in the middle, and four sizes of message is run. Some
cells more for each pair have a message that was altered on the way: what passes is to refuse it, and to go on.

A client's failure counts as its own only where it fails with itself too and differences.py lists it; and all that is listed
there must have been seen. Everything else that doesn't work is a failure.

Each side is one process (crypto_cells.cc, java/CryptoCells.java, go/crypto_cells, python/crypto_cells.py) that answers
one JSON object a line with another. A message is two files, its payload and PAYLOAD.metadata, a serialised MessageMetadata.

  {"op": "encrypt", "to": [NAME...], "keys": {NAME: {"file": PEM, "metadata": {..}}}, "messages": [{"in": PLAINTEXT,
   "out": PAYLOAD}...], "rotate_before": PLACE, or -1}                            ->  {} or {"error": TEXT}
  {"op": "decrypt", "keys": {NAME: {"file": PEM}}, "messages": [{"in": PAYLOAD, "out": PLAINTEXT}...]}
                                ->  {"errors": [TEXT, or "", of each message], "key_metadata": {NAME: what the key reader got}}
                                    or {"error": TEXT}, which is more than to refuse a message: its consumer would break
  {"op": "version"}                                                               ->  {"version": TEXT}
  {"op": "keygen", "type": TYPE, "public_file": PEM, "private_file": PEM} (ours)  ->  {}
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import differences
import fetch
from clients import RELEASE_BUILD

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[0] / "support/python"))
from pulsar_bytes import fields, serialized  # noqa: E402

SUITE = "crypto"
TABLE_BY = ("public key",)
COLUMNS = ("altered", "key")

OTHERS = ("java", "go", "python")
DEADLINE_SECONDS = 120  # of one answer

RSA = ("rsa-2048", "rsa-3072", "rsa-4096")
EC = ("p-256", "p-384", "p-521")
CURVES = {"p-256": "prime256v1", "p-384": "secp384r1", "p-521": "secp521r1"}
KEYS = (*RSA, *EC, *(f"{curve}-explicit" for curve in EC))
PUBLIC_FORMS = {"rsa": ("SPKI", "PKCS#1", "certificate"), "ec": ("SPKI", "certificate")}
PRIVATE_FORMS = {"rsa": ("PKCS#1", "PKCS#8"), "ec": ("SEC1", "SEC1 after EC PARAMETERS", "PKCS#8")}

def flipped(data, at):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


# What may happen to a message on its way: (payload, nonce) to what arrives.
ALTERED = {
    "a bit of the payload": lambda payload, nonce: (flipped(payload, 0), nonce),
    "a bit of the tag": lambda payload, nonce: (flipped(payload, -1), nonce),
    "a bit of the nonce": lambda payload, nonce: (payload, flipped(nonce, 0)),
    "no payload": lambda payload, nonce: (b"", nonce),
    "payload of 15 bytes": lambda payload, nonce: (payload[:15], nonce),
    "nonce of 0 bytes": lambda payload, nonce: (payload, b""),
    "nonce of 11 bytes": lambda payload, nonce: (payload, nonce[:11]),
    "nonce of 13 bytes": lambda payload, nonce: (payload, nonce + b"x"),
    "nonce of 1000 bytes": lambda payload, nonce: (payload, nonce.ljust(1000)),
}

OTHER_RECIPIENTS = ("rsa-2048 first", "rsa-2048 last", "p-256 last")
SIZES = (0, 1, 1024, 1024 * 1024)
KEY_METADATA = {"version": "1.0", "owner": "Zoë", "empty": ""}
RUNS = [{"recipients": recipients, "key_metadata": key_metadata, "rotation": rotation}
        for recipients, key_metadata, rotation in itertools.product((1, 3), (False, True), (False, True))]


@dataclasses.dataclass(frozen=True)
class Cell:
    writer: str
    reader: str
    key: str
    public_form: str
    private_form: str
    altered: str = ""

    def named(self):
        what = {"key": self.key, "public key": self.public_form, "private key": self.private_form}
        if self.altered:
            what["altered"] = self.altered
        return {"suite": SUITE, "writer": self.writer, "reader": self.reader, "what": what}

    def __str__(self):
        what = ", ".join(f"{name} {value}" for name, value in self.named()["what"].items())
        return f"{self.writer} -> {self.reader}, {what}"


def family(key):
    return "rsa" if key.startswith("rsa") else "ec"


def cells_of(client):
    for writer, reader in ((client, "pulseal"), ("pulseal", client)):
        for key in KEYS:
            for public, private in itertools.product(PUBLIC_FORMS[family(key)], PRIVATE_FORMS[family(key)]):
                yield Cell(writer, reader, key, public, private)
        for altered in ALTERED:
            yield Cell(writer, reader, "rsa-2048", "SPKI", "PKCS#1", altered)


def cells(smoke=False):
    """All there are; they are quick enough to be in the smoke test too."""
    return [cell.named() for client in OTHERS for cell in cells_of(client)]


class Side:
    """One of the processes."""

    def __init__(self, command):
        self._command = command
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                         text=True, encoding="utf-8")
        self.version = self.ask(op="version")["version"]

    def ask(self, **request):
        watchdog = threading.Timer(DEADLINE_SECONDS, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            sys.exit(f"crypto_cells.py: {self._command[-1]} ended, or gave no answer in {DEADLINE_SECONDS} s, to {request}")
        return json.loads(line)

    def close(self):
        self._process.stdin.close()
        if self._process.wait() != 0:  # a sanitizer's report, say
            sys.exit(f"crypto_cells.py: {self._command[-1]} ended with {self._process.returncode}")


def command_of(name, program):
    if name == "java":
        return fetch.java_program("CryptoCells")
    if name == "go":
        return fetch.go_program("crypto_cells")
    if name == "python":
        return ["/usr/bin/python3", "-B", str(HERE / "python/crypto_cells.py")]
    return [str(program)]


class Keys:
    """The wanted keys in every form, KEY.FORM.pem, made anew for each run; and other recipients."""

    def __init__(self, folder, side, wanted):
        self._folder = folder
        named = {key.removesuffix("-explicit") for key in wanted}
        for key in (*sorted(named), *OTHER_RECIPIENTS):
            answer = side.ask(op="keygen", type=key.split()[0], public_file=str(self.file(key, "SPKI")),
                              private_file=str(self.file(key, "PKCS#1" if family(key) == "rsa" else "SEC1")))
            if answer:
                sys.exit(f"crypto_cells.py: {key}: {answer}")
        for key in named.intersection(RSA):
            self._openssl("pkcs8 -topk8 -nocrypt", key, "PKCS#1", "PKCS#8")
            self._openssl("rsa -RSAPublicKey_out", key, "PKCS#1", "PKCS#1 public")
            self._certificate(key, "PKCS#1")
        for key in named.intersection(EC):
            self._other_ec_forms(key, "named_curve", CURVES[key])
            self._openssl("ec -param_enc explicit", key, "SEC1", "SEC1", to_key=f"{key}-explicit")
            self._openssl("ec -param_enc explicit -pubout", f"{key}-explicit", "SEC1", "SPKI")
            self._other_ec_forms(f"{key}-explicit", "explicit", CURVES[key])

    def file(self, key, form):
        return self._folder / f"{key}.{form.replace('#', '')}.pem"

    def public_file(self, key, form):
        return self.file(key, "PKCS#1 public" if form == "PKCS#1" else form)

    def _other_ec_forms(self, key, encoding, curve):
        parameters = subprocess.run(["openssl", "ecparam", "-name", curve, "-param_enc", encoding], stdout=subprocess.PIPE,
                                    check=True).stdout
        self.file(key, "SEC1 after EC PARAMETERS").write_bytes(parameters + self.file(key, "SEC1").read_bytes())
        self._openssl("pkcs8 -topk8 -nocrypt", key, "SEC1", "PKCS#8")
        self._certificate(key, "SEC1")

    def _certificate(self, key, from_form):
        command = ["openssl", "req", "-x509", "-new", "-subj", "/CN=cells", "-days", "30", "-key", self.file(key, from_form),
                   "-out", self.file(key, "certificate")]
        subprocess.run(command, check=True, capture_output=True)

    def _openssl(self, words, key, from_form, to_form, to_key=None):
        command = ["openssl", *words.split(), "-in", self.file(key, from_form), "-out", self.file(to_key or key, to_form)]
        subprocess.run(command, check=True, capture_output=True)


class Pair:
    """One official client and us, and what they write to one another."""

    def __init__(self, folder, keys, sides):
        self._folder = folder
        self._keys = keys
        self._sides = sides
        self._plaintexts = []
        for size in SIZES:
            self._plaintexts.append(folder / f"{size}.plaintext")
            self._plaintexts[-1].write_bytes(random.Random(size).randbytes(size))
        self._written_for, self._written = None, {}

    def errors(self, cell):
        """What went wrong in a cell, as text, by run; and the number of runs."""
        if cell.altered:
            return self._accepted_though_altered(cell), 1
        errors = {}
        for run in RUNS:
            for size, error in zip(SIZES, self._run_errors(cell, run)):
                if error:
                    errors[", ".join(f"{name} {value}" for name, value in {**run, "bytes": size}.items())] = error
        return errors, len(RUNS) * len(SIZES)

    def _run_errors(self, cell, run):
        messages, error = self._write(cell, run)
        if error:
            return [error] * len(SIZES)
        # After a rotation, old and new in turn.
        by_size = [messages[place :: len(SIZES)] for place in range(len(SIZES))]
        order = [message for of_size in by_size for message in of_size]
        read = self._read(cell, order)
        if "error" in read:
            return [read["error"]] * len(SIZES)
        problems = dict(zip(map(str, order), read["errors"]))
        expected = {"cell": KEY_METADATA if run["key_metadata"] else {}}
        return [next(filter(None, (self._problem(message, plaintext, problems[str(message)]) for message in of_size)), "")
                or ("" if read["key_metadata"] == expected else f"the key reader got {read['key_metadata']}")
                for of_size, plaintext in zip(by_size, self._plaintexts)]

    @staticmethod
    def _problem(message, plaintext, error):
        if error:
            return error
        read = message.with_suffix(".read").read_bytes()
        return "" if read == plaintext.read_bytes() else f"{len(read)} bytes that differ from what was written"

    def _write(self, cell, run):
        """The payloads' files, and an error. Kept for the cells that differ in their reader's key alone."""
        same_writing = (cell.writer, cell.key, cell.public_form)
        if self._written_for != same_writing:
            self._written_for, self._written = same_writing, {}
        run_name = "-".join(map(str, run.values()))
        if run_name not in self._written:
            self._written[run_name] = self._write_anew(cell, run, run_name)
        return self._written[run_name]

    def _write_anew(self, cell, run, run_name):
        turns = range(1 + run["rotation"])
        messages = [self._folder / f"{run_name}-{turn}-{size}.payload" for turn in turns for size in SIZES]
        keys = {name: {"file": str(file), "metadata": KEY_METADATA if run["key_metadata"] else {}}
                for name, file in self._recipients(cell, run).items()}
        request = [{"in": str(plaintext), "out": str(message)}
                   for plaintext, message in zip(itertools.cycle(self._plaintexts), messages)]
        answer = self._sides[cell.writer].ask(op="encrypt", to=list(keys), keys=keys, messages=request,
                                              rotate_before=len(SIZES) if run["rotation"] else -1)
        return messages, answer.get("error", "") or self._wrong_wrapped_keys(messages, list(keys), run)

    def _recipients(self, cell, run):
        mine = {"cell": self._keys.public_file(cell.key, cell.public_form)}
        if run["recipients"] == 1:
            return mine
        first, rsa, ec = (self._keys.file(key, "SPKI") for key in OTHER_RECIPIENTS)
        return {"first": first, **mine, "last": rsa if cell.writer == "go" else ec}

    def _wrong_wrapped_keys(self, messages, names, run):
        """A data key is wrapped once for each recipient, and anew when it rotates."""
        wrapped = []
        for message in messages:
            metadata = fields(message.with_suffix(".payload.metadata").read_bytes())
            keys = [dict(fields(value)) for number, value in metadata if number == 13]
            if sorted(key[1].decode() for key in keys) != sorted(names):
                return f"wrapped for {[key[1] for key in keys]}"
            wrapped.append(frozenset(key[2] for key in keys))
        generations = len(set(wrapped[: len(SIZES)])), len(set(wrapped))
        return "" if generations == (1, 1 + run["rotation"]) else f"{generations[1]} data keys"

    def _read(self, cell, messages):
        request = [{"in": str(message), "out": str(message.with_suffix(".read"))} for message in messages]
        for message in messages:
            message.with_suffix(".read").unlink(missing_ok=True)
        keys = {"cell": {"file": str(self._keys.file(cell.key, cell.private_form))}}
        return self._sides[cell.reader].ask(op="decrypt", keys=keys, messages=request)

    def _accepted_though_altered(self, cell):
        messages, error = self._write(cell, RUNS[0])
        longest = messages[-1]
        whole = self._read(cell, [longest]) if not error else {"error": error}
        if whole.get("errors") != [""]:
            return {"": f"not even before it was altered: {whole}"}
        self._alter(longest, ALTERED[cell.altered])
        self._written_for = None
        read = self._read(cell, [longest])
        if "error" in read:
            return {"": read["error"]}
        if read["errors"] != [""]:
            return {}
        return {"": f"taken for a message of {longest.with_suffix('.read').stat().st_size} bytes"}

    @staticmethod
    def _alter(message, alter):
        metadata_file = message.with_suffix(".payload.metadata")
        metadata = list(fields(metadata_file.read_bytes()))
        payload, nonce = alter(message.read_bytes(), dict(metadata)[15])
        message.write_bytes(payload)
        metadata_file.write_bytes(serialized(*((number, nonce if number == 15 else value) for number, value in metadata)))


def tidy(error, folder):
    """On one line, without what differs from run to run."""
    error = re.sub(r"@[0-9a-f]{5,8}\b", "", error.replace(str(folder) + "/", ""))
    return re.sub(r"\s+", " ", error).strip()[:300]


def judge(cell, pair, folder):
    """The outcome of a cell, why, how often it was run, and the difference that it shows."""
    errors, runs = pair.errors(cell)
    if not errors:
        return "pass", "", runs, None
    texts = {tidy(error, folder) for error in errors.values()}
    detail = min(sorted(texts), key=len)
    if len(errors) != runs:
        detail = f"{len(errors)} of {runs} runs ({next(iter(errors))}): {detail}"
    client = cell.writer if cell.reader == "pulseal" else cell.reader
    with_itself, _ = pair.errors(dataclasses.replace(cell, writer=client, reader=client))
    if set(with_itself) != set(errors):
        return "fail", f"{detail}; with itself it does otherwise: {tidy(str(with_itself), folder)}", runs, None
    for difference in differences.ALL:
        if difference.concerns(cell.named()) and all(difference.error in text for text in texts):
            name = f"{difference.name}: " if difference.outcome == "client-defect" else ""
            return difference.outcome, name + detail, runs, difference.name
    return "fail", f"{detail}; differences.py doesn't say so", runs, None


def ask(client, wanted, program, folder, keys):
    """The wanted cells of one client, with their outcomes; and the differences they showed."""
    own_folder = folder / client
    own_folder.mkdir()
    sides = {name: Side(command_of(name, program)) for name in (client, "pulseal")}
    versions = {name: side.version for name, side in sides.items()}
    pair = Pair(own_folder, keys, sides)
    results, shown = [], set()
    for cell in wanted:
        outcome, detail, runs, difference = judge(cell, pair, folder)
        shown.add(difference)
        results.append({**cell.named(), "outcome": outcome, "detail": detail, "runs": runs, "versions": versions})
        if outcome == "fail":
            print(f"FAIL {cell}: {detail}", flush=True)
    for side in sides.values():
        side.close()
    return results, shown


def not_shown(shown):
    """The differences that the cells should have shown."""
    return [difference.name for difference in differences.ALL
            if difference.name not in shown and any(difference.concerns(cell) for cell in cells())]


def print_counts(results):
    counts = collections.Counter((f"{one['writer']} -> {one['reader']}", one["outcome"]) for one in results)
    for (pair, outcome), count in sorted(counts.items()):
        print(f"{pair:20} {outcome:13} {count:4}")
    print(f"{len(results)} cells, {sum(one['runs'] for one in results)} runs")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="changes nothing: these cells are quick")
    parser.add_argument("--only", metavar="TEXT", default="", help="only cells whose name has TEXT in it")
    parser.add_argument("--output", type=Path, metavar="FILE")
    parser.add_argument("--with", dest="others", default=",".join(OTHERS), metavar="CLIENTS")
    parser.add_argument("--program", type=Path, default=RELEASE_BUILD / "tests/interop/interop_crypto_cells")
    arguments = parser.parse_args()
    wanted = {client: [cell for cell in cells_of(client) if arguments.only in str(cell)]
              for client in arguments.others.split(",")}
    keys_wanted = {cell.key for asked in wanted.values() for cell in asked}
    with tempfile.TemporaryDirectory(prefix="pulseal-cells-") as name, concurrent.futures.ThreadPoolExecutor() as pool:
        folder = Path(name)
        maker = Side([str(arguments.program)])
        keys = Keys(folder, maker, keys_wanted)
        maker.close()
        answers = list(pool.map(lambda client: ask(client, wanted[client], arguments.program, folder, keys), wanted))
    results = [one for asked, _ in answers for one in asked]
    print_counts(results)
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    failed = sum(one["outcome"] == "fail" for one in results)
    gone = [] if len(results) < len(cells()) else not_shown(set().union(*(shown for _, shown in answers)))
    if gone:
        print(f"differences.py has what no cell shows any more: {', '.join(gone)}")
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed or gone else 0)


if __name__ == "__main__":
    try:
        main()
    except fetch.FetchError as error:
        sys.exit(f"crypto_cells.py: {error}")
