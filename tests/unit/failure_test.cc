// SPDX-License-Identifier: Apache-2.0
#include "lib/failure.h"

#include <gtest/gtest.h>

namespace pulseal {
namespace {

TEST(FailureOfUnwrap, SeparatesNeverFromNotNowByCode) {
  using Code = absl::StatusCode;
  struct {
    Code code;
    Outlook outlook;
    Reason reason;
    Code as;
  } const cases[] = {
      {Code::kNotFound, Outlook::kNever, Reason::kKeyNotFound, Code::kNotFound},
      {Code::kUnauthenticated, Outlook::kNever, Reason::kUnwrapFailed, Code::kUnauthenticated},
      {Code::kFailedPrecondition, Outlook::kNever, Reason::kKeyUnusable, Code::kFailedPrecondition},
      {Code::kResourceExhausted, Outlook::kNotNow, Reason::kLimitReached, Code::kResourceExhausted},
      {Code::kDeadlineExceeded, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kDeadlineExceeded},
      {Code::kUnavailable, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
      {Code::kInternal, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
      {Code::kInvalidArgument, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
      {Code::kPermissionDenied, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
      {Code::kUnknown, Outlook::kNotNow, Reason::kKeyServiceUnavailable, Code::kUnavailable},
  };
  for (const auto& c : cases) {
    const Failure failure = FailureOfUnwrap(absl::Status(c.code, "why"), "wrapped key");
    EXPECT_EQ(failure.outlook, c.outlook) << failure.status;
    EXPECT_EQ(failure.reason, c.reason) << failure.status;
    EXPECT_EQ(ReasonOf(failure.status), c.reason);
    EXPECT_EQ(failure.status.code(), c.as);
    EXPECT_EQ(failure.status.message(), "wrapped key: why");
  }
}

TEST(MoreTelling, PutsNotNowFirstThenWhatCameClosestToTheDataKey) {
  const auto failure = [](Outlook outlook, Reason reason) { return Failure{outlook, reason, absl::OkStatus()}; };
  const Failure in_order[] = {failure(Outlook::kNotNow, Reason::kKeyServiceUnavailable),
                              failure(Outlook::kNever, Reason::kLimitReached),
                              failure(Outlook::kNever, Reason::kMalformed),
                              failure(Outlook::kNever, Reason::kUnwrapFailed),
                              failure(Outlook::kNever, Reason::kKeyUnusable),
                              failure(Outlook::kNever, Reason::kKeyNotFound)};
  for (size_t i = 0; i < 6; ++i) {
    for (size_t j = i + 1; j < 6; ++j) {
      EXPECT_EQ(&MoreTelling(in_order[i], in_order[j]), &in_order[i]);
      EXPECT_EQ(&MoreTelling(in_order[j], in_order[i]), &in_order[i]);
    }
  }
  EXPECT_EQ(&MoreTelling(in_order[3], Failure(in_order[3])), &in_order[3]) << "the first of two equals";
}

}  // namespace
}  // namespace pulseal
