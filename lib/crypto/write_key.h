// SPDX-License-Identifier: Apache-2.0
//
// Keys as text or bytes, into a BIO. The functions that write are false where OpenSSL fails.
#ifndef PULSEAL_LIB_CRYPTO_WRITE_KEY_H_
#define PULSEAL_LIB_CRYPTO_WRITE_KEY_H_

#include <openssl/bio.h>
#include <openssl/evp.h>

#include <string_view>

#include "lib/crypto/openssl_source.h"

namespace pulseal::crypto {

// As SubjectPublicKeyInfo; `format` is "PEM" or "DER".
bool WritePublic(BIO* bio, EVP_PKEY* key, const char* format, const OpenSslSource& source);

// As PEM: in clear where `passphrase` is empty, in the form that official clients read; otherwise PKCS#8 with PBES2.
bool WritePrivate(BIO* bio, EVP_PKEY* key, std::string_view passphrase, const OpenSslSource& source);

// What was written to a memory BIO; lives until more is, or the BIO ends.
std::string_view TextOf(BIO* bio);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_WRITE_KEY_H_
