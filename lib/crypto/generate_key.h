// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_GENERATE_KEY_H_
#define PULSEAL_LIB_CRYPTO_GENERATE_KEY_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "lib/crypto/openssl_source.h"
#include "pulseal/key_pair.h"

namespace pulseal::crypto {

// The two PEM texts of a new pair. `passphrase` empty: the private key is in clear. The caller has checked `type`.
// INTERNAL where OpenSSL fails.
absl::StatusOr<KeyPair> GeneratePair(KeyType type, std::string_view passphrase, const OpenSslSource& source);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_GENERATE_KEY_H_
