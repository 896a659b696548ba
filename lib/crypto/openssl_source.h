// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_OPENSSL_SOURCE_H_
#define PULSEAL_LIB_CRYPTO_OPENSSL_SOURCE_H_

#include <string>

struct ossl_lib_ctx_st;

namespace pulseal::crypto {

// Where algorithms are fetched from and randomness is drawn. `context` null: OpenSSL's default one.
struct OpenSslSource {
  ossl_lib_ctx_st* context = nullptr;
  std::string properties;

  // As OpenSSL's calls take it.
  const char* query() const { return properties.empty() ? nullptr : properties.c_str(); }
};

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_OPENSSL_SOURCE_H_
