// SPDX-License-Identifier: Apache-2.0
//
// The manual page and the completion against what --help says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/cli/shell.h"

namespace pulseal::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::set<std::string>;

class ManualTest : public ::testing::Test {
 protected:
  // What `command` prints, a word to a line.
  Words Lines(const std::string& command) const {
    return absl::StrSplit(shell_.Run(command).out, '\n', absl::SkipEmpty());
  }
  Words Commands() const { return Lines("pulseal --help | sed -n '/^Subcommands:/,/^$/ s/^  \\([a-z]*\\) .*/\\1/p'"); }
  Words Options(const std::string& command) const {
    return Lines("pulseal " + command + " --help | grep -oE '^  (-[a-z],)?--[a-z-]+' | grep -oE -e '--[a-z-]+'");
  }
  static std::string Manual() {
    const Shell shell;
    return shell.Run("cat '" PULSEAL_MANUAL_FOLDER "/pulseal.1'").out;
  }

  // What a user sees who types `line` and presses the tabulator key: the words that bash gets, and {"(files)"} where it
  // completes the names of files.
  Words Complete(const std::string& line) const {
    const Outcome completed =
        shell_.Run("source '" PULSEAL_MANUAL_FOLDER "/pulseal.bash'; COMP_WORDS=(" + line +
                   "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); $(complete -p pulseal | grep -o '_pulseal'); "
                   "printf '%s\\n' \"${COMPREPLY[@]}\"; complete -p pulseal | grep -q -- '-o default' && echo default");
    EXPECT_EQ(completed.status, 0) << completed;
    EXPECT_EQ(completed.err, "");
    Words words = absl::StrSplit(completed.out, '\n', absl::SkipEmpty());
    EXPECT_EQ(words.erase("default"), 1u);
    return words.empty() ? Words{"(files)"} : words;
  }

  Shell shell_;
};

TEST_F(ManualTest, ThePageNamesEachCommandAndOption) {
  const std::string manual = absl::StrReplaceAll(Manual(), {{"\\-", "-"}});
  ASSERT_GE(Commands().size(), 5u);
  for (const std::string& command : Commands()) {
    const size_t section = manual.find("\n.SS " + command + "\n");
    ASSERT_NE(section, std::string::npos) << command;
    const std::string text = manual.substr(section, manual.find("\n.S", section + 1) - section);
    ASSERT_THAT(Options(command), Contains("--help"));
    for (const std::string& option : Options(command))
      EXPECT_THAT(text, HasSubstr("\\fB" + option + "\\fR")) << command;
    EXPECT_THAT(text, HasSubstr("\nExample")) << command;
  }
  for (const char* section : {"NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "EXIT STATUS", "EXAMPLES"}) {
    EXPECT_THAT(manual, HasSubstr(std::string("\n.SH ") + section + "\n"));
  }
}

TEST_F(ManualTest, ThePageIsCleanAndReadsWell) {
  const std::string groff = "groff -man -Tutf8 -ww -P-c -P-b -P-u '" PULSEAL_MANUAL_FOLDER "/pulseal.1'";
  const Outcome page = shell_.Run("LC_ALL=C.UTF-8 " + groff);
  EXPECT_EQ(page.status, 0);
  EXPECT_EQ(page.err, "");
  EXPECT_THAT(page.out, HasSubstr("pulseal check keys/*.pem"));
  EXPECT_THAT(page.out, HasSubstr("0 done"));
  EXPECT_THAT(page.out, Not(HasSubstr("\\")));
  EXPECT_THAT(Manual(), Not(HasSubstr(".PP\n.PP\n")));
  // The check can fail.
  EXPECT_NE(shell_.Run("echo .NOSUCHMACRO | groff -man -Tutf8 -ww").err, "");
}

TEST_F(ManualTest, CompletesCommandsAndTheirOptions) {
  Words first = Commands();
  first.insert({"--help", "--version", "-h"});
  EXPECT_EQ(Complete("pulseal ''"), first);
  EXPECT_EQ(Complete("pulseal ke"), Words{"keygen"});
  for (const std::string& command : Commands()) {
    EXPECT_EQ(Complete("pulseal " + command + " --"), Options(command)) << command;
  }
  EXPECT_EQ(Complete("pulseal keygen --ty"), Words{"--type"});
  EXPECT_EQ(Complete("pulseal keygen orders --force --pass"), Words{"--passphrase-file"});
}

TEST_F(ManualTest, CompletesValuesAndFiles) {
  EXPECT_EQ(Complete("pulseal keygen --type p-"), (Words{"p-256", "p-384", "p-521"}));
  EXPECT_EQ(Complete("pulseal keygen --type = p-3"), Words{"p-384"});  // as bash splits --type=p-3
  EXPECT_EQ(Complete("pulseal keygen --type ="),
            (Words{"p-256", "p-384", "p-521", "rsa-2048", "rsa-3072", "rsa-4096"}));
  EXPECT_EQ(Complete("pulseal consume t.topic --on-failure ''"), (Words{"consume", "discard", "fail"}));
  EXPECT_EQ(Complete("pulseal consume --key-dir ''"), Words{"(files)"});
  EXPECT_EQ(Complete("pulseal consume ''"), Words{"(files)"});
  EXPECT_EQ(Complete("pulseal check orders.p"), Words{"(files)"});
  EXPECT_EQ(Complete("pulseal nonsense ''"), Words{"(files)"});
}

}  // namespace
}  // namespace pulseal::testing
