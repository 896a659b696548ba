// SPDX-License-Identifier: Apache-2.0
//
// ECIES as Pulsar's Java client has it from BouncyCastle (no standard describes this very mix): ephemeral ECDH, KDF2
// with SHA-1 (ISO 18033-2), XOR, HMAC-SHA-1. Wrapped bytes are V | C | T:
//   V  the ephemeral public key: 04 | X | Y, each as long as the curve's field (f bytes)
//   Z  the x coordinate of the shared point, f bytes, left-padded with zeros
//   K  KDF2(V | Z), 16 + n bytes for a data key of n: the MAC key, then the XOR stream
//   C  data key xor stream, n bytes
//   T  HMAC-SHA-1(MAC key, C | eight zero bytes), 20 bytes
// SHA-1 is used where its collisions don't matter: in a key derivation and in HMAC.
#ifndef PULSEAL_LIB_CRYPTO_ECIES_H_
#define PULSEAL_LIB_CRYPTO_ECIES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/crypto/openssl_source.h"
#include "lib/crypto/pem_key.h"
#include "pulseal/secret_bytes.h"

namespace pulseal::crypto {

inline constexpr size_t kMaxEciesDataKeySize = 64;  // bytes; honest ones are 16, 24 or 32

// 2f + 21 + n bytes: 117 for 32 bytes on P-256. `data_key` is 1 to 64 bytes, otherwise INVALID_ARGUMENT; INTERNAL where
// OpenSSL fails. ReseedGenerator first.
absl::StatusOr<std::string> EciesWrap(const PemKey& recipient, std::string_view data_key, const OpenSslSource& source);

// The same with an ephemeral key pair on the recipient's curve that the caller chose: for known answers.
// Security: an ephemeral key must serve once, or data keys can be told from each other by xor.
absl::StatusOr<std::string> EciesWrapWith(evp_pkey_st* ephemeral, const PemKey& recipient, std::string_view data_key,
                                          const OpenSslSource& source);

// Whether `wrapped` begins like a point of the curve of `key`, compressed, uncompressed or hybrid, and leaves 1 to 64
// bytes for the data key: costs nothing, so ask before unwrapping.
bool EciesFits(const PemKey& key, std::string_view wrapped);

// What was wrapped, 1 to 64 bytes: the caller knows which lengths a data key can have. UnwrapFailed() where `wrapped`
// doesn't open, for whatever reason; INTERNAL where OpenSSL fails for reasons that don't depend on it.
absl::StatusOr<SecretBytes> EciesUnwrap(const PemKey& key, std::string_view wrapped, const OpenSslSource& source);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_ECIES_H_
