// SPDX-License-Identifier: Apache-2.0
#include "lib/decision.h"

#include "absl/strings/str_cat.h"
#include "lib/status.h"

namespace pulseal {
namespace {

using Do = Decision::Action;

// In the order of the enumerations, so that a row is found by counting.
constexpr FailureRow kTable[] = {
    {Outlook::kNever, Shape::kSingle, Do::kFail, Do::kDiscard, Do::kDeliverEncrypted},
    {Outlook::kNever, Shape::kChunk, Do::kFail, Do::kDiscard, Do::kDeliverEncrypted},
    {Outlook::kNever, Shape::kBatch, Do::kFail, Do::kDiscard, Do::kFail},
    {Outlook::kNever, Shape::kWholeBatch, Do::kFail, Do::kDiscard, Do::kDeliverEncrypted},
    {Outlook::kNever, Shape::kPlain, Do::kFail, Do::kDiscard, Do::kFail},
    {Outlook::kNever, Shape::kUnreadable, Do::kFail, Do::kDiscard, Do::kFail},

    {Outlook::kNotNow, Shape::kSingle, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kNotNow, Shape::kChunk, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kNotNow, Shape::kBatch, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kNotNow, Shape::kWholeBatch, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kNotNow, Shape::kPlain, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kNotNow, Shape::kUnreadable, Do::kFail, Do::kFail, Do::kFail},

    {Outlook::kRefused, Shape::kSingle, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kRefused, Shape::kChunk, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kRefused, Shape::kBatch, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kRefused, Shape::kWholeBatch, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kRefused, Shape::kPlain, Do::kFail, Do::kFail, Do::kFail},
    {Outlook::kRefused, Shape::kUnreadable, Do::kFail, Do::kFail, Do::kFail},
};

constexpr size_t kOutlooks = 3, kShapes = 6;
static_assert(sizeof(kTable) / sizeof(kTable[0]) == kOutlooks * kShapes, "a row is missing");

constexpr size_t PlaceOf(Outlook outlook, Shape shape) {
  return static_cast<size_t>(outlook) * kShapes + static_cast<size_t>(shape);
}

constexpr bool EachRowIsInItsPlace() {
  size_t place = 0;
  for (const FailureRow& row : kTable) {
    if (PlaceOf(row.outlook, row.shape) != place++) return false;
  }
  return true;
}
static_assert(EachRowIsInItsPlace(), "the rows are out of order");

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

Decision::Action Decide(const FailurePolicy& policy, Outlook outlook, Shape shape) {
  if (outlook == Outlook::kNotNow && policy.apply_action_when_unavailable) outlook = Outlook::kNever;
  if (shape == Shape::kBatch && policy.deliver_whole_batch) shape = Shape::kWholeBatch;
  const FailureRow& row = kTable[PlaceOf(outlook, shape)];
  switch (policy.action) {
    case ConsumerCryptoFailureAction::kDiscard: return row.when_discard;
    case ConsumerCryptoFailureAction::kConsume: return row.when_consume;
    case ConsumerCryptoFailureAction::kFail: break;
  }
  return row.when_fail;
}

absl::Span<const FailureRow> FailureTable() { return kTable; }

}  // namespace pulseal
