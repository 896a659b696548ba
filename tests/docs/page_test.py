#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: page_test.py PROGRAM_FOLDER PAGE...

Types what a page shows, as a reader would: the lines behind `$ ` in its ```console blocks, from top to bottom, in one shell in
an empty folder with `pulseal` in its path; then compares what the page shows below each with what came, standard error
included. `...` in a page stands for anything, also for whole lines. `$?` is shown by the page itself (`echo $?`). A page's
localhost:8080 is 127.0.0.1:$PORT where there is such a variable.
"""
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

BLOCK = re.compile(r"^( *)```console\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


def steps(page):
    """(command, expected output) of each step."""
    found = []
    for _, block in BLOCK.findall(page):
        for line in textwrap.dedent(block).splitlines():
            if line.startswith("$ "):
                found.append([line[2:], []])
            elif found and found[-1][0].endswith("\\") and not found[-1][1]:
                found[-1][0] += "\n" + line.removeprefix("> ")
            elif found:
                found[-1][1].append(line)
            else:
                raise SystemExit(f"a console block begins without a command: {line}")
    return [(command, "\n".join(lines)) for command, lines in found]


def matches(expected, actual):
    pattern = re.escape(expected).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, actual, re.DOTALL) is not None


def run(page, program_folder):
    mark = "\x1e"  # between the outputs of two commands
    text = page.read_text()
    if "PORT" in os.environ:
        text = text.replace("localhost:8080", "127.0.0.1:" + os.environ["PORT"])
    wanted = steps(text)
    if not wanted:
        return [f"{page}: no command in a console block"]
    script = "".join(f"{command}\nprintf '{mark}'\n" for command, _ in wanted)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PATH": f"{program_folder}:{os.environ['PATH']}", "HOME": folder, "LC_ALL": "C.UTF-8"}
        shell = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    outputs = shell.stdout.split(mark)
    problems = []
    for (command, expected), actual in zip(wanted, outputs):
        if not matches(expected.strip(), actual.strip()):
            problems.append(f"{page}: $ {command}\n--- the page shows\n{expected}\n--- it gives\n{actual.strip()}\n")
    if len(outputs) != len(wanted) + 1:
        problems.append(f"{page}: {len(outputs) - 1} of {len(wanted)} commands ran")
    return problems


def main():
    problems = [problem for page in sys.argv[2:] for problem in run(Path(page), sys.argv[1])]
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
