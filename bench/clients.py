# SPDX-License-Identifier: Apache-2.0
"""The official clients' encryption, each in a program of its own: Java's MessageCryptoBc under JMH, Go's crypto under go test."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/interop"))
import fetch  # noqa: E402

JVMS = Path("/usr/lib/jvm")
LEAST_JAVA = 17


def all_clients(keys, seconds):
    """Ready to run, [(name, function)]: each call of a function measures for about `seconds`, and gives (operation, size, ns)
    for each, or for each of several parts of that time."""
    return [*[(f"java-{version}", java_runner(home, keys, seconds)) for version, home in jdks()], ("go", go_runner(keys, seconds))]


def jdks():
    """The newest installation of each version, [(17, folder), ...]."""
    found = {}
    for release in sorted(JVMS.glob("*/release")):
        version = re.search(r'JAVA_VERSION="(\d+)', release.read_text())
        if version and int(version[1]) >= LEAST_JAVA and (release.parent / "bin/java").exists():
            found[int(version[1])] = release.parent
    if not found:
        raise fetch.FetchError(f"no JDK {LEAST_JAVA} or later in {JVMS}: tools/install-deps.sh --interop installs one")
    return sorted(found.items())


def java_runner(home, keys, seconds):
    jars = fetch.pom_classpath(HERE / "clients/jmh-pom.xml", "java-bench")
    oldest = jdks()[0][1]
    source = HERE / "clients/MessageCryptoBench.java"
    classes = fetch.kept("java-bench-classes", [source, HERE / "clients/jmh-pom.xml"], lambda folder: fetch.run(
        source.name, [oldest / "bin/javac", "-cp", jars, "-d", folder, source]))

    def measure():
        report = classes.parent / "jmh.json"
        subprocess.run([home / "bin/java", "-cp", f"{classes}:{jars}", "org.openjdk.jmh.Main", "MessageCryptoBench", "-f", "1",
                        "-wi", "3", "-w", f"{round(seconds * 1000)}ms", "-i", "5", "-r", f"{round(seconds * 200)}ms",
                        "-jvmArgs", f"-Dpulseal.keys={keys}", "-rf", "json", "-rff", report],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
        for measured in json.loads(report.read_text()):
            for ns in measured["primaryMetric"]["rawData"][0]:
                yield measured["benchmark"].rsplit(".", 1)[1], measured["params"]["size"], ns

    return measure


def go_runner(keys, seconds):
    module = fetch.HERE / "go"
    go = fetch.go()
    environment = {**os.environ, "GOTOOLCHAIN": "local", "PULSEAL_BENCH_KEYS": str(keys)}
    program = fetch.kept("go-crypto_bench", [module / "go.mod", module / "go.sum", *(module / "crypto_bench").glob("*.go")],
                         lambda folder: fetch.run("go/crypto_bench", [*go, "test", "-c", "-o", folder / "crypto_bench", "./crypto_bench"],
                                                  cwd=module, attempts=fetch.ATTEMPTS, env={"GOTOOLCHAIN": "local"}))

    def measure():
        output = subprocess.run([program / "crypto_bench", "-test.run", "^$", "-test.bench", ".", "-test.benchtime", f"{seconds}s"],
                                check=True, stdout=subprocess.PIPE, text=True, env=environment, timeout=300).stdout
        for operation, size, ns in re.findall(r"^Benchmark(\w+)/(\d+)\S*\s+\d+\s+([\d.]+) ns/op", output, re.MULTILINE):
            yield operation.lower(), size, float(ns)

    return measure
