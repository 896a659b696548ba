// SPDX-License-Identifier: Apache-2.0
//
// error.h, what programs see of a status, and lib/status.h, how the library makes them.
#include "pulseal/error.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/cord.h"
#include "lib/status.h"

namespace pulseal {
namespace {

constexpr int kReasons = static_cast<int>(Reason::kMisuse) + 1;

TEST(ReasonName, IsShortLowerCaseAndDifferentForEach) {
  std::set<std::string> names;
  for (int i = 0; i < kReasons; ++i) {
    const std::string name = ReasonName(static_cast<Reason>(i));
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string::npos) << name;
    EXPECT_NE(name, "unknown") << i;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kReasons));
  EXPECT_STREQ(ReasonName(Reason::kKeyNotFound), "key-not-found");
  EXPECT_STREQ(ReasonName(static_cast<Reason>(kReasons)), "unknown") << "a reason was appended: name it here too";
}

TEST(ReasonOf, IsNoneForOkAndForStatusesThatPulsealDidNotMake) {
  EXPECT_EQ(ReasonOf(absl::OkStatus()), Reason::kNone);
  EXPECT_EQ(ReasonOf(absl::NotFoundError("pulseal/reason")), Reason::kNone);
  absl::Status damaged = absl::NotFoundError("x");
  damaged.SetPayload("pulseal/reason", absl::Cord("no number"));
  EXPECT_EQ(ReasonOf(damaged), Reason::kNone);
}

TEST(MakeStatus, HasCodeReasonAndWords) {
  for (int i = 0; i < kReasons; ++i) {
    const absl::Status status = MakeStatus(absl::StatusCode::kUnavailable, static_cast<Reason>(i), "words");
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(status.message(), "words");
    EXPECT_EQ(ReasonOf(status), static_cast<Reason>(i));
  }
}

TEST(WithReason, GivesOneOnlyWhereThereIsNone) {
  EXPECT_EQ(ReasonOf(WithReason(absl::NotFoundError("x"), Reason::kKeyNotFound)), Reason::kKeyNotFound);
  const absl::Status has_one = MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyUnusable, "x");
  EXPECT_EQ(ReasonOf(WithReason(has_one, Reason::kKeyNotFound)), Reason::kKeyUnusable);
  EXPECT_TRUE(WithReason(absl::OkStatus(), Reason::kKeyNotFound).ok());
}

TEST(Prefixed, KeepsCodeReasonAndWhatElseTheStatusCarries) {
  absl::Status status = MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyNotFound, "no such file");
  status.SetPayload("another", absl::Cord("payload"));
  const absl::Status prefixed = Prefixed("public key \"audit\"", status);
  EXPECT_EQ(prefixed.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(prefixed.message(), "public key \"audit\": no such file");
  EXPECT_EQ(ReasonOf(prefixed), Reason::kKeyNotFound);
  EXPECT_EQ(prefixed.GetPayload("another"), absl::Cord("payload"));
  EXPECT_EQ(ReasonOf(Prefixed("a", absl::NotFoundError("b"))), Reason::kNone);
}

TEST(WithOperations, RemembersTheirNumberBesideTheReason) {
  EXPECT_FALSE(OperationsIn(absl::NotFoundError("x")).has_value());
  const absl::Status status =
      WithOperations(MakeStatus(absl::StatusCode::kUnauthenticated, Reason::kUnwrapFailed, "x"), 3);
  EXPECT_EQ(OperationsIn(status), 3);
  EXPECT_EQ(ReasonOf(status), Reason::kUnwrapFailed);
  EXPECT_EQ(OperationsIn(Prefixed("key", status)), 3);
}

TEST(Quoted, ShowsPrintableTextAsItIs) {
  EXPECT_EQ(Quoted(""), "\"\"");
  EXPECT_EQ(Quoted("orders/eu ~!'"), "\"orders/eu ~!'\"");
}

TEST(Quoted, EscapesWhatATerminalOrALogWouldTakeForSomethingElse) {
  EXPECT_EQ(Quoted("\x1b]0;title\x07\x1b[2J"), R"("\x1b]0;title\x07\x1b[2J")");
  EXPECT_EQ(Quoted("a\r\nINFO all is well"), R"("a\x0d\x0aINFO all is well")");
  EXPECT_EQ(Quoted(std::string_view("\0\x7f\x80\xff", 4)), R"("\x00\x7f\x80\xff")");
  EXPECT_EQ(Quoted("\xe2\x80\xae"), R"("\xe2\x80\xae")") << "right-to-left override";
  EXPECT_EQ(Quoted("\xc2\x9b"), R"("\xc2\x9b")") << "a control sequence introducer of C1";
}

TEST(Quoted, EscapesItsOwnQuoteAndEscape) {
  EXPECT_EQ(Quoted("a\"b"), R"("a\x22b")");
  EXPECT_EQ(Quoted(R"(a\x00)"), R"("a\x5cx00")");
}

TEST(Quoted, EveryByteComesOutPrintable) {
  for (int byte = 0; byte < 256; ++byte) {
    for (const char c : Quoted(std::string(1, static_cast<char>(byte)))) {
      EXPECT_TRUE(c >= 0x20 && c <= 0x7e) << byte;
    }
  }
}

TEST(Quoted, CutsAfter120Bytes) {
  EXPECT_EQ(Quoted(std::string(120, 'x')), '"' + std::string(120, 'x') + '"');
  EXPECT_EQ(Quoted(std::string(121, 'x')), '"' + std::string(120, 'x') + "...\"");
  EXPECT_EQ(Quoted(std::string(100000, '\n')).size(), 120u * 4 + 5);
}

}  // namespace
}  // namespace pulseal
