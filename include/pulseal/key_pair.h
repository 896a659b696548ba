// SPDX-License-Identifier: Apache-2.0
//
// Making key pairs, and telling what a key file is.
#ifndef PULSEAL_KEY_PAIR_H_
#define PULSEAL_KEY_PAIR_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "pulseal/export.h"
#include "pulseal/openssl_options.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

inline constexpr size_t kMaxPassphraseSize = 1024;  // bytes; a longer passphrase is no passphrase

enum class KeyType { kRsa2048, kRsa3072, kRsa4096, kP256, kP384, kP521 };

struct KeyPair {
  std::string public_pem;   // SPKI ("PUBLIC KEY", RFC 5280), which every official client reads
  SecretBytes private_pem;  // RSA: PKCS#1 (RFC 8017 A.1.2), EC: SEC1 (RFC 5915), named curve; with a passphrase: PKCS#8
};

// Takes tens of milliseconds for EC and up to some seconds for RSA-4096. With a passphrase the private key is PKCS#8
// "ENCRYPTED PRIVATE KEY" (PBES2: PBKDF2 with HMAC-SHA-256, 600,000 iterations, AES-256-CBC), which no official client
// reads. INTERNAL where OpenSSL fails; INVALID_ARGUMENT for a passphrase that is empty or longer than kMaxPassphraseSize, or
// a value that is no KeyType (both kMisuse). Thread-safe. Where a passphrase is used, here and in DescribeKey, OpenSSL 3.0
// itself takes the digest of PBKDF2 from the context by its default properties (EVP_set_default_properties), not by
// `openssl.properties`.
PULSEAL_EXPORT absl::StatusOr<KeyPair> GenerateKeyPair(KeyType type, const OpenSslOptions& openssl = {});
PULSEAL_EXPORT absl::StatusOr<KeyPair> GenerateKeyPair(KeyType type, std::string_view passphrase,
                                                       const OpenSslOptions& openssl = {});

struct KeyDescription {
  bool is_private = false;
  bool is_passphrase_encrypted = false;  // then only is_private and pem_label are known, unless it was opened
  std::string pem_label;                 // "PUBLIC KEY", "RSA PRIVATE KEY", "CERTIFICATE", ...
  std::string algorithm;                 // "RSA" or "EC"
  int bits = 0;                          // of the modulus or the curve's field
  std::string curve;                     // "P-256", "P-384", "P-521" or OpenSSL's name; empty for RSA
  bool explicit_parameters = false;      // EC: the curve is written out instead of named
  // SHA-256 of the public key as DER SPKI with a named curve, as "SHA256:" and 64 hex digits: equal for both halves of
  // a pair and for every PEM form of the same key.
  std::string fingerprint;
  // Which official clients can read this file: the table "Which client reads which key" of docs/wire-format.md.
  bool java_reads = false, cpp_reads = false, go_reads = false;
};

// Looks at the first key in `pem`, however weak. INVALID_ARGUMENT (kKeyUnusable) where there is none that Pulseal can
// use or where `passphrase` doesn't open it, saying what was found instead; INTERNAL where OpenSSL fails. An empty
// passphrase is none. Thread-safe; never prompts.
PULSEAL_EXPORT absl::StatusOr<KeyDescription> DescribeKey(std::string_view pem, const OpenSslOptions& openssl = {});
PULSEAL_EXPORT absl::StatusOr<KeyDescription> DescribeKey(std::string_view pem, std::string_view passphrase,
                                                          const OpenSslOptions& openssl = {});

}  // namespace pulseal

#endif  // PULSEAL_KEY_PAIR_H_
