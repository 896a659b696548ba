#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws a flame graph (SVG) of a profile on standard input.

usage: flame_graph.py perf TITLE         `perf script --fields=comm,ip,sym`
       flame_graph.py callgrind TITLE    callgrind's file, made with --separate-callers, --compress-strings=no and
                                         --compress-pos=no

Each box is a function, on top of the one that called it, as wide as the time that it and its callees took.
"""
import re
import sys
from collections import defaultdict
from html import escape

WIDTH, ROW, CHARACTER = 1200, 17, 6.6
NARROWEST = 0.4  # pixels; what is narrower is left out


def without_arguments(function):
    """`a::b<c>(d, e) const` as `a::b`: enough to know it by."""
    name, depth = "", 0
    function = function.removesuffix(" (inlined)")
    for character in function.replace("(anonymous namespace)", "anonymous").replace("operator()", "operator[]"):
        depth -= character in ">)"
        if depth == 0 and character not in ">)":
            if character not in "<(":
                name += character
        depth += character in "<("
    return name.removesuffix(" const").split(" ")[-1] or function


def perf_stacks(lines):
    """(frames from the outermost, weight) of each sample."""
    frames, program = [], ""
    for line in lines:
        if not line.strip():
            if program:
                yield [program, *reversed(frames)], 1
            frames, program = [], ""
        elif line[0].isspace():
            frames.append(without_arguments(line.split(None, 1)[1].strip()) if len(line.split()) > 1 else "[unknown]")
        else:
            program = line.strip()
    if program:
        yield [program, *reversed(frames)], 1


def callgrind_stacks(lines):
    """The same: a function's name has its callers behind it, an apostrophe before each."""
    frames, is_call = [], False
    for line in lines:
        if line.startswith("fn="):
            frames = [without_arguments(name) for name in reversed(line[3:].strip().split("'")) if not name.isdigit()]
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[0-9+*-]", line):
            if not is_call and frames:
                yield frames, int(line.split()[1])
            is_call = False  # what the callee cost stands with the callee as well


class Box:
    def __init__(self):
        self.weight, self.callees = 0, defaultdict(Box)


def tree(stacks):
    root = Box()
    for frames, weight in stacks:
        box = root
        box.weight += weight
        for frame in frames:
            box = box.callees[frame]
            box.weight += weight
    return root


def depth(box):
    return 1 + max(map(depth, box.callees.values()), default=0)


def draw(name, box, x, level, scale, total, height):
    width = box.weight * scale
    if width < NARROWEST:
        return
    y = height - (level + 1) * ROW
    hue = 10 + sum(map(ord, name)) % 45
    share = 100 * box.weight / total
    room = int((width - 4) / CHARACTER)
    text = name if len(name) <= room else name[: max(room - 1, 0)] + "…" if room > 3 else ""
    print(f'<g><title>{escape(name)}: {share:.2f} %</title>'
          f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="hsl({hue},80%,65%)"/>'
          f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(text)}</text></g>')
    for callee, inner in sorted(box.callees.items()):
        draw(callee, inner, x, level + 1, scale, total, height)
        x += inner.weight * scale


def main():
    readers = {"perf": perf_stacks, "callgrind": callgrind_stacks}
    if len(sys.argv) != 3 or sys.argv[1] not in readers:
        sys.exit(__doc__)
    sys.setrecursionlimit(10000)
    root = tree(readers[sys.argv[1]](sys.stdin))
    if root.weight == 0:
        sys.exit("flame_graph.py: there are no samples")
    height = (depth(root) + 2) * ROW
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="monospace" font-size="11">'
          f'<rect width="100%" height="100%" fill="white"/><text x="4" y="14">{escape(sys.argv[2])}</text>')
    draw("all", root, 0, 0, WIDTH / root.weight, root.weight, height)
    print("</svg>")


if __name__ == "__main__":
    main()
