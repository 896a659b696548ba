// SPDX-License-Identifier: Apache-2.0
#include "pulseal/error.h"

#include "lib/status.h"

namespace pulseal {

Reason ReasonOf(const absl::Status& status) {
  return static_cast<Reason>(NumberIn(status, kReasonPayload).value_or(static_cast<int>(Reason::kNone)));
}

const char* ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kNone: return "none";
    case Reason::kKeyNotFound: return "key-not-found";
    case Reason::kKeyUnusable: return "key-unusable";
    case Reason::kKeyServiceUnavailable: return "key-service-unavailable";
    case Reason::kUnwrapFailed: return "unwrap-failed";
    case Reason::kAuthenticationFailed: return "authentication-failed";
    case Reason::kMalformed: return "malformed";
    case Reason::kLimitReached: return "limit-reached";
    case Reason::kNotEncrypted: return "not-encrypted";
    case Reason::kForked: return "forked";
    case Reason::kMisuse: return "misuse";
  }
  return "unknown";
}

}  // namespace pulseal
