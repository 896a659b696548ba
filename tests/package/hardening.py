# SPDX-License-Identifier: Apache-2.0
"""What a binary lacks of the hardening that cmake/PulsealCompile.cmake asks for, as readelf and objdump see it."""
import re
import subprocess

PAGE = 4096


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def missing(binary, is_program):
    """Each thing that is missing, in words; empty where all is there. Of a linked program or shared library."""
    header = run("readelf", "-Wh", binary)
    segments = run("readelf", "-Wl", binary)
    dynamic = run("readelf", "-Wd", binary)
    imported = run("nm", "-D", "--undefined-only", binary)
    found = {
        "position-independent code": re.search(r"Type: +DYN", header),
        "marked as a position-independent program": not is_program or re.search(r"FLAGS_1.*\bPIE\b", dynamic),
        "relocations that become read-only": "GNU_RELRO" in segments,
        "all functions looked up at the start": re.search(r"BIND_NOW|FLAGS_1.*\bNOW\b", dynamic),
        "code that needs no relocation": "TEXTREL" not in dynamic,
        "a stack without code": re.search(r"GNU_STACK .* RW +0x", segments),
        "no memory both writable and executable": not re.search(r" RWE +0x", segments),
        "canaries on the stack": "__stack_chk_fail" in imported,
        "functions that check their bounds": re.search(r"\b__(?!stack)\w+_chk\b", imported),
    }
    if "X86-64" in header:
        # The processor enforces it only where the C library's start-up code has it too, which isn't ours to build.
        code = run("objdump", "-d", "--no-show-raw-insn", binary)
        found["marked targets of indirect jumps"] = code.count("endbr64") > 100
        steps = re.findall(r"\bsub +\$0x([0-9a-f]{1,8}),%rsp", code)  # not -128, which is shorter than to add 128
        found["no step over the guard page below the stack"] = all(int(step, 16) <= PAGE for step in steps)
    return [what for what, is_there in found.items() if not is_there]
