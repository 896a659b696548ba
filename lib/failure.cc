// SPDX-License-Identifier: Apache-2.0
#include "lib/failure.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/status.h"

namespace pulseal {
namespace {

// How much a failure of one wrapped key says about the message, the most first.
int Rank(const Failure& failure) {
  if (failure.outlook != Outlook::kNever) return 0;
  switch (failure.reason) {
    case Reason::kLimitReached: return 1;
    case Reason::kMalformed: return 2;
    case Reason::kUnwrapFailed: return 3;
    case Reason::kKeyUnusable: return 4;
    default: return 5;
  }
}

}  // namespace

Failure MakeFailure(Outlook outlook, absl::StatusCode code, Reason reason, std::string_view message) {
  return Failure{outlook, reason, MakeStatus(code, reason, message)};
}

Failure FailureOfUnwrap(const absl::Status& answer, std::string_view subject) {
  const std::string message = absl::StrCat(AsAbsl(subject), ": ", answer.message());
  switch (answer.code()) {
    case absl::StatusCode::kNotFound: return MakeFailure(Outlook::kNever, answer.code(), Reason::kKeyNotFound, message);
    case absl::StatusCode::kFailedPrecondition:
      return MakeFailure(Outlook::kNever, answer.code(), Reason::kKeyUnusable, message);
    case absl::StatusCode::kUnauthenticated:
      return MakeFailure(Outlook::kNever, answer.code(), Reason::kUnwrapFailed, message);
    // Not "never": what was learnt of the message's other wrapped keys is remembered, and a key service that throttles
    // says the same.
    case absl::StatusCode::kResourceExhausted:
      return MakeFailure(Outlook::kNotNow, answer.code(), Reason::kLimitReached, message);
    case absl::StatusCode::kDeadlineExceeded:
      return MakeFailure(Outlook::kNotNow, answer.code(), Reason::kKeyServiceUnavailable, message);
    default:
      return MakeFailure(Outlook::kNotNow, absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable, message);
  }
}

const Failure& MoreTelling(const Failure& first, const Failure& second) {
  return Rank(second) < Rank(first) ? second : first;
}

}  // namespace pulseal
