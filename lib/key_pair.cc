// SPDX-License-Identifier: Apache-2.0
#include "pulseal/key_pair.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/crypto/fingerprint.h"
#include "lib/crypto/generate_key.h"
#include "lib/crypto/pem_key.h"
#include "lib/status.h"

namespace pulseal {
namespace {

absl::Status Invalid(Reason reason, std::string_view message) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, reason, message);
}

absl::StatusOr<KeyPair> Generate(KeyType type, std::string_view passphrase, const OpenSslOptions& openssl) {
  if (type < KeyType::kRsa2048 || type > KeyType::kP521) return Invalid(Reason::kMisuse, "no such type of key");
  return crypto::GeneratePair(type, passphrase, {openssl.context, openssl.properties});
}

// docs/wire-format.md: which official client reads which block.
void FillReaders(KeyDescription* description) {
  const std::string& label = description->pem_label;
  if (description->is_passphrase_encrypted) return;
  if (description->algorithm == "EC") {
    description->java_reads = absl::StartsWith(description->curve, "P-");
    return;
  }
  description->java_reads = true;
  description->cpp_reads = label == "PUBLIC KEY" || description->is_private;
  description->go_reads = label == "PUBLIC KEY" || label == "RSA PRIVATE KEY";
}

absl::StatusOr<KeyDescription> Describe(const crypto::PemKey& key, const crypto::OpenSslSource& source) {
  absl::StatusOr<std::string> fingerprint = crypto::Fingerprint(key, source);
  if (!fingerprint.ok()) return fingerprint.status();
  KeyDescription description;
  description.is_private = key.is_private;
  description.is_passphrase_encrypted = key.label == "ENCRYPTED PRIVATE KEY";
  description.pem_label = key.label;
  description.algorithm = key.algorithm == crypto::KeyAlgorithm::kRsa ? "RSA" : "EC";
  description.bits = key.bits;
  description.curve = crypto::CurveName(key.curve);
  description.explicit_parameters = key.explicit_parameters;
  description.fingerprint = *std::move(fingerprint);
  FillReaders(&description);
  return description;
}

}  // namespace

absl::StatusOr<KeyPair> GenerateKeyPair(KeyType type, const OpenSslOptions& openssl) {
  return Generate(type, {}, openssl);
}

absl::StatusOr<KeyPair> GenerateKeyPair(KeyType type, std::string_view passphrase, const OpenSslOptions& openssl) {
  if (passphrase.empty() || passphrase.size() > kMaxPassphraseSize) {
    return Invalid(Reason::kMisuse, absl::StrCat("a passphrase of ", passphrase.size(), " bytes; 1 to ",
                                                 kMaxPassphraseSize, " are possible"));
  }
  return Generate(type, passphrase, openssl);
}

absl::StatusOr<KeyDescription> DescribeKey(std::string_view pem, const OpenSslOptions& openssl) {
  return DescribeKey(pem, std::string_view(), openssl);
}

absl::StatusOr<KeyDescription> DescribeKey(std::string_view pem, std::string_view passphrase,
                                           const OpenSslOptions& openssl) {
  const crypto::OpenSslSource source{openssl.context, openssl.properties};
  bool needs_passphrase = false;
  const auto give = [&]() -> absl::StatusOr<SecretBytes> {
    needs_passphrase = passphrase.empty();
    if (needs_passphrase) return absl::NotFoundError("no passphrase");
    return SecretBytes::CopyOf(passphrase);
  };
  const absl::StatusOr<crypto::PemKey> key = crypto::ReadPemKey(pem, give, source);
  if (key.ok()) return Describe(*key, source);
  if (absl::IsInternal(key.status())) return key.status();
  if (!needs_passphrase) return Invalid(ReasonOf(key.status()), std::string(key.status().message()));
  KeyDescription description;
  description.is_private = description.is_passphrase_encrypted = true;
  description.pem_label = "ENCRYPTED PRIVATE KEY";
  return description;
}

}  // namespace pulseal
