#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The official clients and the broker, and the tools to build and run programs over them: found, or fetched and kept.

usage: fetch.py [java | go | python | broker]...      fetches these, or everything, and prints how each is run

What is fetched stays in $PULSEAL_INTEROP_CACHE, or build/interop of the source tree, until what it is made from changes;
after that nothing here needs the network. Your own Maven settings and repository, GOPROXY and pip configuration are used
as they are. Java and Maven are Debian's (tools/install-deps.sh --interop). Several callers may fetch at once: they wait
for one another.
"""
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# For machines without a Go of their own, or with one that go.mod finds too old: a module like every other, so GOPROXY has it.
GO_VERSION = "1.25.5"
GO_SHA256 = {"linux-amd64": "8cea6783dab64d68b38f5b81ecd38d45155a3c06638991acc6af19e0fca80edb"}

MAVEN_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"

ATTEMPTS = 3
DEADLINE_SECONDS = 300  # of one attempt


class FetchError(Exception):
    """Names what could not be had, and why."""


def cache():
    return Path(os.environ.get("PULSEAL_INTEROP_CACHE") or HERE.parents[1] / "build/interop")


def java():
    return [_installed("java")]


def java_classpath(name):
    """The class path of java/NAME-pom.xml: "client" or "broker"."""
    return pom_classpath(HERE / "java" / f"{name}-pom.xml", f"java-{name}")


def pom_classpath(pom, name):
    """The class path of a pom, kept as `name`."""
    folder = kept(name, [pom], lambda folder: _resolve(pom, folder), still_good=_all_jars_exist)
    return (folder / "classpath").read_text()


def java_program(main_class):
    """How java/MAIN_CLASS.java is run: the words before its own arguments."""

    def compile_(folder):
        run(f"java/{main_class}.java",
            [_installed("javac"), "-Xlint:all,-processing", "-proc:none", "-d", folder, "-sourcepath", HERE / "java",
             "-cp", jars, HERE / "java" / f"{main_class}.java"])

    jars = java_classpath("client")
    folder = kept(f"java-{main_class}", [*(HERE / "java").glob("*.java"), HERE / "java/client-pom.xml"], compile_)
    return [*java(), "-cp", f"{folder}:{jars}", main_class]


def go():
    """A go that is new enough for go/go.mod."""
    wanted = re.search(r"^go (\S+)", (HERE / "go/go.mod").read_text(), re.MULTILINE)[1]
    found = shutil.which("go")
    if found and _go_version(found) >= _numbers(wanted):
        return [found]
    return [str(kept(f"go-{GO_VERSION}", [], _fetch_go) / "go/bin/go")]


def go_program(name):
    """How go/NAME is run."""

    def build(folder):
        run(f"go/{name} and its modules", [*go(), "build", "-trimpath", "-buildvcs=false", "-o", folder / name, f"./{name}"],
            cwd=HERE / "go", attempts=ATTEMPTS, env={"GOTOOLCHAIN": "local"})

    inputs = [HERE / "go/go.mod", HERE / "go/go.sum", *(HERE / "go" / name).glob("*.go")]
    return [str(kept(f"go-{name}", inputs, build) / name)]


def python():
    """A Python that has python/requirements.txt."""
    requirements = HERE / "python/requirements.txt"

    def make(folder):
        run("a virtual environment (Debian: python3-venv)", [sys.executable, "-m", "venv", folder])
        run("the packages of python/requirements.txt",
            [folder / "bin/python", "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--require-hashes",
             "--requirement", requirements], attempts=ATTEMPTS)

    return [str(kept(f"python-{platform.python_version()}", [requirements], make) / "bin/python")]


def kept(name, inputs, make, still_good=lambda folder: True):
    """The folder `name` of the cache, filled by make(folder) where it isn't there or was made from other inputs."""
    folder = cache() / name
    stamp = folder / "made-from"
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(inputs))).hexdigest()
    cache().mkdir(parents=True, exist_ok=True)
    with _locked(cache() / f"{name}.lock"):
        if not (stamp.exists() and stamp.read_text() == wanted and still_good(folder)):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            stamp.write_text(wanted)
    return folder


@contextlib.contextmanager
def _locked(path):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _installed(program):
    found = shutil.which(program)
    if not found:
        raise FetchError(f"no {program} on PATH: tools/install-deps.sh --interop installs it")
    return found


def _resolve(pom, folder):
    settings = [] if (Path.home() / ".m2/settings.xml").exists() else ["--settings", HERE / "java/settings.xml"]
    with _locked(cache() / "maven.lock"):  # two at once may spoil Maven's repository
        run(f"the jars of {pom.name}",
            # --update-snapshots: Maven remembers failures, for releases too, and would not try again.
            [_installed("mvn"), "--batch-mode", "--quiet", "--update-snapshots", "-Dstyle.color=never", *settings, "--file", pom,
             MAVEN_GOAL, "-DincludeScope=runtime", f"-Dmdep.outputFile={folder / 'classpath'}"], attempts=ATTEMPTS)


def _all_jars_exist(folder):
    return all(Path(jar).exists() for jar in (folder / "classpath").read_text().split(":"))


def _numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)]


def _go_version(program):
    # Not what GOTOOLCHAIN would switch to.
    output = subprocess.run([program, "version"], env={**os.environ, "GOTOOLCHAIN": "local"}, capture_output=True, text=True)
    found = re.search(r"go(\d[\d.]*)", output.stdout)
    return _numbers(found[1]) if found else [0]


def _fetch_go(folder):
    machine = {"x86_64": "linux-amd64"}.get(platform.machine())
    if machine is None:
        raise FetchError(f"no Go on PATH that is new enough, and none is fetched for {platform.machine()}: install one")
    module = f"v0.0.1-go{GO_VERSION}.{machine}"
    zip_file = folder / "go.zip"
    _download(f"golang.org/toolchain@{module}", f"golang.org/toolchain/@v/{module}.zip", zip_file)
    if hashlib.sha256(zip_file.read_bytes()).hexdigest() != GO_SHA256[machine]:
        raise FetchError(f"golang.org/toolchain@{module} is not what it was: another SHA-256")
    with zipfile.ZipFile(zip_file) as archive:
        archive.extractall(folder)
    zip_file.unlink()
    (folder / f"golang.org/toolchain@{module}").rename(folder / "go")
    for program in [*(folder / "go/bin").iterdir(), *(folder / "go/pkg/tool").glob("*/*")]:
        program.chmod(0o755)


def _download(what, path, target):
    proxies = os.environ.get("GOPROXY") or "https://proxy.golang.org"
    proxy = next((proxy for proxy in re.split("[,|]", proxies) if proxy.startswith("http")), None)
    if proxy is None:
        raise FetchError(f"{what}: GOPROXY names no proxy to fetch it from")
    run(what, [_installed("curl"), "--fail", "--silent", "--show-error", "--location", "--output", target, f"{proxy}/{path}"],
        attempts=ATTEMPTS)


def run(what, command, cwd=None, attempts=1, env=None):
    """Runs a command that gets or makes `what`."""
    for _ in range(attempts):
        process = subprocess.Popen([str(word) for word in command], cwd=cwd, env={**os.environ, **(env or {})},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", start_new_session=True)
        try:
            output, _ = process.communicate(timeout=DEADLINE_SECONDS)
            if process.returncode == 0:
                return
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            output = f"not done in {DEADLINE_SECONDS} s"
    raise FetchError(f"could not get {what}: {output.strip()[-2000:]}")


def main(names):
    get = {
        "java": lambda: [*java(), "-cp", java_classpath("client")],
        "broker": lambda: [*java(), "-cp", java_classpath("broker")],
        "go": go,
        "python": python,
    }
    if not set(names) <= set(get):
        sys.exit(__doc__)
    for name in names or get:
        print(f"{name}: {' '.join(get[name]())[:200]}", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except FetchError as error:
        sys.exit(f"fetch.py: {error}")
