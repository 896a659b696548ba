// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_OPENSSL_ERROR_H_
#define PULSEAL_LIB_CRYPTO_OPENSSL_ERROR_H_

#include <string_view>

#include "absl/status/status.h"

namespace pulseal::crypto {

// INTERNAL: `what`, and OpenSSL's own words for the newest error of this thread. Empties this thread's error queue, so
// that nothing of ours is left there for the embedding program to find.
absl::Status OpenSslError(std::string_view what);

// Empties this thread's error queue: for failures that are told in our own words.
void ClearOpenSslErrors();

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_OPENSSL_ERROR_H_
