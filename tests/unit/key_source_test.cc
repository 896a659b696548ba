// SPDX-License-Identifier: Apache-2.0
#include "lib/key_source.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "lib/status.h"

namespace pulseal {
namespace {

TEST(FromKeySource, CodesMeanWhatTheReaderContractSays) {
  using Code = absl::StatusCode;
  struct Row {
    Code given, expected;
    Reason reason;
  };
  constexpr Row kRows[] = {
      {Code::kNotFound, Code::kNotFound, Reason::kKeyNotFound},
      {Code::kFailedPrecondition, Code::kFailedPrecondition, Reason::kKeyUnusable},
      {Code::kUnavailable, Code::kUnavailable, Reason::kKeyServiceUnavailable},
      {Code::kDeadlineExceeded, Code::kDeadlineExceeded, Reason::kKeyServiceUnavailable},
      {Code::kUnauthenticated, Code::kUnavailable, Reason::kKeyServiceUnavailable},
      {Code::kResourceExhausted, Code::kUnavailable, Reason::kKeyServiceUnavailable},
      {Code::kInvalidArgument, Code::kUnavailable, Reason::kKeyServiceUnavailable},
      {Code::kPermissionDenied, Code::kUnavailable, Reason::kKeyServiceUnavailable},
      {Code::kInternal, Code::kUnavailable, Reason::kKeyServiceUnavailable},
  };
  for (const Row& row : kRows) {
    const absl::Status status = FromKeySource(absl::Status(row.given, "why"));
    EXPECT_EQ(status.code(), row.expected);
    EXPECT_EQ(ReasonOf(status), row.reason) << status;
    EXPECT_EQ(status.message(), "why");
  }
}

TEST(FromKeySource, KeepsAReasonThatIsThere) {
  const absl::Status status = MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyUnusable, "why");
  EXPECT_EQ(ReasonOf(FromKeySource(status)), Reason::kKeyUnusable);
}

TEST(AskKeySource, PassesAnswersOn) {
  EXPECT_EQ(*AskKeySource<int>([] { return 7; }), 7);
}

TEST(AskKeySource, ExceptionsAreUnavailable) {
  const auto expect_unavailable = [](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(status), Reason::kKeyServiceUnavailable);
  };
  expect_unavailable(AskKeySource<int>([]() -> int { throw std::runtime_error("secret"); }).status());
  expect_unavailable(AskKeySource<int>([]() -> int { throw 1; }).status());
}

}  // namespace
}  // namespace pulseal
