// SPDX-License-Identifier: Apache-2.0
#include "bench/floor.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <cstring>

namespace pulseal::bench {
namespace {

unsigned char* Bytes(char* text) { return reinterpret_cast<unsigned char*>(text); }
const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

FloorNonce NonceOf(uint64_t number) {
  FloorNonce nonce = {};
  std::memcpy(nonce.data(), &number, sizeof number);
  return nonce;
}

void OpenSslFloor::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

OpenSslFloor::OpenSslFloor() : sealing_(EVP_CIPHER_CTX_new()), opening_(EVP_CIPHER_CTX_new()) {
  if (EVP_EncryptInit_ex(sealing_.get(), EVP_aes_256_gcm(), nullptr, Bytes(kFloorKey), nullptr) != 1 ||
      EVP_DecryptInit_ex(opening_.get(), EVP_aes_256_gcm(), nullptr, Bytes(kFloorKey), nullptr) != 1) {
    std::abort();
  }
}

bool OpenSslFloor::Seal(uint64_t nonce, std::string_view plaintext, char* out) {
  EVP_CIPHER_CTX* const context = sealing_.get();
  char* const tag = out + plaintext.size();
  int size = 0;
  return EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, NonceOf(nonce).data()) == 1 &&
         EVP_EncryptUpdate(context, Bytes(out), &size, Bytes(plaintext), static_cast<int>(plaintext.size())) == 1 &&
         EVP_EncryptFinal_ex(context, Bytes(tag), &size) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) == 1;
}

bool OpenSslFloor::Open(uint64_t nonce, std::string_view sealed, char* out) {
  EVP_CIPHER_CTX* const context = opening_.get();
  const std::string_view ciphertext = sealed.substr(0, sealed.size() - kTagSize);
  std::array<char, kTagSize> tag;  // OpenSSL wants to write to it
  sealed.copy(tag.data(), tag.size(), ciphertext.size());
  unsigned char nothing;
  int size = 0;
  return EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, NonceOf(nonce).data()) == 1 &&
         EVP_DecryptUpdate(context, Bytes(out), &size, Bytes(ciphertext), static_cast<int>(ciphertext.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context, &nothing, &size) == 1;
}

}  // namespace pulseal::bench
