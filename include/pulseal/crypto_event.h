// SPDX-License-Identifier: Apache-2.0
//
// What happens beside the calls: a rotation that failed in the background, a message that left in clear. What a key
// directory has to say about its files goes to KeyDirectoryOptions::on_warning instead.
#ifndef PULSEAL_CRYPTO_EVENT_H_
#define PULSEAL_CRYPTO_EVENT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace pulseal {

struct CryptoEvent {
  // New ones may be appended: do nothing at one that you don't know.
  enum class Kind {
    kRotated,         // a new data key is in use
    kRotationFailed,  // the present data key stays in use; status says why, key_name for whom; it is tried again
    kHardLimit,       // a data key reached a hard limit with no next one ready: Encrypt fails, or SEND may begin
    kSentInClear,     // kSend: messages leave unencrypted
    kKeyFailed,       // consumer: no data key for a message, for good (failure_ttl); ReasonOf(status) says why
    kKeyUnavailable,  // consumer: it can't be had now
  };
  Kind kind = Kind::kRotated;
  // Safe to show: control characters, bytes over 126, quotes and backslashes as \xNN, cut with "..." after 120 bytes.
  // Empty where the event isn't about one.
  std::string key_name;
  absl::Status status;      // OK for kRotated
  uint64_t suppressed = 0;  // events of this kind that the rate limit held back since the last one
};

// Called from the thread on which it happened, sometimes inside a call of yours, with no lock held: it must not block,
// and may call back into the object except to destroy it. At most one event a second of each kind but kRotated. An
// exception thrown is caught and dropped. After the object's destructor has returned no call starts; one that had begun
// on another thread may still be running, so what the function captures must keep itself alive.
using EventCallback = std::function<void(const CryptoEvent&)>;

}  // namespace pulseal

#endif  // PULSEAL_CRYPTO_EVENT_H_
