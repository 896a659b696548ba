#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the public headers to what they declared when their version was frozen: whatever compiled and linked still does.

usage: interface.py SOURCE_DIR            prints what was changed or removed, and ends with 1 if anything was
       interface.py --record SOURCE_DIR   writes tests/rules/interface-VERSION.txt anew: for a new minor version only

Each declaration of namespace pulseal must be there as it was, but for white space and comments. What may come:
- new declarations;
- new public members of a class without virtual functions, since its size stays the same;
- new enumerators behind the others.
Nothing may be added to a struct, to a class that users derive from, or to the private part of a class.
"""
import re
import sys
from pathlib import Path

HEADING = "# SPDX-License-Identifier: Apache-2.0"
COMMENT = re.compile(r'//[^\n]*|("(?:[^"\\\n]|\\.)*")')
DIRECTIVE = re.compile(r"^[ \t]*#[^\n]*(?:\\\n[^\n]*)*", re.MULTILINE)
ACCESS = re.compile(r"(public|protected|private) ?: ?")
NAMESPACE = re.compile(r"(?:inline )?namespace [\w:]* ?\{")


def record_of(root):
    version = (root / "include/pulseal/version.h").read_text()
    major, minor = (re.search(rf"define PULSEAL_VERSION_{part} (\d+)", version)[1] for part in ("MAJOR", "MINOR"))
    return root / f"tests/rules/interface-{major}.{minor}.txt"


def code_of(header):
    """Without comments and directives, white space made one space."""
    return " ".join(DIRECTIVE.sub("", COMMENT.sub(lambda match: match[1] or "", header)).split())


def statements(code):
    """What `code` consists of at its outermost level: declarations, and labels like `public:`."""
    begin = depth = 0
    for at, char in enumerate(code):
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(char, 0)
        if depth != 0:
            continue
        is_label = char == ":" and ACCESS.fullmatch(code[begin:at + 1].strip())
        is_body = char == "}" and code[at + 1:at + 2] != ";" and re.match(r"[^={]*\)[^={]*\{", code[begin:at])
        if char == ";" or is_label or is_body:
            yield code[begin:at + 1].strip()
            begin = at + 1
    if code[begin:].strip():
        yield code[begin:].strip()


def declarations(code):
    """Those of all namespaces in `code`; each begins with the namespace's name."""
    code = code.strip()
    while opening := NAMESPACE.search(code):
        depth, end = 1, opening.end()
        while depth > 0:
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        yield from statements(code[opening.end():end - 1])
        code = code[end:]


def body_of(declaration):
    """(what stands before it, its statements) of a class, struct or enum; (declaration, None) of all else."""
    if not re.match(r"(template ?<.*?> )?(class|struct|enum)\b[^;(]*\{", declaration):
        return declaration, None
    head, _, rest = declaration.partition("{")
    inside = rest.rpartition("}")[0].strip()
    if head.startswith("enum"):
        return head.strip(), [part.strip() for part in inside.split(",") if part.strip()]
    return head.strip(), list(statements(inside))


def is_beginning(old, new):
    return new[:len(old)] == old


def are_within(old, new):
    """Whether `new` has all of `old`, in the same order."""
    rest = iter(new)
    return all(statement in rest for statement in old)


def halves(body):
    """(public, private) statements of a class."""
    public, private, now = [], [], "private"
    for statement in body:
        label = ACCESS.fullmatch(statement + " ") or ACCESS.fullmatch(statement)
        if label:
            now = label[1]
        else:
            (public if now == "public" else private).append(statement)
    return public, private


def is_compatible(old, new):
    """Whether a class, struct or enum that was `old` may be `new` now. Their heads are the same."""
    (head, before), (_, after) = body_of(old), body_of(new)
    if head.startswith("enum"):
        return is_beginning(before, after)
    if not head.startswith("class") or any("virtual" in statement for statement in before + after):
        return before == after
    (public, private), (new_public, new_private) = halves(before), halves(after)
    return private == new_private and are_within(public, new_public)


def interface(root):
    """[header: declaration] of all public headers."""
    return [f"{path.relative_to(root / 'include')}: {declaration}"
            for path in sorted((root / "include").rglob("*.h"))
            for declaration in declarations(code_of(path.read_text(encoding="utf-8")))]


def problems(old, new):
    for line in old:
        header, _, declaration = line.partition(": ")
        head, body = body_of(declaration)
        same_head = [other for other in (other.partition(": ")[2] for other in new if other.startswith(f"{header}: "))
                     if body is not None and body_of(other)[0] == head and body_of(other)[1] is not None]
        if line in new or any(is_compatible(declaration, other) for other in same_head):
            continue
        yield f"{header}: {'changed' if same_head else 'gone'}: {declaration}"


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--record":
        root = Path(sys.argv[2])
        record_of(root).write_text("\n".join([HEADING, *interface(root)]) + "\n", encoding="utf-8")
        return 0
    root = Path(sys.argv[1])
    _, *recorded = record_of(root).read_text(encoding="utf-8").splitlines()
    found = list(problems(recorded, interface(root)))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
