#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds a small program against Pulseal as strangers do: installed (CMake package, pkg-config) and embedded.

usage: package_test.py SOURCE_DIR WORK_DIR [unittest arguments]
"""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import hardening

SOURCE = Path(sys.argv[1]).resolve()
WORK = Path(sys.argv[2]).resolve()
VERSION = re.search(r'PULSEAL_VERSION_STRING "(.*)"', (SOURCE / "include/pulseal/version.h").read_text())[1]
SONAME_VERSION = VERSION.rpartition(".")[0]
HERE = SOURCE / "tests/package"
# What a library that prompts, logs, exits, starts programs, writes files or phones home has to call.
NEVER_CALLED = re.compile("p?writev?|(__)?v?[fd]?printf(_chk)?|f?puts|fwrite|putchar|perror|syslog|_?exit|quick_exit|abort|"
                          "system|popen|execve|posix_spawn|fork|socket|connect|sendto|getaddrinfo|getpass|isatty|UI_new|"
                          "rename|unlink|mkdir|_ZSt[0-9]+w?(cout|cerr|clog|cin)")
COMPILERS = ["g++"] + ([c] if (c := shutil.which("clang++-14")) else [])


def run(*command, **options):
    environment = dict(os.environ, CCACHE_BASEDIR=str(SOURCE), CCACHE_NOHASHDIR="1")
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=dict(environment, **options.pop("env", {})), **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def configure(source, build, *arguments):
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    shutil.rmtree(build, ignore_errors=True)
    run("cmake", "-G", "Ninja", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", *launcher, *arguments)


def install(kind):
    """Builds the libraries alone, installs them, and moves the tree, which must not mind."""
    build, first, prefix = WORK / f"{kind}-build", WORK / f"{kind}-first", WORK / f"{kind}-installed"
    only_libraries = [f"-DPULSEAL_BUILD_{part}=OFF" for part in ("TOOLS", "TESTS", "BENCH", "EXAMPLES")]
    is_shared = ["-DBUILD_SHARED_LIBS=ON"] if kind == "shared" else []  # static where nobody says otherwise
    configure(SOURCE, build, *is_shared, *only_libraries, "-DPULSEAL_WITH_IPSEC_MB=ON")
    run("cmake", "--build", build)
    for tree in (first, prefix):
        shutil.rmtree(tree, ignore_errors=True)
    run("cmake", "--install", build, "--prefix", first)
    first.rename(prefix)
    return prefix


class InstalledCase:
    """What holds for both kinds of library."""
    kind = ""

    @classmethod
    def setUpClass(cls):
        cls.prefix = install(cls.kind)
        cls.libraries = next(cls.prefix.glob("lib*"))
        cls.has_framing = (cls.libraries / "pkgconfig/pulseal-framing.pc").exists()

    # The installed tree has been moved since; nothing in it may point back.
    def expect_runs(self, program):
        self.assertEqual(run(program, env={"LD_LIBRARY_PATH": str(self.libraries)}),
                         f"{VERSION} key-service-unavailable\n")

    def build_with_cmake(self, components):
        build = WORK / f"{self.kind}-uses-{components or 'core'}"
        configure(HERE / "installed", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCOMPONENTS={components}")
        run("cmake", "--build", build)
        self.expect_runs(build / "program")

    def build_with_pkg_config(self, module):
        environment = {"PKG_CONFIG_PATH": str(self.libraries / "pkgconfig")}
        flags = run("pkg-config", "--cflags", "--libs", module, env=environment).split()
        program = WORK / f"{self.kind}-{module}"
        run("g++", "-std=c++17", HERE / "program.cc", "-o", program, *flags)
        self.expect_runs(program)
        self.assertEqual(run("pkg-config", "--modversion", module, env=environment).strip(), VERSION)

    def test_cmake_package(self):
        self.build_with_cmake("")

    def test_pkg_config(self):
        self.build_with_pkg_config("pulseal")

    def test_framing(self):
        self.assertTrue(self.has_framing, "pulseal-framing.pc wasn't installed")
        self.build_with_cmake("framing")
        self.build_with_pkg_config("pulseal-framing")

    def test_a_component_that_is_not_there_is_refused(self):
        with self.assertRaisesRegex(AssertionError, "nonsense"):
            self.build_with_cmake("nonsense")

    def test_another_minor_version_is_refused(self):
        script = WORK / "version.cmake"
        script.write_text("set(PACKAGE_FIND_VERSION 0.2.0)\nset(PACKAGE_FIND_VERSION_MAJOR 0)\n"
                          "set(PACKAGE_FIND_VERSION_MINOR 2)\n"
                          f"include({self.libraries}/cmake/pulseal/pulsealConfigVersion.cmake)\n"
                          'message("compatible=${PACKAGE_VERSION_COMPATIBLE}")\n')
        self.assertIn("compatible=FALSE", run("cmake", "-P", script))

    def test_nothing_but_public_headers_is_installed(self):
        installed = {str(p.relative_to(self.prefix / "include")) for p in self.prefix.glob("include/**/*.h")}
        public = {str(p.relative_to(SOURCE / "include")) for p in SOURCE.glob("include/**/*.h")}
        self.assertEqual(installed, public)


class Static(InstalledCase, unittest.TestCase):
    kind = "static"


class Shared(InstalledCase, unittest.TestCase):
    kind = "shared"

    def shared_libraries(self):
        names = ["pulseal"] + (["pulseal_framing"] if self.has_framing else [])
        return {name: self.libraries / f"lib{name}.so" for name in names}

    def test_soname(self):
        for name, path in self.shared_libraries().items():
            self.assertIn(f"SONAME               lib{name}.so.{SONAME_VERSION}\n", run("objdump", "-p", path))

    def test_hardened(self):
        for path in self.shared_libraries().values():
            self.assertEqual(hardening.missing(path, is_program=False), [])

    def test_neither_prints_nor_exits_nor_writes_nor_connects(self):
        for path in self.shared_libraries().values():
            symbols = run("nm", "-D", "--undefined-only", path).splitlines()
            called = [symbol.split()[-1].partition("@")[0] for symbol in symbols]
            self.assertIn("memcpy", called)
            self.assertEqual(list(filter(NEVER_CALLED.fullmatch, called)), [])

    def test_only_public_symbols_show(self):
        words = set()
        for header in SOURCE.glob("include/pulseal/**/*.h"):
            words.update(re.findall(r"\w+", header.read_text()))
        for path in self.shared_libraries().values():
            shown = [line.split(" ", 2)[2] for line in run("nm", "-D", "--defined-only", "-C", path).splitlines()]
            self.assertTrue(any("pulseal::" in symbol for symbol in shown))
            for symbol in shown:
                self.assertRegex(symbol, r"^((vtable|typeinfo|typeinfo name|VTT) for )?pulseal::")
                name = re.match(r"(?:.* for )?pulseal::([\w:~]+)", symbol)[1]
                for part in filter(None, re.split(r"::|~", name)):
                    self.assertTrue(part in words or part.startswith("operator"), f"{symbol} is in no public header")


class Embedded(unittest.TestCase):
    def test_add_subdirectory(self):
        build = WORK / "embed"
        configure(HERE / "embed", build, f"-DPULSEAL_SOURCE_DIR={SOURCE}", "-DPULSEAL_BUILD_FRAMING=OFF")
        run("cmake", "--build", build)
        self.assertEqual(run(build / "program"), f"{VERSION} key-service-unavailable\n")
        commands = json.loads((build / "compile_commands.json").read_text())
        self.assertGreater(len(commands), 10)
        for command in commands:
            self.assertNotIn("-Werror", command["command"])
        [own] = [c["command"] for c in commands if c["file"].endswith("program.cc")]
        self.assertNotIn("-W", own)
        self.assertNotIn("-fvisibility", own)
        self.assertNotIn("install", run("cmake", "--build", build, "--target", "help"))


class Headers(unittest.TestCase):
    def test_each_compiles_alone(self):
        headers = sorted(p.relative_to(SOURCE / "include") for p in SOURCE.glob("include/pulseal/**/*.h"))
        self.assertGreater(len(headers), 10)
        for compiler in COMPILERS:
            for standard in ("c++17", "c++20"):
                # All in one run of the compiler, each a translation unit of its own.
                sources = []
                for header in headers:
                    sources.append(WORK / f"alone-{str(header).replace('/', '-')}.cc")
                    sources[-1].write_text(f'#include "{header}"\n#include "{header}"\n')
                run(compiler, f"-std={standard}", "-fsyntax-only", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra",
                    "-Wpedantic", "-Wshadow", "-Werror", "-I", SOURCE / "include", *sources)


if __name__ == "__main__":
    WORK.mkdir(parents=True, exist_ok=True)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
