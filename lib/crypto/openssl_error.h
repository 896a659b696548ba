// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_OPENSSL_ERROR_H_
#define PULSEAL_LIB_CRYPTO_OPENSSL_ERROR_H_

#include <initializer_list>
#include <string_view>

#include "absl/status/status.h"

namespace pulseal::crypto {

// INTERNAL: `what`, and OpenSSL's own words for the newest error of this thread. Empties this thread's error queue, so
// that nothing of ours is left there for the embedding program to find.
absl::Status OpenSslError(std::string_view what);

// Empties this thread's error queue: for failures that are told in our own words.
void ClearOpenSslErrors();

// Empties this thread's error queue; whether one of `codes` (ERR_PACK of a library and a reason) was in it, and memory
// didn't run out.
bool TakeOpenSslErrors(std::initializer_list<unsigned long> codes);  // NOLINT(google-runtime-int): OpenSSL's type

// Empties this thread's error queue; whether OpenSSL asked for memory in vain, as far as that can be known: not every
// function of its says so, and where memory has run out altogether, none can.
bool TakeOutOfMemory();

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_OPENSSL_ERROR_H_
