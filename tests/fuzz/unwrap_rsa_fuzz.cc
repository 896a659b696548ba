// SPDX-License-Identifier: Apache-2.0
//
// Wrapped data keys for an RSA key. An odd first byte: the rest is the wrapped key. An even one: the rest is the
// encoded message, so that mutations reach the padding behind the private key.
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/crypto/openssl_ptr.h"
#include "lib/crypto/rsa_oaep.h"
#include "lib/crypto/unwrap_failed.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/test_keys.h"

namespace {

using pulseal::crypto::PemKey;

constexpr size_t kModulusSize = 256;

const PemKey& Key() {
  static const PemKey& key =
      *new PemKey(*pulseal::crypto::ReadPemKey(pulseal::testing::TestKey("rsa-2048.private.pem"), nullptr, {}));
  return key;
}

std::string RawEncrypted(std::string message) {
  message.resize(kModulusSize);
  message[0] = static_cast<char>(message[0] & 1);  // below the modulus, most of the time below 2^2040
  std::string encrypted(kModulusSize, '\0');
  size_t size = kModulusSize;
  const pulseal::crypto::PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, Key().key.get(), nullptr));
  FUZZ_CHECK(EVP_PKEY_encrypt_init(context.get()) == 1);
  FUZZ_CHECK(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1);
  FUZZ_CHECK(EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(&encrypted[0]), &size,
                              reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1);
  return encrypted;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string wrapped = data[0] % 2 == 1 ? rest : RawEncrypted(rest);
  const auto opened = pulseal::crypto::RsaOaepUnwrap(Key(), wrapped, {});
  FUZZ_CHECK(opened.ok() ? opened->size() <= kModulusSize - 42 : opened.status() == pulseal::crypto::UnwrapFailed());
  return 0;
}
