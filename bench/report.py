#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Renders what bench/measure.py measured as docs/performance.md. The text is here, every number is from the file.

usage: report.py [--check] RESULTS_JSON PAGE     writes PAGE; with --check ends with 1 unless PAGE is what it would write
"""
import re
import statistics
import sys
from pathlib import Path

from results import Results

SIZES = [64, 256, 1024, 4096, 16384, 65536, 1 << 20, 5 << 20]
MUST_SIZES = [64, 256, 1024, 65536, 1 << 20]
KEY_TYPES = ["rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521"]
CODECS = ["none", "lz4", "zlib", "zstd", "snappy"]
BACKEND_TITLES = {"openssl": "OpenSSL", "ipsec-mb": "libipsec-mb"}

# Of the floor: figure, then must and aim for each of MUST_SIZES.
OVER_FLOOR = {
    ("encrypt", "ipsec-mb"): [(1.6, 1.25), (1.4, 1.15), (1.2, 1.05), (1.15, 1.03), (1.15, 1.03)],
    ("decrypt", "ipsec-mb"): [(2.6, 2.0), (2.3, 1.8), (1.6, 1.3), (1.15, 1.05), (1.15, 1.03)],
    ("encrypt", "openssl"): [(1.5, 1.25), (1.4, 1.2), (1.35, 1.1), (1.15, 1.05), (1.1, 1.03)],
    ("decrypt", "openssl"): [(1.8, 1.4), (1.6, 1.3), (1.6, 1.2), (1.25, 1.05), (1.1, 1.03)],
}
OVER_TEXTBOOK_AIMS = {"ipsec-mb": [45, 35, 20, 3.5, 3], "openssl": [8, 8, 5, 1.3, 1.05]}
OVER_CLIENTS_AIMS = {256: 6, 1024: 4, 65536: 1.1}


class Figure:
    """A row of the table of musts. `must` and `aim` are the most that `value` may be, or the least with at_least."""

    def __init__(self, text, value, must=None, aim=None, at_least=False, unit=""):
        self.text, self.value, self.must, self.aim, self.at_least, self.unit = text, value, must, aim, at_least, unit

    def verdict(self):
        if self.value is None:
            return "not measured"
        if self.must is not None and not self._within(self.must):
            return "**missed**"
        if self.aim is not None and self._within(self.aim):
            return "aim"
        return "reported" if self.must is None else "must"

    def _within(self, bound):
        return self.value >= bound if self.at_least else self.value <= bound

    def row(self):
        sign = "≥" if self.at_least else "≤"

        def bound(value):
            return "" if value is None else f"{sign} {number(value)}"

        value = "" if self.value is None else number(self.value) + self.unit
        return [self.text, bound(self.must) or "reported", bound(self.aim), value, self.verdict()]


def number(value):
    """Three digits, without an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def size_name(size):
    if size >= 1 << 20:
        return f"{size >> 20} MiB"
    return f"{size >> 10} KiB" if size >= 1024 else f"{size} B"


def time_text(ns):
    if ns is None:
        return ""
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= factor * (10 if unit == "µs" else 1):
            return f"{ns / factor:.3g} {unit}"
    return f"{ns:,.0f} ns"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def figures(measured):
    yield from over_floor(measured)
    yield from over_textbook(measured)
    yield from over_clients(measured)
    yield from warm_path(measured)
    for backend in measured.backends():
        yield from scaling(measured, backend)
        yield from rotation(measured, backend)
        yield from further_recipient(measured, backend)
        yield Figure(f"known-undecryptable message, {backend}, ns", measured.median(f"undecryptable/pulseal/{backend}/known"), 500, 150)
        yield Figure(f"10,000 live data keys over 1, {backend}",
                     measured.ratio(f"cache/pulseal/{backend}/10000", f"cache/pulseal/{backend}/1"), 2.5, 1.5)
        for step in ("produce", "consume"):
            way = f"{measured.options.get('program_mib')}-MiB"
            yield Figure(f"`{step}` of {way.replace('-', ' ')} of 1 KiB lines over its floor, {backend}",
                         measured.ratio(f"program-{step}/pulseal/{backend}/{way}", f"program-{step}/floor/{backend}/{way}"), 2.5, 1.3)


def over_floor(measured):
    for (operation, backend), bounds in OVER_FLOOR.items():
        for size, (must, aim) in zip(MUST_SIZES, bounds):
            yield Figure(f"{operation} over the floor, {backend}, {size_name(size)}",
                         measured.paired_ratio(f"{operation}/pulseal/{backend}/{size}", f"{operation}/floor/{backend}/{size}"), must, aim)


def over_textbook(measured):
    for backend, aims in OVER_TEXTBOOK_AIMS.items():
        for size, aim in zip(MUST_SIZES, aims):
            yield Figure(f"faster than textbook, encrypt, {backend}, {size_name(size)}",
                         measured.paired_ratio(f"encrypt/textbook/openssl/{size}", f"encrypt/pulseal/{backend}/{size}"), aim=aim,
                         at_least=True, unit=" times")


def over_clients(measured):
    """Over the fastest of them, by our fastest backend."""
    for operation in ("encrypt", "decrypt"):
        for size, aim in OVER_CLIENTS_AIMS.items():
            theirs = [measured.median(f"clients-{operation}/{client}/own/{size}") for client in measured.clients()]
            ours = [measured.median(f"clients-{operation}/pulseal/{backend}/{size}") for backend in measured.backends()]
            known = all(value is not None for value in theirs + ours) and theirs and ours
            yield Figure(f"faster than the fastest official client's, {operation}, {size_name(size)}",
                         min(theirs) / min(ours) if known else None, aim=aim, at_least=True, unit=" times")


def warm_path(measured):
    for name, counted in sorted(measured.warm_path.items()):
        _, operation, backend = name.split("/")
        for what in ("allocations", "locks", "system_calls"):
            yield Figure(f"{what.replace('_', ' ')} for a message, warm, {operation}, {backend}", counted[what] / counted["messages"], 0, 0)


def scalings(measured, operation, way, backend, size):
    """Of each repetition: 2 is perfect."""
    name = f"threads-{operation}/{way}/{backend}/{size}"
    return measured.paired_ratios(f"{name}/threads:1", f"{name}/threads:2")


def scaling(measured, backend):
    for operation in ("encrypt", "decrypt"):
        for size in (256, 1024, 65536):
            ours, floor = (scalings(measured, operation, way, backend, size) for way in ("pulseal-shared", "floor"))
            yield Figure(f"two threads on one object, scaling over the floor's, {operation}, {backend}, {size_name(size)}",
                         statistics.median(a / b for a, b in zip(ours, floor)) if ours and floor else None, 0.9, 1.0, at_least=True)


def rotation(measured, backend):
    name = f"rotation/pulseal/{backend}"
    yield Figure(f"latency p99.9 while rotating over steady, {backend}", measured.ratio(f"{name}/rotating", f"{name}/steady", "p999"), aim=1.2)


def further_recipient(measured, backend):
    """Nanoseconds for each byte between 1 recipient and 32."""
    for operation in ("encrypt", "decrypt"):
        one, most = (f"recipients-{operation}/pulseal/{backend}/{count}" for count in (1, 32))
        times, sizes = ([measured.median(name, counter) for name in (one, most)] for counter in ("ns", "field_bytes"))
        slope = (times[1] - times[0]) / (sizes[1] - sizes[0]) if None not in times + sizes else None
        yield Figure(f"a further recipient, ns for each byte it adds, {operation}, {backend}", slope, 0.3, 0.1)


def ways_table(measured, case, parameters, label, name=str):
    """A row for each parameter: time of each backend with its quartiles, over its floor, and of textbook."""
    backends = measured.backends()
    head = [label]
    for backend in backends:
        title = BACKEND_TITLES[backend]
        head += [f"Pulseal, {title}", "quartiles", "floor", "times floor"]
    head += ["textbook"]
    rows = []
    for parameter in parameters:
        row = [name(parameter)]
        for backend in backends:
            ours = f"{case}/pulseal/{backend}/{parameter}"
            floor = next((floor for floor in (f"{case}/floor/{backend}/{parameter}", f"{case}/floor/openssl/{parameter}",
                                              f"{case}/floor/{backend}/any") if floor in measured.results), "")
            ratio = measured.paired_ratio(ours, floor) or measured.ratio(ours, floor)
            row += [time_text(measured.median(ours)), spread(measured, ours), time_text(measured.median(floor)), ratio_text(ratio)]
        rows.append(row + [time_text(measured.median(f"{case}/textbook/openssl/{parameter}"))])
    return table(head, rows)


def spread(measured, name):
    if name not in measured.results:
        return ""
    low, high = measured.quartiles(name)
    return f"{time_text(low)} – {time_text(high)}"


def ratio_text(ratio):
    return "" if ratio is None else f"{ratio:.2f}"


def threads_table(measured):
    rows = []
    for operation in ("encrypt", "decrypt"):
        for backend in measured.backends():
            for size in (64, 256, 1024, 65536):
                ways = [("pulseal-shared", backend), ("pulseal-own", backend), ("floor", backend), ("textbook", "openssl")]
                ratios = [scalings(measured, operation, way, its_backend, size) for way, its_backend in ways]
                rows.append([operation, backend, size_name(size), *[ratio_text(statistics.median(of) if of else None) for of in ratios]])
    return table(["", "backend", "size", "one object", "own objects", "floor", "textbook, one object"], rows)


def rotation_table(measured):
    rows = []
    for way, backends in (("pulseal", measured.backends()), ("floor", measured.backends()), ("textbook", ["openssl"])):
        for backend in backends:
            for when in ("steady", "rotating"):
                name = f"rotation/{way}/{backend}/{when}"
                if name in measured.results:
                    rows.append([way, backend, when, *[time_text(measured.median(name, counter)) for counter in ("p50", "p99", "p999", "max")]])
    return table(["", "backend", "", "p50", "p99", "p99.9", "slowest"], rows)


def program_table(measured):
    rows = []
    for name in sorted(measured.results):
        if name.startswith("program-"):
            step, way, backend, size = name.split("/")
            rows.append([step.removeprefix("program-"), way, backend, size.replace("-", " "), time_text(measured.median(name)),
                         spread(measured, name), time_text(measured.median(name, "processor_ns"))])
    return table(["", "", "backend", "lines", "time", "quartiles", "processor time"], rows)


def clients_table(measured):
    sizes = list(OVER_CLIENTS_AIMS)
    rows = []
    for operation in ("encrypt", "decrypt"):
        for backend in measured.backends():
            rows.append([f"Pulseal, {BACKEND_TITLES[backend]}", operation,
                         *[time_text(measured.median(f"clients-{operation}/pulseal/{backend}/{size}")) for size in sizes]])
        for client in measured.clients():
            rows.append([client, operation, *[time_text(measured.median(f"clients-{operation}/{client}/own/{size}")) for size in sizes]])
    return table(["", "", *[size_name(size) for size in sizes]], rows)


def bound_by(measured):
    """How much of a message is the cipher, how much everything else."""
    rows = []
    for operation in ("encrypt", "decrypt"):
        for backend in measured.backends():
            for size in MUST_SIZES:
                ours, floor = (measured.median(f"{operation}/{way}/{backend}/{size}") for way in ("pulseal", "floor"))
                if ours and floor:
                    rows.append([operation, backend, size_name(size), time_text(floor), time_text(max(0, ours - floor)),
                                 f"{min(100, 100 * floor / ours):.0f} %", f"{size / ours:.2f} GB/s"])
    return table(["", "backend", "size", "the cipher", "everything else", "share of the cipher", "throughput of one thread"], rows)


def render(measured):
    values = {name: function(measured) for name, function in {
        "machine": lambda m: table(["", ""], m.machine.items()),
        "method": method,
        "figures": lambda m: table(["figure", "must", "aim", "value", ""], [figure.row() for figure in figures(m)]),
        "missed": missed,
        "encrypt": lambda m: ways_table(m, "encrypt", SIZES, "size", size_name),
        "decrypt": lambda m: ways_table(m, "decrypt", SIZES, "size", size_name),
        "recipients_encrypt": lambda m: ways_table(m, "recipients-encrypt", [1, 2, 4, 8, 16, 32], "recipients"),
        "recipients_decrypt": lambda m: ways_table(m, "recipients-decrypt", [1, 2, 4, 8, 16, 32], "recipients"),
        "threads": threads_table,
        "batch_encrypt": lambda m: ways_table(m, "batch-encrypt", CODECS, "codec"),
        "batch_decrypt": lambda m: ways_table(m, "batch-decrypt", CODECS, "codec"),
        "entry_write": lambda m: ways_table(m, "entry-write", [256, 1024, 65536, 1 << 20], "size", size_name),
        "entry_read": lambda m: ways_table(m, "entry-read", [256, 1024, 65536, 1 << 20], "size", size_name),
        "cold": lambda m: ways_table(m, "cold-consumer", KEY_TYPES, "key pair"),
        "cold_first": cold_first_table,
        "cache": lambda m: ways_table(m, "cache", [1, 10, 100, 1000, 10000], "live data keys", lambda keys: f"{keys:,}"),
        "undecryptable": lambda m: ways_table(m, "undecryptable", ["known", "unknown-name", "unknown-key", "flood", "flood-and-one"],
                                              "message"),
        "rotation": rotation_table,
        "program": program_table,
        "clients": clients_table,
        "limits": bound_by,
    }.items()}
    page = Path(__file__).with_name("performance.md.in").read_text()
    return re.sub(r"@(\w+)@", lambda found: values[found[1]], page)


def method(measured):
    options = measured.options
    return (f"Rounds: {options['rounds']}, repetitions in each: {options['repetitions']}, of at least {options['seconds']} s; tables show "
            f"medians and quartiles of all {options['rounds'] * options['repetitions']}.\n")


def missed(measured):
    rows = [f"- {figure.text}: {number(figure.value)}, must be {figure.row()[1]}" for figure in figures(measured)
            if figure.verdict() == "**missed**"]
    return "\n".join([f"{len(rows)} missed:\n", *rows]) + "\n" if rows else "No must is missed.\n"


def cold_first_table(measured):
    rows = [[key_type, *[time_text(measured.median(f"cold-consumer/pulseal-first/{backend}/{key_type}")) for backend in measured.backends()]]
            for key_type in KEY_TYPES]
    return table(["key pair", *[f"Pulseal, {BACKEND_TITLES[backend]}" for backend in measured.backends()]], rows)


def main():
    arguments = sys.argv[1:]
    check = arguments[:1] == ["--check"]
    if len(arguments) != 2 + check:
        sys.exit(__doc__)
    results, page = (Path(argument) for argument in arguments[check:])
    rendered = render(Results.load(results))
    if not check:
        page.write_text(rendered)
        print(missed(Results.load(results)), end="")
    elif page.read_text() != rendered:
        sys.exit(f"{page} is not what report.py makes of {results}: run it, and don't edit the page")


if __name__ == "__main__":
    main()
