// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/generate_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>

#include "lib/crypto/openssl_error.h"
#include "lib/crypto/openssl_ptr.h"
#include "lib/crypto/random.h"
#include "lib/crypto/write_key.h"

namespace pulseal::crypto {
namespace {

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

}  // namespace

absl::StatusOr<KeyPair> GeneratePair(KeyType type, std::string_view passphrase, const OpenSslSource& source) {
  if (absl::Status status = ReseedGenerator(source.context); !status.ok()) return status;
  PkeyPtr key = Generate(type, source);
  BioPtr public_pem(BIO_new(BIO_s_mem())), private_pem(BIO_new(BIO_s_mem()));
  if (key == nullptr || public_pem == nullptr || private_pem == nullptr)
    return OpenSslError("could not make a key pair");
  if (!WritePublic(public_pem.get(), key.get(), "PEM", source) ||
      !WritePrivate(private_pem.get(), key.get(), passphrase, source)) {
    return OpenSslError("could not write the key pair as PEM");
  }
  return KeyPair{std::string(TextOf(public_pem.get())), SecretBytes::CopyOf(TextOf(private_pem.get()))};
}

}  // namespace pulseal::crypto
