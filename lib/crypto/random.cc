// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/random.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/random.h>

#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/crypto/openssl_error.h"

namespace pulseal::crypto {
namespace {

constexpr size_t kSeedSize = 32;

absl::Status Reseed(EVP_RAND_CTX* generator, absl::Span<const char> seed) {
  if (generator == nullptr || EVP_RAND_reseed(generator, /*prediction_resistance=*/0, nullptr, 0,
                                              reinterpret_cast<const unsigned char*>(seed.data()), seed.size()) != 1) {
    return OpenSslError("could not reseed OpenSSL's random generator");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FillFromKernel(absl::Span<char> out) {
  size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = getrandom(out.data() + filled, out.size() - filled, 0);
    if (got > 0) {
      filled += static_cast<size_t>(got);
    } else if (errno != EINTR) {
      return absl::InternalError(absl::StrCat("getrandom(2) failed: ", strerror(errno)));
    }
  }
  return absl::OkStatus();
}

absl::Status ReseedGenerator(OSSL_LIB_CTX* openssl_context) {
  std::array<char, kSeedSize> seed;
  absl::Status status = FillFromKernel(absl::MakeSpan(seed));
  if (status.ok()) status = Reseed(RAND_get0_public(openssl_context), seed);
  if (status.ok()) status = Reseed(RAND_get0_private(openssl_context), seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return status;
}

absl::StatusOr<SecretBytes> NewDataKey(OSSL_LIB_CTX* openssl_context) {
  SecretBytes from_kernel = SecretBytes::OfSize(kDataKeySize);
  if (absl::Status status = FillFromKernel(from_kernel.mutable_span()); !status.ok()) return status;

  SecretBytes key = SecretBytes::OfSize(kDataKeySize);
  if (RAND_priv_bytes_ex(openssl_context, reinterpret_cast<unsigned char*>(key.mutable_span().data()), kDataKeySize,
                         /*strength=*/256) != 1) {
    return OpenSslError("OpenSSL's random generator failed");
  }
  for (size_t i = 0; i < kDataKeySize; ++i) key.mutable_span()[i] ^= from_kernel.view()[i];
  return key;
}

}  // namespace pulseal::crypto
