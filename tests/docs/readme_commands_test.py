#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: readme_commands_test.py PROGRAM_FOLDER

Types the commands of README.md's section on the program, in their order, in an empty folder; each has to end with 0. Its
localhost:8080 is 127.0.0.1:$PORT.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
# What a command needs that those before it don't make.
BEFORE = {
    "pulseal decrypt": "mkdir nobody; pulseal consume orders.topic --key-dir nobody --on-failure consume --format jsonl "
                       "2> /dev/null > kept.jsonl",
    "pulseal rewrap": "pulseal keygen newcomer > /dev/null",
}
INSTEAD = {"pulseal bench": "pulseal bench --seconds 0.2"}


def commands():
    section = re.search(r"^## The program\n(.*?)^## ", README.read_text(), re.DOTALL | re.MULTILINE)[1]
    section = section.replace("localhost:8080", "127.0.0.1:" + os.environ["PORT"])
    return [line.split("  #")[0].strip() for line in section.splitlines() if line.startswith("    pulseal ")]


def main():
    found = commands()
    if len(found) < 5:
        sys.exit(f"README.md: {len(found)} commands")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "messages.txt").write_text("one\ntwo\n")
        environment = {**os.environ, "PATH": f"{sys.argv[1]}:{os.environ['PATH']}"}
        for command in found:
            name = " ".join(command.split()[:2])
            script = f"{BEFORE.get(name, ':')}; {INSTEAD.get(name, command)}"
            done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            if done.returncode != 0:
                sys.exit(f"README.md: $ {command}\nended with {done.returncode}:\n{done.stdout}")


if __name__ == "__main__":
    main()
