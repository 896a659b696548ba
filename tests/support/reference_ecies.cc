// SPDX-License-Identifier: Apache-2.0
#include "tests/support/reference_ecies.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

namespace pulseal::testing {
namespace {

const unsigned char* Bytes(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::string ReferenceKdf2(const std::string& secret, size_t size) {
  std::string stream;
  for (char counter = 1; stream.size() < size; ++counter) {
    const std::string block = secret + std::string(3, '\0') + counter;
    std::string digest(SHA_DIGEST_LENGTH, '\0');
    SHA1(Bytes(block), block.size(), Bytes(digest));
    stream += digest;
  }
  return stream.substr(0, size);
}

std::string ReferenceHmacSha1(const std::string& key, const std::string& message) {
  std::string mac(SHA_DIGEST_LENGTH, '\0');
  HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), Bytes(message), message.size(), Bytes(mac), nullptr);
  return mac;
}

std::string ReferenceEcies(const std::string& v, const std::string& z, const std::string& data_key) {
  const std::string k = ReferenceKdf2(v + z, 16 + data_key.size());
  std::string c = data_key;
  for (size_t i = 0; i < c.size(); ++i) c[i] = static_cast<char>(c[i] ^ k[16 + i]);
  return v + c + ReferenceHmacSha1(k.substr(0, 16), c + std::string(8, '\0'));
}

}  // namespace pulseal::testing
