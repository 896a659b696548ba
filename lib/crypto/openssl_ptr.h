// SPDX-License-Identifier: Apache-2.0
//
// Owners for OpenSSL's objects. Only files in this folder include OpenSSL.
#ifndef PULSEAL_LIB_CRYPTO_OPENSSL_PTR_H_
#define PULSEAL_LIB_CRYPTO_OPENSSL_PTR_H_

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace pulseal::crypto {

template <auto kFree>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

template <typename T, auto kFree>
using OwnedBy = std::unique_ptr<T, FreeWith<kFree>>;

using BignumPtr = OwnedBy<BIGNUM, BN_clear_free>;
using BioPtr = OwnedBy<BIO, BIO_free_all>;
using CipherContextPtr = OwnedBy<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using CipherPtr = OwnedBy<EVP_CIPHER, EVP_CIPHER_free>;
using DigestPtr = OwnedBy<EVP_MD, EVP_MD_free>;
using EcGroupPtr = OwnedBy<EC_GROUP, EC_GROUP_free>;
using EcPointPtr = OwnedBy<EC_POINT, EC_POINT_free>;
using PkeyContextPtr = OwnedBy<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using PkeyPtr = OwnedBy<EVP_PKEY, EVP_PKEY_free>;
using X509Ptr = OwnedBy<X509, X509_free>;

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_OPENSSL_PTR_H_
