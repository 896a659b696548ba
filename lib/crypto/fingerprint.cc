// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/fingerprint.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/crypto/openssl_error.h"
#include "lib/crypto/openssl_ptr.h"
#include "lib/crypto/write_key.h"

namespace pulseal::crypto {

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
