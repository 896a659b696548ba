// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_RAW_AEAD_H_
#define PULSEAL_TOOLS_RAW_AEAD_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

struct evp_cipher_ctx_st;

namespace pulseal::tools {

// OpenSSL's AES-256-GCM and nothing else: a random key, set once, and a nonce for each message. The floor under what
// Pulseal can cost, for measurements only. Not thread-safe.
class RawAead {
 public:
  static constexpr size_t kTagSize = 16;

  static absl::StatusOr<RawAead> Create();

  // `out` takes the ciphertext and the tag: plaintext.size() + kTagSize bytes. False where OpenSSL fails.
  // Security: the caller must not use a nonce twice.
  bool Seal(uint64_t nonce, std::string_view plaintext, char* out);

  // `out` takes sealed.size() - kTagSize bytes; `sealed` has at least the tag. False where the tag doesn't match.
  bool Open(uint64_t nonce, std::string_view sealed, char* out);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_cipher_ctx_st, Free>;

  RawAead(Context sealing, Context opening) : sealing_(std::move(sealing)), opening_(std::move(opening)) {}

  Context sealing_, opening_;
};

// Of the library that RawAead runs on, and Pulseal with it: "OpenSSL 3.0.1 14 Dec 2021".
const char* OpenSslVersion();

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_RAW_AEAD_H_
