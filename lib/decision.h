// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_DECISION_H_
#define PULSEAL_LIB_DECISION_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pulseal/error.h"
#include "pulseal/message_decryptor.h"

namespace pulseal {

// Whether the same message could ever be decrypted here.
enum class Outlook {
  kNever,    // no such key, wrong key, forged, malformed: the failure action applies
  kNotNow,   // reader or key service unavailable, time-out, a budget ran out: asking again may help
  kRefused,  // misuse, forked: says nothing about the message
};

// What kind of entry could not be decrypted.
enum class Shape {
  kSingle,      // one message
  kChunk,       // one chunk of a message
  kBatch,       // the metadata has a number of messages, be it 1
  kWholeBatch,  // the same under deliver_whole_batch
  kPlain,       // not encrypted, under require_encryption
  kUnreadable,  // whatever it is: its metadata is no metadata
};

// Why a message can't be delivered as plaintext. Cheap to copy: the status is shared.
struct Failure {
  Outlook outlook = Outlook::kNever;
  Reason reason = Reason::kNone;  // of `status`, for which ReasonOf would take its time
  absl::Status status;
};

Failure MakeFailure(Outlook outlook, absl::StatusCode code, Reason reason, std::string_view message);

// What a KeyWrapper's status means for the message that needed the key. `subject` goes before its words.
Failure FailureOfUnwrap(const absl::Status& answer, std::string_view subject);

// Of two wrapped keys of one message that both failed, the failure that says more: one that may pass first, since the
// message can't be given up while it does; then one that was not tried to the end; then the one that came closest to
// the data key.
const Failure& MoreTelling(const Failure& first, const Failure& second);

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
