#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: report.py [--keep] RESULTS...
       report.py --check | --render

Makes docs/interop.md, and the docs/interop.json that it is made from, of what the *_cells.py wrote, and prints it; with --keep
it leaves both as they are and prints how many cells there are by outcome. --render: makes the page anew of docs/interop.json.
--check: whether the page is what docs/interop.json says, the cells there are those that the code here defines, of the clients'
versions that it fetches, and none of them failed.
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
              "Pulsar's, but a third opinion. What was altered on its way passes where the reader refuses it.",
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
    """Tables of the cells that have one of the members COLUMNS."""
    groups = collections.defaultdict(list)
    for one in cells:
        by = tuple((name, one["what"][name]) for name in module.TABLE_BY if name in one["what"])
        groups[by, column_of(one, module)].append(one)
    return "\n".join(heading(by, column, module) + one_matrix(group, by, column) for (by, column), group in groups.items())


def column_of(one, module):
    return next((name for name in module.COLUMNS if name in one["what"]), None)


def heading(by, column, module):
    words = [f"{name}: {value}" for name, value in by]
    if column != module.COLUMNS[-1]:
        words.append(column)
    return f"**{', '.join(words)}**\n\n" if words else ""


def one_matrix(cells, by, column):
    columns = list(dict.fromkeys(one["what"][column] for one in cells))
    shown = {column, *dict(by)}
    rows = collections.defaultdict(dict)
    for one in cells:
        rest = [value for name, value in one["what"].items() if name not in shown]
        rows[f"{one['writer']} → {one['reader']}", *rest][one["what"][column]] = mark(one)
    names = [name for name in cells[0]["what"] if name not in shown]
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
    in_matrix = [one for one in cells if column_of(one, module)]
    alone = [one for one in cells if not column_of(one, module)]
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


def last_report():
    return json.loads((DOCS / "interop.json").read_text(encoding="utf-8"))


def problems():
    report = last_report()
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


def write_page(report):
    (DOCS / "interop.md").write_text(render(report), encoding="utf-8")


def check():
    found = list(problems())
    print("\n".join(found[:20]))
    if found:
        sys.exit(f"report.py: {len(found)} problems; tools/interop.sh makes the page anew")


def main():
    parser = argparse.ArgumentParser()
    for option in "--check", "--render", "--keep":
        parser.add_argument(option, action="store_true")
    parser.add_argument("results", nargs="*", type=Path)
    arguments = parser.parse_args()
    if arguments.check:
        check()
        return
    if arguments.render:
        write_page(last_report())
        return
    cells = [one for path in arguments.results for one in json.loads(path.read_text(encoding="utf-8"))]
    cells.sort(key=lambda one: list(SUITES).index(one["suite"]))
    for one in cells:
        one.pop("versions", None)  # once for all
    report = {"versions": clients.versions(), "cells": cells}
    print(counts(cells) if arguments.keep else render(report))
    if not arguments.keep:
        (DOCS / "interop.json").write_text(to_json(report), encoding="utf-8")
        write_page(report)


if __name__ == "__main__":
    main()
