// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_HMAC_SHA1_H_
#define PULSEAL_LIB_CRYPTO_HMAC_SHA1_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/crypto/openssl_source.h"

namespace pulseal::crypto {

inline constexpr size_t kHmacSha1Size = 20;  // bytes

// HMAC-SHA-1 (RFC 2104), kHmacSha1Size bytes. INTERNAL where OpenSSL fails.
absl::StatusOr<std::string> HmacSha1(std::string_view key, std::string_view message, const OpenSslSource& source);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_HMAC_SHA1_H_
