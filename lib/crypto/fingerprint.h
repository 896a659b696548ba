// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_FINGERPRINT_H_
#define PULSEAL_LIB_CRYPTO_FINGERPRINT_H_

#include <string>

#include "absl/status/statusor.h"
#include "lib/crypto/openssl_source.h"
#include "lib/crypto/pem_key.h"

namespace pulseal::crypto {

// SHA-256 of the public half as DER SPKI: "SHA256:" and 64 hex digits. INTERNAL where OpenSSL fails.
absl::StatusOr<std::string> Fingerprint(const PemKey& key, const OpenSslSource& source);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_FINGERPRINT_H_
