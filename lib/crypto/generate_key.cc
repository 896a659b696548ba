// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/generate_key.h"

#include <openssl/crypto.h>
#include <openssl/encoder.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/sha.h>

#include <array>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/crypto/openssl_error.h"
#include "lib/crypto/openssl_ptr.h"
#include "lib/crypto/random.h"
#include "lib/status.h"

namespace pulseal::crypto {
namespace {

using EncoderContextPtr = OwnedBy<OSSL_ENCODER_CTX, OSSL_ENCODER_CTX_free>;
using EncryptedPkcs8Ptr = OwnedBy<X509_SIG, X509_SIG_free>;
using Pkcs8Ptr = OwnedBy<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;

constexpr int kIterations = 600'000;  // OWASP Password Storage Cheat Sheet, 2023, for PBKDF2 with HMAC-SHA-256
constexpr size_t kSaltSize = 16;      // NIST SP 800-132 section 5.1: at least 128 bits

PkeyPtr GenerateRsa(size_t bits, const OpenSslSource& source) {
  return PkeyPtr(EVP_PKEY_Q_keygen(source.context, source.query(), "RSA", bits));
}

PkeyPtr GenerateEc(const char* curve, const OpenSslSource& source) {
  return PkeyPtr(EVP_PKEY_Q_keygen(source.context, source.query(), "EC", curve));
}

PkeyPtr Generate(KeyType type, const OpenSslSource& source) {
  switch (type) {
    case KeyType::kRsa2048: return GenerateRsa(2048, source);
    case KeyType::kRsa3072: return GenerateRsa(3072, source);
    case KeyType::kRsa4096: return GenerateRsa(4096, source);
    case KeyType::kP256: return GenerateEc("P-256", source);
    case KeyType::kP384: return GenerateEc("P-384", source);
    case KeyType::kP521: return GenerateEc("P-521", source);
  }
  return nullptr;
}

std::string_view TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);  // NOLINT(google-runtime-int): OpenSSL's type
  return std::string_view(data, static_cast<size_t>(size));
}

// The calls that are named after what they write (PEM_write_bio_PUBKEY, i2d_PUBKEY, EVP_PKEY2PKCS8) take no properties.
bool Write(BIO* bio, EVP_PKEY* key, int selection, const char* format, const char* structure,
           const OpenSslSource& source) {
  EncoderContextPtr encoder(OSSL_ENCODER_CTX_new_for_pkey(key, selection, format, structure, source.query()));
  return encoder != nullptr && OSSL_ENCODER_to_bio(encoder.get(), bio) == 1;
}

bool WritePublic(BIO* bio, EVP_PKEY* key, const char* format, const OpenSslSource& source) {
  return Write(bio, key, EVP_PKEY_PUBLIC_KEY, format, "SubjectPublicKeyInfo", source);
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

absl::StatusOr<KeyPair> GeneratePair(KeyType type, std::string_view passphrase, const OpenSslSource& source) {
  if (absl::Status status = ReseedGenerator(source.context); !status.ok()) return status;
  PkeyPtr key = Generate(type, source);
  BioPtr public_pem(BIO_new(BIO_s_mem())), private_pem(BIO_new(BIO_s_mem()));
  if (key == nullptr || public_pem == nullptr || private_pem == nullptr)
    return OpenSslError("could not make a key pair");
  if (!WritePublic(public_pem.get(), key.get(), "PEM", source) ||
      !(passphrase.empty() ? WriteInClear(private_pem.get(), key.get(), source)
                           : WriteEncrypted(private_pem.get(), key.get(), passphrase, source))) {
    return OpenSslError("could not write the key pair as PEM");
  }
  return KeyPair{std::string(TextOf(public_pem.get())), SecretBytes::CopyOf(TextOf(private_pem.get()))};
}

absl::StatusOr<std::string> Fingerprint(const PemKey& key, const OpenSslSource& source) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || !WritePublic(bio.get(), key.key.get(), "DER", source)) {
    return OpenSslError("could not encode the public key");
  }
  const std::string_view der = TextOf(bio.get());
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  if (EVP_Q_digest(source.context, "SHA256", source.query(), der.data(), der.size(), digest.data(), nullptr) != 1) {
    return OpenSslError("could not hash the public key");
  }
  return absl::StrCat("SHA256:",
                      absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest.data()), digest.size())));
}

}  // namespace pulseal::crypto
