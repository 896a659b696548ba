// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_KDF2_H_
#define PULSEAL_LIB_CRYPTO_KDF2_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/crypto/openssl_source.h"
#include "pulseal/secret_bytes.h"

namespace pulseal::crypto {

// KDF2 with SHA-1 (ISO 18033-2): `size` bytes of SHA-1(secret | counter), the counter 4 bytes long and from 1.
// INTERNAL where OpenSSL fails.
absl::StatusOr<SecretBytes> Kdf2Sha1(std::string_view secret, size_t size, const OpenSslSource& source);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_KDF2_H_
