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

// EVP_EC_gen is a macro with a cast that clang warns of.
PkeyPtr GenerateEc(const char* curve) {
  return PkeyPtr(EVP_PKEY_Q_keygen(/*libctx=*/nullptr, /*propq=*/nullptr, "EC", curve));
}

PkeyPtr Generate(KeyType type) {
  switch (type) {
    case KeyType::kRsa2048: return PkeyPtr(EVP_RSA_gen(2048));
    case KeyType::kRsa3072: return PkeyPtr(EVP_RSA_gen(3072));
    case KeyType::kRsa4096: return PkeyPtr(EVP_RSA_gen(4096));
    case KeyType::kP256: return GenerateEc("P-256");
    case KeyType::kP384: return GenerateEc("P-384");
    case KeyType::kP521: return GenerateEc("P-521");
  }
  return nullptr;
}

std::string_view TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);  // NOLINT(google-runtime-int): OpenSSL's type
  return std::string_view(data, static_cast<size_t>(size));
}

// PKCS#1 or SEC1, which is what official clients read.
bool WriteInClear(BIO* bio, EVP_PKEY* key) {
  EncoderContextPtr encoder(
      OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_KEYPAIR, "PEM", "type-specific", /*propquery=*/nullptr));
  return encoder != nullptr && OSSL_ENCODER_to_bio(encoder.get(), bio) == 1;
}

bool WriteEncrypted(BIO* bio, EVP_PKEY* key, std::string_view passphrase) {
  std::array<char, kSaltSize> salt;
  Pkcs8Ptr plain(EVP_PKEY2PKCS8(key));
  if (plain == nullptr || !FillFromKernel(absl::MakeSpan(salt)).ok()) return false;
  // Without a scheme of its own (-1) this is PBES2 with PBKDF2 and HMAC-SHA-256.
  EncryptedPkcs8Ptr encrypted(
      PKCS8_encrypt(-1, EVP_aes_256_cbc(), passphrase.data(), static_cast<int>(passphrase.size()),
                    reinterpret_cast<unsigned char*>(salt.data()), kSaltSize, kIterations, plain.get()));
  return encrypted != nullptr && PEM_write_bio_PKCS8(bio, encrypted.get()) == 1;
}

}  // namespace

absl::StatusOr<KeyPair> GeneratePair(KeyType type, std::string_view passphrase) {
  if (absl::Status status = ReseedGenerator(nullptr); !status.ok()) return status;
  PkeyPtr key = Generate(type);
  BioPtr public_pem(BIO_new(BIO_s_mem())), private_pem(BIO_new(BIO_s_mem()));
  if (key == nullptr || public_pem == nullptr || private_pem == nullptr)
    return OpenSslError("could not make a key pair");
  if (PEM_write_bio_PUBKEY(public_pem.get(), key.get()) != 1 ||
      !(passphrase.empty() ? WriteInClear(private_pem.get(), key.get())
                           : WriteEncrypted(private_pem.get(), key.get(), passphrase))) {
    return OpenSslError("could not write the key pair as PEM");
  }
  return KeyPair{std::string(TextOf(public_pem.get())), SecretBytes::CopyOf(TextOf(private_pem.get()))};
}

absl::StatusOr<std::string> Fingerprint(const PemKey& key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.key.get(), &der);
  if (size <= 0) return OpenSslError("could not encode the public key");
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  const bool hashed = EVP_Digest(der, static_cast<size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr) == 1;
  OPENSSL_free(der);
  if (!hashed) return OpenSslError("could not hash the public key");
  return absl::StrCat("SHA256:",
                      absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest.data()), digest.size())));
}

}  // namespace pulseal::crypto
