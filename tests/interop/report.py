#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: report.py --check
       report.py [--keep] RESULTS...

Makes docs/interop.md, and the docs/interop.json that it is made from, of what the *_cells.py wrote, and prints it; with --keep
it leaves both as they are and prints how many cells there are by outcome. --check: whether the page is what docs/interop.json says, the cells there are those that the code here
defines, of the clients' versions that it fetches, and none of them failed.
"""
import argparse
import collections
import importlib
import json
import sys
from pathlib import Path

import clients
import differences

DOCS = clients.SOURCE_DIR / "docs"
HERE = Path(__file__).resolve().parent
MODULES = [importlib.import_module(path.stem) for path in HERE.glob("*_cells.py")]
SUITES = {module.SUITE: module for suite in ("crypto", "broker", "websocket") for module in MODULES if module.SUITE == suite}
ABOUT = {
    "crypto": "The clients' encryption called directly, without a broker. Python is its package `cryptography`: no client of "
              "Pulsar's, but a third opinion.",
    "broker": "Through a broker. Python's client has the C++ client inside.",
    "websocket": "`pulseal produce` and `consume` on `ws://` and `wss://` topics, through the broker's WebSocket endpoint.",
}
OUTCOMES = {"pass": "✓", "impossible": "–", "client-defect": "✗", "fail": "**FAILED**"}


def identity(one):
    return json.dumps([one[member] for member in ("suite", "writer", "reader", "what")], ensure_ascii=False)


def difference_of(one):
    return next((difference for difference in differences.ALL if difference.concerns(one)), None)


def mark(one):
    """The sign of a cell's outcome, with a link to what explains it."""
    sign, difference = OUTCOMES[one["outcome"]], difference_of(one)
    return f"[{sign}](#{difference.name})" if difference and one["outcome"] in ("impossible", "client-defect") else sign


def table(header, rows):
    def line(row):
        return "| " + " | ".join(str(text).replace("|", "\\|").replace("\n", " ") for text in row) + " |"

    return "\n".join([line(header), line(["---"] * len(header)), *map(line, rows)]) + "\n"


def matrix(cells, module):
    """Tables of the cells that have the member COLUMN."""
    groups = collections.defaultdict(list)
    for one in cells:
        groups[tuple((name, one["what"][name]) for name in module.TABLE_BY if name in one["what"])].append(one)
    return "\n".join(heading(group) + one_matrix(group_cells, module) for group, group_cells in groups.items())


def heading(group):
    return f"**{', '.join(f'{name}: {value}' for name, value in group)}**\n\n" if group else ""


def one_matrix(cells, module):
    columns = list(dict.fromkeys(one["what"][module.COLUMN] for one in cells))
    rows = collections.defaultdict(dict)
    for one in cells:
        rest = [value for name, value in one["what"].items() if name not in (module.COLUMN, *module.TABLE_BY)]
        rows[f"{one['writer']} → {one['reader']}", *rest][one["what"][module.COLUMN]] = mark(one)
    names = [name for name in cells[0]["what"] if name not in (module.COLUMN, *module.TABLE_BY)]
    return table(["writer → reader", *names, *columns],
                 [[*key, *(marks.get(column, "") for column in columns)] for key, marks in rows.items()])


def cases(cells):
    """A table of the cells that stand alone."""
    return table(["what", "writer → reader", "", ""],
                 [["; ".join([str(value) if name == "case" else f"{name}: {value}" for name, value in one["what"].items()]),
                   f"{one['writer']} → {one['reader']}", mark(one), one["detail"]] for one in cells])


def errors_of_impossible(cells):
    """What the clients themselves say in the matrix's cells that they can't do."""
    said = collections.Counter((one["writer"], one["reader"], one["detail"]) for one in cells if one["outcome"] == "impossible")
    if not said:
        return ""
    return "What the clients say where they can't:\n\n" + table(
        ["writer → reader", "cells", "error"],
        [[f"{writer} → {reader}", count, f"`{detail}`"] for (writer, reader, detail), count in said.items()])


def section(suite, cells):
    module = SUITES[suite]
    in_matrix = [one for one in cells if module.COLUMN in one["what"]]
    alone = [one for one in cells if module.COLUMN not in one["what"]]
    parts = [matrix(in_matrix, module) if in_matrix else "", errors_of_impossible(in_matrix), cases(alone) if alone else ""]
    return f"## {suite.capitalize()}\n\n{ABOUT[suite]}\n\n" + "\n".join(filter(None, parts))


def list_of_differences(cells):
    cells_of = collections.Counter(difference.name for difference in map(difference_of, cells) if difference)
    shown = [difference for difference in differences.ALL if cells_of[difference.name]]
    overview = table(["difference", "of", "", "cells"],
                     [[f"[{difference.name}](#{difference.name})", difference.client, OUTCOMES[difference.outcome],
                       cells_of[difference.name]] for difference in shown])
    return overview + "".join(f"\n### {difference.name}\n\n*{difference.client}.* {difference.text}\n\n"
                              f"To see it: {difference.see}\n" for difference in shown)


def counts(cells):
    found = collections.Counter((one["suite"], one["outcome"]) for one in cells)
    return table(["cells", *OUTCOMES], [[suite, *(found[suite, outcome] for outcome in OUTCOMES)] for suite in SUITES
                                        if any(one["suite"] == suite for one in cells)])


def render(report):
    cells, versions = report["cells"], report["versions"]
    sections = [section(suite, [one for one in cells if one["suite"] == suite]) for suite in SUITES
                if any(one["suite"] == suite for one in cells)]
    return f"""<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made by tools/interop.sh: don't edit. -->
# Who reads whom

Every cell below was run, by `tools/interop.sh`, with the official clients: Java {versions["java"]}, Go {versions["go"]} and
Python {versions["python"]} (the C++ client inside), and a Pulsar {versions["broker"]} broker. Both sides' keys and messages are
made by the run; payloads, properties, keys and order are compared. How it is done: [tests/interop](../tests/interop/README.md).

{counts(cells)}
✓ pass: it reads. – impossible: the official client has no such thing. ✗ client-defect: the official client is wrong. The
signs lead to the [differences between the clients](#differences-between-the-clients).

{chr(10).join(sections)}
## Differences between the clients

What the cells taught about the official clients, one by one.

{list_of_differences(cells)}"""


def to_json(report):
    """One cell a line."""
    lines = ",\n".join("  " + json.dumps(one, ensure_ascii=False) for one in report["cells"])
    return f'{{\n "versions": {json.dumps(report["versions"])},\n "cells": [\n{lines}\n ]\n}}\n'


def problems():
    report = json.loads((DOCS / "interop.json").read_text(encoding="utf-8"))
    if (DOCS / "interop.md").read_text(encoding="utf-8") != render(report):
        yield "docs/interop.md isn't what docs/interop.json and differences.py make"
    if report["versions"] != clients.versions():
        yield f"docs/interop.json is of {report['versions']}, and what is fetched is {clients.versions()}"
    defined = {identity(one) for module in SUITES.values() for one in module.cells()}
    there = [identity(one) for one in report["cells"]]
    for one in sorted(defined - set(there)):
        yield f"defined, and not in docs/interop.json: {one}"
    for one in sorted(set(there) - defined):
        yield f"in docs/interop.json, and not defined: {one}"
    for one, count in collections.Counter(there).items():
        if count > 1:
            yield f"{count} times in docs/interop.json: {one}"
    for one in report["cells"]:
        if one["outcome"] == "fail":
            yield f"failed: {identity(one)}"


def check():
    found = list(problems())
    print("\n".join(found[:20]))
    if found:
        sys.exit(f"report.py: {len(found)} problems; tools/interop.sh makes the page anew")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("results", nargs="*", type=Path)
    arguments = parser.parse_args()
    if arguments.check:
        check()
        return
    cells = [one for path in arguments.results for one in json.loads(path.read_text(encoding="utf-8"))]
    cells.sort(key=lambda one: list(SUITES).index(one["suite"]))
    for one in cells:
        one.pop("versions", None)  # once for all
    report = {"versions": clients.versions(), "cells": cells}
    print(counts(cells) if arguments.keep else render(report))
    if not arguments.keep:
        (DOCS / "interop.json").write_text(to_json(report), encoding="utf-8")
        (DOCS / "interop.md").write_text(render(report), encoding="utf-8")


if __name__ == "__main__":
    main()
