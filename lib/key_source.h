// SPDX-License-Identifier: Apache-2.0
//
// Asking the embedder's code for keys: CryptoKeyReader, passphrase callbacks.
#ifndef PULSEAL_LIB_KEY_SOURCE_H_
#define PULSEAL_LIB_KEY_SOURCE_H_

#include <functional>
#include <new>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/status.h"

namespace pulseal {

// `status` with the code reduced to the four that a CryptoKeyReader's answer can mean, and a Reason: NOT_FOUND,
// FAILED_PRECONDITION, DEADLINE_EXCEEDED stay, everything else is UNAVAILABLE. A reader's UNAUTHENTICATED (its service
// turned it away) must not be taken for a wrapped key that doesn't open.
absl::Status FromKeySource(const absl::Status& status);

// What `ask` answers, its status as above. An exception is UNAVAILABLE; std::bad_alloc is NoMemory.
template <typename T>
absl::StatusOr<T> AskKeySource(const std::function<absl::StatusOr<T>()>& ask) {
  try {
    absl::StatusOr<T> answer = ask();
    if (!answer.ok()) return FromKeySource(answer.status());
    return answer;
  } catch (const std::bad_alloc&) {
    return NoMemory();
  } catch (...) {
    return FromKeySource(absl::UnavailableError("the key reader threw an exception"));
  }
}

}  // namespace pulseal

#endif  // PULSEAL_LIB_KEY_SOURCE_H_
