// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_DECISION_H_
#define PULSEAL_LIB_DECISION_H_

#include "absl/types/span.h"
#include "lib/failure.h"
#include "pulseal/message_decryptor.h"

namespace pulseal {

// What kind of entry could not be decrypted.
enum class Shape {
  kSingle,      // one message
  kChunk,       // one chunk of a message
  kBatch,       // the metadata has a number of messages, be it 1
  kWholeBatch,  // the same under deliver_whole_batch
  kPlain,       // not encrypted, under require_encryption
  kUnreadable,  // whatever it is: its metadata is no metadata
};

// The options that turn a failure into a decision.
struct FailurePolicy {
  ConsumerCryptoFailureAction action = ConsumerCryptoFailureAction::kFail;
  bool deliver_whole_batch = false;
  bool apply_action_when_unavailable = false;
};

// The decision about a message that can't be decrypted: a function of nothing else. `shape` is never kWholeBatch, which
// is what deliver_whole_batch makes of kBatch.
Decision::Action Decide(const FailurePolicy& policy, Outlook outlook, Shape shape);

// What Decide looks up, for the documentation and the test that it is up to date: one row for each outlook and shape.
struct FailureRow {
  Outlook outlook;
  Shape shape;
  Decision::Action when_fail, when_discard, when_consume;
};
absl::Span<const FailureRow> FailureTable();

}  // namespace pulseal

#endif  // PULSEAL_LIB_DECISION_H_
