// SPDX-License-Identifier: Apache-2.0
//
// AES-GCM (NIST SP 800-38D) as the rest of the library sees it: a key set once in a context, then one call a message.
#ifndef PULSEAL_LIB_CRYPTO_AEAD_H_
#define PULSEAL_LIB_CRYPTO_AEAD_H_

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/crypto/openssl_source.h"
#include "pulseal/cipher_backend.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal::crypto {

enum class AeadResult { kOk, kTagMismatch, kBackendFailed };

// A keyed context. One thread at a time; wipes its key when destroyed. Sizes and overlap are the caller's to check:
// nonces are kNonceSize bytes, payloads at most 2^31 - 1 bytes.
class AeadContext {
 public:
  virtual ~AeadContext() = default;

  // Writes plaintext.size() bytes of ciphertext and kTagSize of tag to `out`, which may be plaintext.data(). On
  // kBackendFailed those bytes are zeroed.
  virtual AeadResult Seal(const char* nonce, std::string_view associated_data, std::string_view plaintext,
                          char* out) = 0;

  // `sealed` is ciphertext and tag, at least kTagSize bytes. Writes sealed.size() - kTagSize bytes to `out`, which must
  // not overlap it. Unless the answer is kOk those bytes are zeroed.
  virtual AeadResult Open(const char* nonce, std::string_view associated_data, std::string_view sealed, char* out) = 0;
};

// Makes contexts; fetches what it needs from the cryptographic library once. Thread-safe.
class AeadBackend {
 public:
  virtual ~AeadBackend() = default;
  // `key` is 16, 24 or 32 bytes, otherwise INVALID_ARGUMENT. INTERNAL where the library fails.
  virtual absl::StatusOr<std::unique_ptr<AeadContext>> NewContext(std::string_view key) const = 0;
  virtual CipherBackend kind() const = 0;  // never kAutomatic
};

// INTERNAL where `source` has no AES-GCM.
absl::StatusOr<std::shared_ptr<const AeadBackend>> OpenSslAead(const OpenSslSource& source);

// FAILED_PRECONDITION (kMisuse) where this build, the installed library or the processor hasn't what it takes; INTERNAL
// where the library's self-test failed or its answers differ from `reference`'s.
absl::StatusOr<std::shared_ptr<const AeadBackend>> IpsecMbAead(const AeadBackend& reference);

// By the rules of CipherBackend.
absl::StatusOr<std::shared_ptr<const AeadBackend>> ChooseAead(CipherBackend choice, const OpenSslSource& source);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_AEAD_H_
