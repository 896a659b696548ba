// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/kdf2.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>

#include "lib/crypto/openssl_error.h"
#include "lib/crypto/openssl_ptr.h"

namespace pulseal::crypto {
namespace {

constexpr size_t kCounterSize = 4;

}  // namespace

// By hand, although OpenSSL's X963KDF is the same: that of OpenSSL 3.0 ends the program where memory runs out.
absl::StatusOr<SecretBytes> Kdf2Sha1(std::string_view secret, size_t size, const OpenSslSource& source) {
  const DigestPtr sha1(EVP_MD_fetch(source.context, "SHA1", source.query()));
  SecretBytes input = SecretBytes::OfSize(secret.size() + kCounterSize);
  const absl::Span<char> text = input.mutable_span();
  std::copy(secret.begin(), secret.end(), text.begin());
  const size_t blocks = (size + SHA_DIGEST_LENGTH - 1) / SHA_DIGEST_LENGTH;
  SecretBytes derived = SecretBytes::OfSize(blocks * SHA_DIGEST_LENGTH);
  for (size_t block = 0; block < blocks; ++block) {
    for (size_t i = 0; i < kCounterSize; ++i) text[text.size() - 1 - i] = static_cast<char>((block + 1) >> (8 * i));
    char* const out = derived.mutable_span().data() + block * SHA_DIGEST_LENGTH;
    if (sha1 == nullptr || EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out), nullptr,
                                      sha1.get(), nullptr) != 1) {
      return OpenSslError("KDF2 with SHA-1 failed");
    }
  }
  derived.Truncate(size);
  return derived;
}

}  // namespace pulseal::crypto
