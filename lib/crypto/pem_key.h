// SPDX-License-Identifier: Apache-2.0
//
// RSA and EC keys as the rest of the library sees them: read from PEM once, checked before they are used.
#ifndef PULSEAL_LIB_CRYPTO_PEM_KEY_H_
#define PULSEAL_LIB_CRYPTO_PEM_KEY_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/crypto/openssl_source.h"
#include "pulseal/secret_bytes.h"

struct evp_pkey_st;

namespace pulseal::crypto {

enum class KeyAlgorithm { kRsa, kEc };

// Immutable; the OpenSSL key may be used by any number of threads.
struct PemKey {
  std::string label;  // of the PEM block: "PUBLIC KEY", "CERTIFICATE", ...
  bool is_private = false;
  KeyAlgorithm algorithm = KeyAlgorithm::kRsa;
  int bits = 0;                      // of the modulus or the curve's field
  std::string curve;                 // OpenSSL's name ("prime256v1"); empty for RSA
  bool explicit_parameters = false;  // as it was read; `key` always has a named curve
  std::shared_ptr<evp_pkey_st> key;
};

// Asked at most once, when the key is encrypted.
using PassphraseSource = std::function<absl::StatusOr<SecretBytes>()>;

// The first PEM object in `pem`, after an optional "EC PARAMETERS" block. Never prompts. The key is sane: an odd
// modulus of at most 16,384 bits, an odd public exponent of 2 to 64 bits; a curve that OpenSSL knows by name, of
// cofactor 1, whether named or written out; a public point on it; private parts that belong together. How strong it is,
// is CheckStrength's business. FAILED_PRECONDITION (kKeyUnusable) says what was found instead; errors of `passphrase`
// come back as they are.
absl::StatusOr<PemKey> ReadPemKey(std::string_view pem, const PassphraseSource& passphrase,
                                  const OpenSslSource& source);

// FAILED_PRECONDITION (kKeyUnusable) for an RSA key under `min_rsa_bits`, and for a curve that is neither P-256, P-384,
// P-521 nor in `extra_curves`.
absl::Status CheckStrength(const PemKey& key, int min_rsa_bits, const std::vector<std::string>& extra_curves);

// "P-256" for "prime256v1"; OpenSSL's own name where there is no NIST name.
std::string CurveName(const std::string& openssl_name);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_PEM_KEY_H_
