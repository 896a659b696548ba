// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_OPENSSL_OPTIONS_H_
#define PULSEAL_OPENSSL_OPTIONS_H_

#include <string>

struct ossl_lib_ctx_st;  // OpenSSL's OSSL_LIB_CTX

namespace pulseal {

// Where algorithms and random bytes come from.
struct OpenSslOptions {
  // Yours, or null for OpenSSL's default one. It must outlive all that was made with it: the object, its pins and
  // resolved keys, and whatever work of a key reader or wrapper is still running when the object is destroyed.
  ::ossl_lib_ctx_st* context = nullptr;
  // With which algorithms are fetched (man 7 property), "fips=yes" say; empty: OpenSSL's defaults.
  std::string properties;
};

}  // namespace pulseal

#endif  // PULSEAL_OPENSSL_OPTIONS_H_
