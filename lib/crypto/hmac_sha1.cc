// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/hmac_sha1.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>

#include "lib/crypto/openssl_error.h"

namespace pulseal::crypto {

absl::StatusOr<std::string> HmacSha1(std::string_view key, std::string_view message, const OpenSslSource& source) {
  char digest[] = "SHA1";
  std::string properties = source.properties;
  // Both in one list: EVP_Q_mac's own parameter for the digest fetches it without the properties.
  const std::array<OSSL_PARAM, 3> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_PROPERTIES, properties.data(), 0), OSSL_PARAM_construct_end()};
  std::string mac(kHmacSha1Size, '\0');
  size_t size = 0;
  if (EVP_Q_mac(source.context, "HMAC", source.query(), nullptr, params.data(), key.data(), key.size(),
                reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                reinterpret_cast<unsigned char*>(mac.data()), mac.size(), &size) == nullptr ||
      size != mac.size()) {
    return OpenSslError("HMAC-SHA-1 failed");
  }
  return mac;
}

}  // namespace pulseal::crypto
