#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: doxygen_filter.py HEADER: the header, with its plain comments as Doxygen wants them.

Comments are verbatim for Doxygen: they hold tables and names that its markup would take for commands.
"""
import re
import sys


def filtered(lines):
    block = []
    for number, line in enumerate(lines):
        comment = re.fullmatch(r"( *)//(?: (.*))?", line)
        if comment:
            block.append(line)
            continue
        yield from comment_block(block, is_head=number - len(block) == 0, describes=line.strip() != "")
        block = []
        code, _, text = line.partition("  // ")
        yield f"{code}  ///< {escaped(text)}" if text and not text.startswith("NOLINT") else line
    yield from block


def escaped(text):
    return re.sub(r"([\\@<>#%&\"$])", r"\\\1", text)


def comment_block(block, is_head, describes):
    if not block:
        return
    if is_head:
        block = [line for line in block if "SPDX" not in line]
        yield "/// @file"
    elif not describes:
        yield from block
        return
    indent = block[0][: len(block[0]) - len(block[0].lstrip())] if block else ""
    yield f"{indent}/// @verbatim"
    for line in block:
        yield f"{indent}/// {line.strip()[3:]}"
    yield f"{indent}/// @endverbatim"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as header:
        print("\n".join(filtered(header.read().splitlines())))
