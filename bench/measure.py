#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks and writes what they measured (bench/results.py says how) to a file.

usage: measure.py [--quick] [--no-clients] [--program-mib N] [--only TEXT] BUILD_FOLDER RESULTS_JSON

Everything is measured several times, in turn: programs in rounds, inside each program its benchmarks in random order, and
where they are held against each other to a few parts in a hundred, the ways of one case in turns of a tenth of a millisecond
(bench/in_turn.h): what disturbs the machine for a while disturbs all ways of doing a thing alike. --only leaves the benchmark programs
whose name lacks TEXT out, and what isn't one of them.
"""
import argparse
import filecmp
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import clients
from clients import fetch
from results import Results

# A round, with how much longer than others a repetition of their benchmarks is: so many ways are in one. Threads twice:
# how far two processors are apart is a virtual machine's host's choice, and changes.
PROGRAMS = [("encrypt", 5), ("decrypt", 5), ("threads", 14), ("recipients", 1), ("batch", 1), ("entries", 1), ("cold_consumer", 1),
            ("cache", 1), ("undecryptable", 1), ("threads", 14), ("rotation", 1)]
COUNTERS = {"field_bytes", "p50", "p99", "p999", "max", "messages", "rotations"}
LINE_SIZE = 1024
BATCH = 1000
MEBIBYTE = 1 << 20


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0], add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-clients", action="store_true")
    parser.add_argument("--program-mib", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("build", type=Path)
    parser.add_argument("results", type=Path)
    arguments = parser.parse_args()
    rounds, repetitions, seconds = (1, 3, 0.005) if arguments.quick else (3, 5, 0.04)
    mebibytes = arguments.program_mib or (64 if arguments.quick else 1024)

    measured = Results()
    measured.machine = describe_machine(arguments.build)
    measured.options = {"rounds": rounds, "repetitions": repetitions, "seconds": seconds, "program_mib": mebibytes,
                        "quick": arguments.quick}
    programs = [(name, ways) for name, ways in PROGRAMS if arguments.only in name]
    for number in range(rounds):
        for name, ways in programs:
            say(f"round {number + 1} of {rounds}: {name}_bench")
            run_google_benchmark(arguments.build, name, repetitions, seconds * ways, measured)
    if not arguments.only:
        count_on_warm_path(arguments.build, measured)
        measure_program(arguments.build, mebibytes, 3 if arguments.quick else 5, measured)
        if not (arguments.quick or arguments.no_clients):
            measured.save(arguments.results)  # the clients are others' programs, and come from the network
            try_clients(arguments.build, min(rounds, 2), measured)
    measured.save(arguments.results)
    say(f"{arguments.results}: {len(measured.results)} results")


def say(text):
    print(f"measure.py: {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def describe_machine(build):
    cpu = Path("/proc/cpuinfo").read_text()
    cache = (build / "CMakeCache.txt").read_text()

    def cached(name):
        found = re.search(rf"^{name}:\w+=(.*)$", cache, re.MULTILINE)
        return found[1] if found else ""

    compiler = subprocess.run([cached("CMAKE_CXX_COMPILER"), "--version"], capture_output=True, text=True, check=True)
    flags = set(re.search(r"^flags\s*:(.*)$", cpu, re.MULTILINE)[1].split()) if "flags" in cpu else set()
    system = re.search(r'^PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text(), re.MULTILINE)
    build_type = cached("CMAKE_BUILD_TYPE")
    return {
        "processor": (re.search(r"^model name\s*:\s*(.*)$", cpu, re.MULTILINE) or ["", platform.processor()])[1],
        "processors": str(os.cpu_count()),
        "AES instructions": " ".join(sorted(flags & {"aes", "vaes", "pclmulqdq", "vpclmulqdq", "avx2", "avx512f"})),
        "system": f"{system[1] if system else platform.system()}, Linux {platform.release()}",
        "OpenSSL": subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.strip(),
        "compiler": f"{compiler.stdout.splitlines()[0]}, {cached('CMAKE_CXX_FLAGS')} {cached('CMAKE_CXX_FLAGS_' + build_type.upper())}",
        "load before the run": f"{os.getloadavg()[0]:.1f}",
        "day": time.strftime("%Y-%m-%d"),
    }


def run_google_benchmark(build, name, repetitions, seconds, measured, filter_=".", name_for=lambda name: name):
    """name_for(result): the name under which it is kept; without one it isn't."""
    with tempfile.TemporaryDirectory() as folder:
        out, series = Path(folder) / "out.json", Path(folder) / "series.json"
        command = [build / f"bench/{name}_bench", f"--benchmark_repetitions={repetitions}", f"--benchmark_min_time={seconds}",
                   "--benchmark_enable_random_interleaving=true", f"--benchmark_out={out}", "--benchmark_out_format=json",
                   f"--benchmark_filter={filter_}"]
        if name == "rotation":
            command.append(f"--series={series}")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for run in json.loads(out.read_text())["benchmarks"]:
            if run["run_type"] != "iteration":
                continue
            if run.get("error_occurred"):
                raise SystemExit(f"measure.py: {run['name']}: {run['error_message']}")
            for result, values in results_of(run):
                if kept := name_for(result):
                    measured.add(kept, values)
        if series.exists():
            measured.series = json.loads(series.read_text())


def results_of(run):
    """Yields (name, values). Wall-clock time where rotation makes it matter or ways were measured in turn, else the thread's own."""
    parts = [part for part in run["run_name"].split("/") if part not in ("real_time", "iterations:1") and "threads:" not in part]
    ways = [key for key in run if "/" in key]
    for way in ways:
        name, backend, *threads = way.split("/")
        yield "/".join([parts[0], name, backend, *parts[1:], *threads]), {"ns": run[way]}
    if ways:
        return
    time_ = run["real_time"] if "/real_time" in run["run_name"] else run["cpu_time"]
    yield "/".join(parts), {"ns": time_ * {"ns": 1, "us": 1e3, "ms": 1e6}[run["time_unit"]],
                            **{key: run[key] for key in COUNTERS if key in run}}


def count_on_warm_path(build, measured):
    program = build / "bench/warm_path"
    for backend in measured.backends() if program.exists() else []:
        output = subprocess.run([program, backend], check=True, capture_output=True, text=True).stdout
        for line in output.splitlines():
            counted = json.loads(line)
            measured.warm_path[counted.pop("name")] = counted


def scratch_folder(bytes_needed):
    """In memory where there is room: the disk isn't what is measured."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > bytes_needed
    return tempfile.TemporaryDirectory(prefix="pulseal-bench-", dir=memory if has_room else None)


def write_lines(path, mebibytes):
    line = b'{"order":%010d,"customer":"customer-417","status":"shipped","note":"'
    with open(path, "wb") as file:
        for number in range(mebibytes):
            head = [line % (number * BATCH + i) for i in range(MEBIBYTE // LINE_SIZE)]
            file.write(b"".join(text.ljust(LINE_SIZE - 1, b".") + b"\n" for text in head))


def measure_program(build, mebibytes, repetitions, measured):
    """`pulseal produce` and `pulseal consume` on a topic file in turn with program_floor, all in batches of the same size."""
    program, floor = build / "tools/pulseal/pulseal", build / "bench/program_floor"
    with scratch_folder(6 * mebibytes * MEBIBYTE) as name:
        folder = Path(name)
        lines, topic, sealed, out = (folder / file for file in ("lines", "bench.topic", "sealed", "out"))
        write_lines(lines, mebibytes)
        make_key(program, folder / "keys")
        keys = ["--key-dir", folder / "keys", "--quiet"]
        makes = {"program-produce/pulseal": topic, "program-produce/floor": sealed}
        for number in range(repetitions):
            say(f"repetition {number + 1} of {repetitions}: produce and consume {mebibytes} MiB")
            for backend in (measured.backends() or ["openssl"])[-1:]:  # the program takes the fastest
                steps = {
                    "program-produce/pulseal": ([program, "produce", topic, "--to", "bench", "--batch", BATCH, "--batch-bytes",
                                                 2 * BATCH * LINE_SIZE, *keys], lines, os.devnull),
                    "program-produce/floor": ([floor, backend, "seal", BATCH * LINE_SIZE], lines, sealed),
                    "program-consume/pulseal": ([program, "consume", topic, *keys], os.devnull, out),
                    "program-consume/floor": ([floor, backend, "open", BATCH * LINE_SIZE], sealed, out),
                }
                for step, (command, source, target) in steps.items():
                    fill_with_zeros(out, mebibytes)
                    if step in makes:
                        makes[step].unlink(missing_ok=True)
                    measured.add(f"{step}/{backend}/{mebibytes}-MiB", timed(command, source, target))
                    if "consume" in step and not filecmp.cmp(out, lines, shallow=False):
                        raise SystemExit(f"measure.py: {step}: what was consumed is not what was produced")


def fill_with_zeros(path, mebibytes):
    """In place: a new file's memory costs several times what it costs to write it where a virtual machine's host has yet to give it,
    and which program comes upon that is chance. So consumers write to memory that is there. Producers make their files; each has the
    memory of the one that it made before."""
    with open(path, "r+b" if path.exists() else "wb") as file:
        for _ in range(mebibytes):
            file.write(bytes(MEBIBYTE))


def make_key(program, folder):
    subprocess.run([program, "keygen", "bench", "--type", "rsa-2048", "--key-dir", folder, "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)


def timed(command, source, target):
    with open(source, "rb") as standard_input, open(target, "r+b" if Path(target).exists() else "wb") as standard_output:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([str(word) for word in command], check=True, stdin=standard_input, stdout=standard_output)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"ns": wall * 1e9, "processor_ns": processor * 1e9}


def try_clients(build, rounds, measured):
    try:
        measure_clients(build, rounds, measured)
    except (fetch.FetchError, subprocess.SubprocessError) as error:
        say(f"the official clients are not measured: {error}")


def measure_clients(build, rounds, measured):
    """Ours and the official clients' in turn, programs of their own all."""
    with tempfile.TemporaryDirectory() as name:
        keys = Path(name)
        make_key(build / "tools/pulseal/pulseal", keys)
        official = clients.all_clients(keys, seconds=0.5)
        for number in range(rounds):
            for operation in ("encrypt", "decrypt"):
                run_google_benchmark(build, operation, 3, 0.5, measured, filter_="/(256|1024|65536)/",
                                     name_for=lambda name: f"clients-{name}" if "/pulseal/" in name else None)
            for client, measure in official:
                say(f"round {number + 1} of {rounds}: {client}")
                for operation, size, ns in measure():
                    measured.add(f"clients-{operation}/{client}/own/{size}", {"ns": ns})


if __name__ == "__main__":
    main()
