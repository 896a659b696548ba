// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/write_key.h"

#include <openssl/encoder.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <array>
#include <cstddef>

#include "absl/types/span.h"
#include "lib/crypto/openssl_ptr.h"
#include "lib/crypto/random.h"

namespace pulseal::crypto {
namespace {

using EncoderContextPtr = OwnedBy<OSSL_ENCODER_CTX, OSSL_ENCODER_CTX_free>;
using EncryptedPkcs8Ptr = OwnedBy<X509_SIG, X509_SIG_free>;
using Pkcs8Ptr = OwnedBy<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;

constexpr int kIterations = 600'000;  // OWASP Password Storage Cheat Sheet, 2023, for PBKDF2 with HMAC-SHA-256
constexpr size_t kSaltSize = 16;      // NIST SP 800-132 section 5.1: at least 128 bits

// The calls that are named after what they write (PEM_write_bio_PUBKEY, i2d_PUBKEY, EVP_PKEY2PKCS8) take no properties.
bool Write(BIO* bio, EVP_PKEY* key, int selection, const char* format, const char* structure,
           const OpenSslSource& source) {
  EncoderContextPtr encoder(OSSL_ENCODER_CTX_new_for_pkey(key, selection, format, structure, source.query()));
  return encoder != nullptr && OSSL_ENCODER_to_bio(encoder.get(), bio) == 1;
}

// PKCS#1 or SEC1, which is what official clients read.
bool WriteInClear(BIO* bio, EVP_PKEY* key, const OpenSslSource& source) {
  return Write(bio, key, EVP_PKEY_KEYPAIR, "PEM", "type-specific", source);
}

bool WriteEncrypted(BIO* bio, EVP_PKEY* key, std::string_view passphrase, const OpenSslSource& source) {
  std::array<char, kSaltSize> salt;
  BioPtr der(BIO_new(BIO_s_secmem()));
  if (der == nullptr || !Write(der.get(), key, EVP_PKEY_KEYPAIR, "DER", "PrivateKeyInfo", source)) return false;
  Pkcs8Ptr plain(d2i_PKCS8_PRIV_KEY_INFO_bio(der.get(), nullptr));
  if (plain == nullptr || !FillFromKernel(absl::MakeSpan(salt)).ok()) return false;
  // Fetched, because PKCS8_encrypt_ex would look for EVP_aes_256_cbc() in the default context.
  CipherPtr cipher(EVP_CIPHER_fetch(source.context, "AES-256-CBC", source.query()));
  if (cipher == nullptr) return false;
  // Without a scheme of its own (-1) this is PBES2 with PBKDF2 and HMAC-SHA-256.
  EncryptedPkcs8Ptr encrypted(PKCS8_encrypt_ex(-1, cipher.get(), passphrase.data(), static_cast<int>(passphrase.size()),
                                               reinterpret_cast<unsigned char*>(salt.data()), kSaltSize, kIterations,
                                               plain.get(), source.context, source.query()));
  return encrypted != nullptr && PEM_write_bio_PKCS8(bio, encrypted.get()) == 1;
}

}  // namespace

bool WritePublic(BIO* bio, EVP_PKEY* key, const char* format, const OpenSslSource& source) {
  return Write(bio, key, EVP_PKEY_PUBLIC_KEY, format, "SubjectPublicKeyInfo", source);
}

bool WritePrivate(BIO* bio, EVP_PKEY* key, std::string_view passphrase, const OpenSslSource& source) {
  return passphrase.empty() ? WriteInClear(bio, key, source) : WriteEncrypted(bio, key, passphrase, source);
}

std::string_view TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);  // NOLINT(google-runtime-int): OpenSSL's type
  return std::string_view(data, static_cast<size_t>(size));
}

}  // namespace pulseal::crypto
