// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_FAILURE_H_
#define PULSEAL_LIB_FAILURE_H_

#include <string_view>

#include "absl/status/status.h"
#include "pulseal/error.h"

namespace pulseal {

// Whether the same message could ever be decrypted here.
enum class Outlook {
  kNever,    // no such key, wrong key, forged, malformed: the failure action applies
  kNotNow,   // reader or key service unavailable, time-out, a budget ran out: asking again may help
  kRefused,  // misuse, forked: says nothing about the message
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

}  // namespace pulseal

#endif  // PULSEAL_LIB_FAILURE_H_
