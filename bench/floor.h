// SPDX-License-Identifier: Apache-2.0
//
// The floor: AES-256-GCM and nothing else, on the same backend as Pulseal. The key is set once, the nonce counts, the
// buffers are the caller's. What Pulseal costs above it is Pulseal's own.
#ifndef PULSEAL_BENCH_FLOOR_H_
#define PULSEAL_BENCH_FLOOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "pulseal/encryption_metadata.h"

struct evp_cipher_ctx_st;

namespace pulseal::bench {

// 32 bytes of no secret: programs that run one after the other share it.
inline constexpr const char* kFloorKey = "0123456789abcdef0123456789abcdef";

using FloorNonce = std::array<unsigned char, kNonceSize>;
FloorNonce NonceOf(uint64_t number);

// Not thread-safe. Security: for measurements only; whoever opens a message says which nonce it was sealed with.
class OpenSslFloor {
 public:
  OpenSslFloor();

  // `out` takes the ciphertext and the tag. False where OpenSSL fails.
  bool Seal(uint64_t nonce, std::string_view plaintext, char* out);
  // `out` takes the plaintext. False where the tag doesn't match.
  bool Open(uint64_t nonce, std::string_view sealed, char* out);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> sealing_, opening_;
};

#ifdef PULSEAL_BENCH_IPSEC_MB
// The same, of libipsec-mb.
class IpsecMbFloor {
 public:
  IpsecMbFloor();
  ~IpsecMbFloor();
  IpsecMbFloor(IpsecMbFloor&&) noexcept;

  bool Seal(uint64_t nonce, std::string_view plaintext, char* out);
  bool Open(uint64_t nonce, std::string_view sealed, char* out);

 private:
  std::unique_ptr<struct IpsecMbState> state_;
};
#endif

}  // namespace pulseal::bench

#endif  // PULSEAL_BENCH_FLOOR_H_
