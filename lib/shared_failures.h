// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_SHARED_FAILURES_H_
#define PULSEAL_LIB_SHARED_FAILURES_H_

#include <string_view>

#include "absl/status/status.h"
#include "lib/failure.h"
#include "lib/fork_sentinel.h"
#include "lib/status.h"

namespace pulseal {

// The failures of messages that say nothing of the message: made once, so that one that fails costs no words.
struct SharedFailures {
  static const SharedFailures& Get();

  const Failure payload_size = Never(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                                     "an encrypted payload is 16 to 2^31 - 1 bytes; this one is not");
  const Failure nonce_size = Never(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                                   "the nonce (field 15, encryption_param) is not 12 bytes");
  const Failure too_many_keys = Never(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                                      "the message has more wrapped keys than max_wrapped_keys allows");
  const Failure not_encrypted =
      Never(absl::StatusCode::kInvalidArgument, Reason::kNotEncrypted,
            "the message is not encrypted, and require_encryption is set: its producer doesn't "
            "encrypt, or somebody stripped its metadata");
  const Failure forged = Never(absl::StatusCode::kUnauthenticated, Reason::kAuthenticationFailed,
                               "the data key could be unwrapped, but the payload's tag doesn't match: the message is "
                               "forged or damaged");
  const Failure backend = {Outlook::kNotNow, Reason::kNone,
                           absl::InternalError("the cryptographic library failed while decrypting; ask again later")};
  const Failure no_memory = {Outlook::kNotNow, Reason::kNone, NoMemory()};
  const Failure overlap = MakeFailure(Outlook::kRefused, absl::StatusCode::kInvalidArgument, Reason::kMisuse,
                                      "out overlaps payload or metadata; decryption in place is refused");
  const Failure other_key =
      MakeFailure(Outlook::kRefused, absl::StatusCode::kFailedPrecondition, Reason::kMisuse,
                  "the ResolvedKey is empty, another decryptor's, or for other wrapped keys; Resolve "
                  "this message's metadata");
  const Failure forked = {Outlook::kRefused, Reason::kForked, ForkedStatus()};
  const absl::Status pending =
      absl::UnavailableError("the data key is not in the cache yet; call Resolve, then TryDecrypt with its answer");

  static Failure Never(absl::StatusCode code, Reason reason, std::string_view message) {
    return MakeFailure(Outlook::kNever, code, reason, message);
  }
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_SHARED_FAILURES_H_
