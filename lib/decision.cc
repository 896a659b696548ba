// SPDX-License-Identifier: Apache-2.0
#include "lib/decision.h"

#include <cstddef>

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

}  // namespace

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
