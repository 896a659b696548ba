// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pulseal/version.h"
#include "tests/cli/shell.h"

namespace pulseal::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;

Outcome Usage(const std::string& message) { return {2, "", "pulseal: " + message + "\n"}; }

TEST(UsageTest, HelpAndVersionGoToStandardOutput) {
  const Shell shell;
  EXPECT_EQ(shell.Run("pulseal --version"), (Outcome{0, "pulseal " PULSEAL_VERSION_STRING "\n", ""}));
  for (const std::string command :
       {"", "keygen ", "check ", "inspect ", "produce ", "consume ", "rewrap ", "decrypt ", "bench "}) {
    const Outcome help = shell.Run("pulseal " + command + "--help");
    EXPECT_EQ(help.status, 0);
    EXPECT_EQ(help.err, "");
    EXPECT_THAT(help.out, HasSubstr("Usage: pulseal " + command));
    EXPECT_THAT(help.out, HasSubstr("\n\nExit status: 0 done"));
    EXPECT_THAT(help.out, EndsWith("130 interrupted.\n"));
    EXPECT_THAT(help.out, ContainsRegex("\nExamples?: pulseal |\n  pulseal keygen "));
  }
}

TEST(UsageTest, MistakesEndWithTwoAndSayWhereToLook) {
  const Shell shell;
  EXPECT_EQ(shell.Run("pulseal"), Usage("which command? (see: pulseal --help)"));
  EXPECT_EQ(shell.Run("pulseal konsume t"),
            Usage("\"konsume\" is no command; did you mean consume? (see: pulseal --help)"));
  EXPECT_EQ(shell.Run("pulseal subscribe t"), Usage("\"subscribe\" is no command (see: pulseal --help)"));
  EXPECT_EQ(shell.Run("pulseal keygen"), Usage("NAME is required (see: pulseal keygen --help)"));
  EXPECT_EQ(shell.Run("pulseal produce t.topic"), Usage("--to is required (see: pulseal produce --help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic u.topic"),
            Usage("The following argument was not expected: u.topic (see: pulseal consume --help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --on-failure skip"),
            Usage("--on-failure: skip not in {consume,discard,fail} (see: pulseal consume --help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --on-failure discrad"),
            Usage("--on-failure: discrad not in {consume,discard,fail}; did you mean discard? (see: pulseal consume "
                  "--help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --key-dri=k"),
            Usage("The following argument was not expected: --key-dri=k; did you mean --key-dir? (see: pulseal consume "
                  "--help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --colour"),
            Usage("The following argument was not expected: --colour (see: pulseal consume --help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --format lines --format jsonl"),
            Usage("--format is given more than once (see: pulseal consume --help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --count"), Usage("--count needs a value (see: pulseal consume --help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --on-failure="),
            Usage("--on-failure needs a value (see: pulseal consume --help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --json=maybe"),
            Usage("--json takes no value (see: pulseal consume --help)"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic -q=maybe").status, 2);
  EXPECT_EQ(shell.Run("pulseal produce t.topic --to a --to a"), Usage("--to: key_names holds \"a\" twice"));
  EXPECT_EQ(shell.Run("pulseal consume t.topic '\x1b[31mu'"),
            Usage("The following argument was not expected: \\x1b[31mu (see: pulseal consume --help)"));
  EXPECT_EQ(shell.Run("ls").out, "");
}

TEST(UsageTest, AFullDiskUnderTheOutputIsAnError) {
  const Shell shell;
  EXPECT_EQ(shell.Run("pulseal --help > /dev/full"),
            (Outcome{3, "", "pulseal: standard output: No space left on device\n"}));
  EXPECT_EQ(shell.Run("pulseal --help >&-"), (Outcome{3, "", "pulseal: standard output: Bad file descriptor\n"}));
}

}  // namespace
}  // namespace pulseal::testing
