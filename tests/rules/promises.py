#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that whatever SECURITY.md promises, and docs/threat-model.md says of an attack, has a test or a tool that is there.

usage: promises.py SOURCE_DIR      prints what is wrong, and ends with 1 if anything is

Looked at are the tables whose last column is "shown by". In it a row names, between backticks, at least one of
- a test, `Suite.Name`; with `*` or `…` at the end, whatever begins so;
- a file or folder of this repository, which has a `/`.
"""
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

PAGES = ("SECURITY.md", "docs/threat-model.md")
SHOWN_BY = "shown by"
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", re.MULTILINE)
TEST_NAME = re.compile(r"\w+\.[\w*…]+")


def tests_under(root):
    return {f"{suite}.{name}" for file in sorted((root / "tests").rglob("*_test.cc"))
            for suite, name in TEST.findall(file.read_text(encoding="utf-8"))}


def rows(page):
    """(line number, last cell) of each row that has to name what shows it."""
    last_heading = None
    for number, line in enumerate(page.splitlines(), 1):
        if not line.startswith("|"):
            last_heading = None
            continue
        last = line.strip("| ").split("|")[-1].strip()
        if last_heading is None:
            last_heading = last
        elif last_heading == SHOWN_BY and set(last) != {"-"}:
            yield number, last


def problem_of(name, root, tests):
    """None where there is such a test or file."""
    if "/" in name:
        return None if (root / name).exists() else f"there is no {name}"
    if not TEST_NAME.fullmatch(name):
        return f"{name} is neither a test nor a path"
    pattern = name.replace("…", "*")
    return None if any(fnmatchcase(test, pattern) for test in tests) else f"there is no test {name}"


def problems(root):
    tests = tests_under(root)
    for page in PAGES:
        found = list(rows((root / page).read_text(encoding="utf-8")))
        if not found:
            yield f"{page}: no table with a column \"{SHOWN_BY}\""
        for number, cell in found:
            names = re.findall(r"`([^`]+)`", cell)
            if not names:
                yield f"{page}:{number}: names nothing that shows it"
            for problem in filter(None, (problem_of(name, root, tests) for name in names)):
                yield f"{page}:{number}: {problem}"


def main():
    found = list(problems(Path(sys.argv[1])))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
