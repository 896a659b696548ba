// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "tests/cli/shell.h"
#include "tools/pulseal/raw_aead.h"

namespace pulseal::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(BenchTest, ATableWithARowForEachOperationAndSize) {
  const Shell shell;
  const Outcome bench = shell.Run("LC_ALL=C pulseal bench --seconds 0.2");
  EXPECT_EQ(bench.status, 0);
  EXPECT_EQ(bench.err, "");
  const std::vector<std::string> lines = absl::StrSplit(bench.out, '\n');
  ASSERT_GE(lines.size(), 15u);
  size_t row = 2;
  for (const char* operation : {"encrypt", "decrypt"}) {
    for (const char* size : {"   64 B", "  256 B", "  1 KiB", "  4 KiB", " 64 KiB", "  1 MiB"}) {
      EXPECT_THAT(lines[row++],
                  MatchesRegex(std::string(operation) + " " + size + "( +[0-9]+){4} +[0-9]+\\.[0-9][0-9]  #+\\.*"));
    }
  }
  for (const std::string& line : lines) EXPECT_LE(line.size(), 80u) << line;
  EXPECT_THAT(bench.out, HasSubstr("AES-256-GCM of OpenSSL 3."));
  EXPECT_THAT(bench.out, HasSubstr("the machine should have been idle"));
  EXPECT_EQ(shell.Run("ls").out, "");
}

TEST(BenchTest, BarsOfBlocksWhereTheLocaleHasThem) {
  EXPECT_THAT(Shell().Run("LC_ALL=C.UTF-8 pulseal bench --seconds 0.2").out, HasSubstr("  \u2588"));
}

// How wide the table is that a terminal of 132 columns gets, and what becomes of the progress there.
TEST(BenchTest, ATerminalSeesProgressAndIsFilled) {
  const Shell shell;
  const Outcome bench = shell.Run(R"(cat > terminal.py <<'END'
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 132, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
while True:
    try:
        seen += os.read(terminal, 65536)
    except OSError:
        break
print(b"measuring: 0 %" in seen, b"measuring: 99 %\r\x1b[K " in seen)
rows = [line.decode() for line in seen.replace(b"\r\n", b"\n").split(b"\n") if b"crypt " in line]
print(len(rows), max(len(row[row.rindex("\x1b[K") + 3:] if "\x1b" in row else row) for row in rows))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
LC_ALL=C.UTF-8 python3 terminal.py pulseal bench --seconds 0.2
LC_ALL=C.UTF-8 python3 terminal.py pulseal bench --seconds 0.2 --quiet | sed -n 1p)");
  EXPECT_EQ(bench, (Outcome{0, "True True\n12 132\n0\nFalse False\n", ""}));
}

TEST(BenchTest, JsonHasAnObjectForEachOperationAndSize) {
  const Outcome bench = Shell().Run(R"(pulseal bench --seconds 0.2 --json > out || exit 1
cat > read.py <<'END'
import json
results = [json.loads(line) for line in open("out")]
print([(result["operation"], result["size"]) for result in results])
for result in results:
    assert result["rounds"] == 101 and result["raw"].startswith("OpenSSL 3."), result
    assert result["times_raw"] > 0, result
    for prefix in ("", "raw_"):
        product = result[prefix + "ns_per_message"] * result[prefix + "mb_per_second"]
        assert abs(product / result["size"] / 1000 - 1) < 1e-9, result
END
python3 read.py)");
  EXPECT_EQ(bench, (Outcome{0,
                            "[('encrypt', 64), ('encrypt', 256), ('encrypt', 1024), ('encrypt', 4096), "
                            "('encrypt', 65536), ('encrypt', 1048576), "
                            "('decrypt', 64), ('decrypt', 256), ('decrypt', 1024), ('decrypt', 4096), "
                            "('decrypt', 65536), ('decrypt', 1048576)]\n",
                            ""}));
}

TEST(BenchTest, ABackendCanBeForced) {
  const Shell shell;
  EXPECT_THAT(shell.Run("pulseal bench --seconds 0.2 --backend openssl").out, HasSubstr("\non OpenSSL.\n"));
  EXPECT_THAT(shell.Run("pulseal bench --seconds 0.2 --backend openssl --json").out,
              HasSubstr("\"backend\":\"OpenSSL\""));
  const Outcome ipsec_mb = shell.Run("pulseal bench --seconds 0.2 --backend ipsec-mb");
  if (ipsec_mb.status == 0) {
    EXPECT_THAT(ipsec_mb.out, HasSubstr("\non libipsec-mb.\n"));
  } else {
    EXPECT_EQ(ipsec_mb.status, 3);
    EXPECT_THAT(ipsec_mb.err, HasSubstr("libipsec-mb"));
  }
  EXPECT_EQ(shell.Run("pulseal bench --backend fastest").status, 2);
}

TEST(BenchTest, AnInterruptionEndsItAtOnce) {
  EXPECT_EQ(Shell().Run("env --default-signal=INT timeout --preserve-status -s INT 0.2 pulseal bench --seconds 3600"),
            (Outcome{130, "", ""}));
}

TEST(BenchTest, ATimeThatItCanNotTakeIsAUsageError) {
  const Shell shell;
  for (const char* seconds : {"0", "-1", "4000", "ten", "nan", "inf", ""}) {
    const Outcome bench = shell.Run(std::string("pulseal bench --seconds=") + seconds);
    EXPECT_EQ(bench.status, 2) << seconds;
    EXPECT_EQ(bench.out, "");
    EXPECT_THAT(bench.err, ContainsRegex("^pulseal: .*--seconds.*\\(see: pulseal bench --help\\)\n$"));
  }
}

TEST(BenchTest, TheRawCipherIsAnAuthenticatedOne) {
  auto raw = tools::RawAead::Create();
  ASSERT_TRUE(raw.ok()) << raw.status();
  const std::string plaintext = "a message";
  std::string sealed(plaintext.size() + tools::RawAead::kTagSize, '\0'), again = sealed, opened = plaintext;
  ASSERT_TRUE(raw->Seal(1, plaintext, sealed.data()));
  ASSERT_TRUE(raw->Seal(2, plaintext, again.data()));
  EXPECT_NE(sealed, again);
  EXPECT_THAT(sealed, Not(HasSubstr(plaintext)));
  opened.assign(plaintext.size(), '\0');
  EXPECT_TRUE(raw->Open(1, sealed, opened.data()));
  EXPECT_EQ(opened, plaintext);
  EXPECT_FALSE(raw->Open(2, sealed, opened.data()));
  sealed[0] = static_cast<char>(sealed[0] ^ 1);
  EXPECT_FALSE(raw->Open(1, sealed, opened.data()));
}

}  // namespace
}  // namespace pulseal::testing
