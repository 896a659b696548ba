// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_rsa.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstdlib>

#include "lib/crypto/openssl_ptr.h"

namespace pulseal::testing {

std::string RawRsa(const crypto::PemKey& key, bool with_private_key, const std::string& input) {
  std::string output(input.size(), '\0');
  size_t size = output.size();
  const crypto::PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.key.get(), nullptr));
  const auto init = with_private_key ? EVP_PKEY_decrypt_init : EVP_PKEY_encrypt_init;
  const auto operation = with_private_key ? EVP_PKEY_decrypt : EVP_PKEY_encrypt;
  if (context == nullptr || init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) != 1 ||
      operation(context.get(), reinterpret_cast<unsigned char*>(output.data()), &size,
                reinterpret_cast<const unsigned char*>(input.data()), input.size()) != 1) {
    abort();
  }
  return output;
}

}  // namespace pulseal::testing
