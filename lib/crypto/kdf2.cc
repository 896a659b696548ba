// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/kdf2.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <string>

#include "lib/crypto/openssl_error.h"
#include "lib/crypto/openssl_ptr.h"

namespace pulseal::crypto {

// OpenSSL's X963KDF without shared information is the same.
absl::StatusOr<SecretBytes> Kdf2Sha1(std::string_view secret, size_t size, const OpenSslSource& source) {
  KdfPtr kdf(EVP_KDF_fetch(source.context, "X963KDF", source.query()));
  KdfContextPtr context(kdf == nullptr ? nullptr : EVP_KDF_CTX_new(kdf.get()));
  char digest[] = "SHA1";
  std::string properties = source.properties;
  // OSSL_PARAM takes input through pointers to non-const.
  const std::array<OSSL_PARAM, 4> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_PROPERTIES, properties.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<char*>(secret.data()), secret.size()),
      OSSL_PARAM_construct_end()};
  SecretBytes derived = SecretBytes::OfSize(size);
  if (context == nullptr ||
      EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(derived.mutable_span().data()), size,
                     params.data()) != 1) {
    return OpenSslError("KDF2 with SHA-1 failed");
  }
  return derived;
}

}  // namespace pulseal::crypto
