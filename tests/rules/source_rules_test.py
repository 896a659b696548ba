#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checker must find what it is for: each rule is broken once here."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from source_rules import problems  # pylint: disable=wrong-import-position

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


class SourceRules(unittest.TestCase):
    def problems_of(self, file, text):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            return list(problems(Path(folder)))

    def expect_refused(self, file, include, words):
        found = self.problems_of(file, f'{LICENCE}\n  #  include <{include}>\n')
        self.assertEqual(len(found), 1, f"{file} includes {include}: {found}")
        self.assertTrue(found[0].startswith(f"{file}:3: includes {include}"), found)
        self.assertIn(words, found[0])

    def expect_allowed(self, file, include):
        self.assertEqual(self.problems_of(file, f'{LICENCE}#include "{include}"\n'), [])

    def test_forbidden_includes(self):
        for file in ("lib/data_key.cc", "tools/pulseal/main.cc", "tools/pulseal/raw_aead.h",
                     "examples/hello/hello.cc", "include/pulseal/a.h"):
            self.expect_refused(file, "openssl/evp.h", "only lib/crypto sees OpenSSL")
        self.expect_refused("tools/pulseal/websocket_link.cc", "boost/asio.hpp", "see Boost")
        for file in ("lib/data_key.cc", "lib/crypto/aead.h", "tools/pulseal/main.cc", "include/pulseal/framing/entry.h",
                     "bench/encrypt_bench.cc"):
            self.expect_refused(file, "google/protobuf/message_lite.h", "only the tests see")
            self.expect_refused(file, "zstd.h", "only framing sees the codecs")
            self.expect_refused(file, "proto/pulsar_metadata.pb.h", "only the tests see")
        for file in ("include/pulseal/error.h", "lib/error.cc"):
            self.expect_refused(file, "pulseal/framing/entry.h", "the core doesn't know framing")
        self.expect_refused("lib/error.cc", "lib/framing/crc32c.h", "the core doesn't know framing")
        for include in ("absl/strings/string_view.h", "absl/container/flat_hash_map.h", "lib/status.h", "unistd.h"):
            self.expect_refused("include/pulseal/error.h", include, "public headers name")
        for file in ("tools/pulseal/main.cc", "examples/hello/hello.cc", "bench/encrypt_bench.cc"):
            self.expect_refused(file, "lib/status.h", "public headers")
        self.expect_refused("tools/pulseal/main.cc", "lib/crypto/random.h", "public headers only")
        self.expect_refused("tools/pulseal/main.cc", "tests/support/test_keys.h", "public headers only")
        self.expect_refused("lib/error.cc", "tests/support/test_keys.h", "lib/ includes include/ and lib/ only")
        self.expect_refused("lib/crypto/random.cc", "lib/data_key.h", "lib/crypto knows")

    def test_allowed_includes(self):
        for file, include in (
            ("lib/crypto/random.cc", "openssl/rand.h"), ("bench/encrypt_bench.cc", "openssl/evp.h"),
            ("bench/encrypt_bench.cc", "lib/crypto/aead.h"), ("tools/pulseal/raw_aead.cc", "openssl/evp.h"),
            ("tools/pulseal/websocket_connection.cc", "openssl/ssl.h"),
            ("tools/pulseal/websocket_connection.cc", "boost/beast.hpp"),
            ("tests/unit/a_test.cc", "openssl/evp.h"),
            ("tests/unit/a_test.cc", "proto/pulsar_metadata.pb.h"), ("bench/textbook.cc", "proto/pulsar_metadata.pb.h"),
            ("examples/pulsar_client/frame.h", "examples/pulsar_client/pulsar_commands.pb.h"),
            ("tools/pulseal/main.cc", "tools/pulseal/command.h"), ("tools/pulseal/main.cc", "pulseal/framing/entry.h"),
            ("tools/pulseal/websocket_connection.cc", "lib/mutex.h"),
            ("lib/crypto/random.cc", "lib/status.h"), ("lib/error.cc", "absl/strings/str_cat.h"),
            ("include/pulseal/error.h", "absl/status/status.h"), ("include/pulseal/error.h", "pulseal/export.h"),
            ("include/pulseal/error.h", "cstdint"), ("lib/key_file.cc", "sys/stat.h"),
        ):
            self.expect_allowed(file, include)

    def test_locks_that_clang_checks(self):
        for lock in ("std::mutex m;", "const std::lock_guard lock(m);", "std::condition_variable_any c;", "std::shared_mutex m;",
                     "absl::MutexLock lock(&m);", "pthread_mutex_lock(&m);", "std::unique_lock<std::mutex> lock(m);"):
            for file in ("lib/a.cc", "include/pulseal/a.h", "tools/pulseal/a.cc", "examples/a.cc"):
                self.assertEqual(len(self.problems_of(file, LICENCE + f"  {lock}\n")), 1, (file, lock))
            for file in ("lib/mutex.h", "tests/unit/a_test.cc", "bench/a.cc"):
                self.assertEqual(self.problems_of(file, LICENCE + f"  {lock}\n"), [], (file, lock))
        self.assertEqual(self.problems_of("lib/a.cc", LICENCE + "Mutex m;  // not std::mutex\n"), [])

    def test_licence_line(self):
        for file in ("lib/a.cc", "include/pulseal/a.h", "tools/a.sh", "tests/a.py", "cmake/a.cmake", "CMakeLists.txt", ".ci/run"):
            self.assertEqual(len(self.problems_of(file, "int x;\n")), 1, file)
            self.assertEqual(len(self.problems_of(file, "\n\n" + LICENCE)), 1, file)
            self.assertEqual(self.problems_of(file, "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"), [])
        self.assertEqual(self.problems_of("README.md", "no line\n"), [])

    def test_machine_paths(self):
        for path in ("/ro" + "ot/x", '"/ho' + 'me/me/x', "cd /wo" + "rk/main", "-I/wo" + "rk/x"):
            self.assertEqual(len(self.problems_of("README.md", f"see {path}\n")), 1, path)
        self.assertEqual(self.problems_of("README.md", "see tests/wo" + "rk/x and ${BINARY}/wo" + "rk/x\n"), [])


if __name__ == "__main__":
    unittest.main()
