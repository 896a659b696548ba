// SPDX-License-Identifier: Apache-2.0
//
// RSAES-OAEP (RFC 8017 section 7.1) with SHA-1, MGF1 with SHA-1 and an empty label over the raw data key, as every
// official client does it. SHA-1's broken collision resistance doesn't matter here: OAEP needs none.
#ifndef PULSEAL_LIB_CRYPTO_RSA_OAEP_H_
#define PULSEAL_LIB_CRYPTO_RSA_OAEP_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/crypto/openssl_source.h"
#include "lib/crypto/pem_key.h"
#include "pulseal/secret_bytes.h"

namespace pulseal::crypto {

// As long as the modulus. FAILED_PRECONDITION (kKeyUnusable) where the modulus is too short for `data_key`; INTERNAL
// where OpenSSL fails. ReseedGenerator first.
absl::StatusOr<std::string> RsaOaepWrap(const PemKey& recipient, std::string_view data_key,
                                        const OpenSslSource& source);

// Whether `wrapped` is as long as the modulus of `key`: costs nothing, so ask before unwrapping.
bool RsaOaepFits(const PemKey& key, std::string_view wrapped);

// Whatever was wrapped, 0 bytes to modulus size - 42: the caller knows which lengths a data key can have.
// UnwrapFailed() where `wrapped` doesn't open; INTERNAL where OpenSSL fails for reasons that don't depend on it.
absl::StatusOr<SecretBytes> RsaOaepUnwrap(const PemKey& key, std::string_view wrapped, const OpenSslSource& source);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_RSA_OAEP_H_
