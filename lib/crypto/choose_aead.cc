// SPDX-License-Identifier: Apache-2.0
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/crypto/aead.h"
#include "lib/status.h"

namespace pulseal::crypto {
namespace {

constexpr unsigned long kOpenSslWithVaes = 0x30200000UL;  // NOLINT(google-runtime-int): OpenSSL's type

// FIPS defaults come from openssl.cnf: whoever wrote it wants them for this library as well.
bool IsPlain(const OpenSslSource& source) {
  return source.context == nullptr && source.properties.empty() && EVP_default_properties_is_fips_enabled(nullptr) != 1;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const AeadBackend>> ChooseAead(CipherBackend choice, const OpenSslSource& source) {
  if (choice == CipherBackend::kIpsecMb && !IsPlain(source)) {
    return Misuse(
        "cipher_backend is kIpsecMb, which has nothing to do with openssl.context, openssl.properties and OpenSSL's "
        "FIPS "
        "defaults: leave it kAutomatic with any of them");
  }
  auto openssl = OpenSslAead(source);
  const bool is_settled = choice == CipherBackend::kOpenSsl || !IsPlain(source) ||
                          (choice == CipherBackend::kAutomatic && OpenSSL_version_num() >= kOpenSslWithVaes);
  if (!openssl.ok() || is_settled) return openssl;
  auto ipsec_mb = IpsecMbAead(**openssl);
  return ipsec_mb.ok() || choice == CipherBackend::kIpsecMb ? ipsec_mb : openssl;
}

}  // namespace pulseal::crypto
