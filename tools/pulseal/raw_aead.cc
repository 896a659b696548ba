// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/raw_aead.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <utility>

namespace pulseal::tools {
namespace {

using Nonce = std::array<unsigned char, 12>;

unsigned char* Bytes(char* text) { return reinterpret_cast<unsigned char*>(text); }
const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Nonce ToNonce(uint64_t number) {
  Nonce nonce = {};
  std::memcpy(nonce.data(), &number, sizeof number);
  return nonce;
}

}  // namespace

void RawAead::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

absl::StatusOr<RawAead> RawAead::Create() {
  std::array<unsigned char, 32> key;
  RawAead aead{Context(EVP_CIPHER_CTX_new()), Context(EVP_CIPHER_CTX_new())};
  const bool is_ready = RAND_priv_bytes(key.data(), key.size()) == 1 && aead.sealing_ != nullptr &&
                        aead.opening_ != nullptr &&
                        EVP_EncryptInit_ex(aead.sealing_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) == 1 &&
                        EVP_DecryptInit_ex(aead.opening_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) == 1;
  OPENSSL_cleanse(key.data(), key.size());
  if (!is_ready) return absl::InternalError("OpenSSL has no AES-256-GCM to compare with");
  return aead;
}

bool RawAead::Seal(uint64_t nonce, std::string_view plaintext, char* out) {
  EVP_CIPHER_CTX* const context = sealing_.get();
  int size = 0, last = 0;
  return EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, ToNonce(nonce).data()) == 1 &&
         EVP_EncryptUpdate(context, Bytes(out), &size, Bytes(plaintext), static_cast<int>(plaintext.size())) == 1 &&
         EVP_EncryptFinal_ex(context, Bytes(out) + size, &last) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, out + plaintext.size()) == 1;
}

bool RawAead::Open(uint64_t nonce, std::string_view sealed, char* out) {
  EVP_CIPHER_CTX* const context = opening_.get();
  const std::string_view ciphertext = sealed.substr(0, sealed.size() - kTagSize);
  char tag[kTagSize];
  sealed.copy(tag, kTagSize, ciphertext.size());
  int size = 0, last = 0;
  return EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, ToNonce(nonce).data()) == 1 &&
         EVP_DecryptUpdate(context, Bytes(out), &size, Bytes(ciphertext), static_cast<int>(ciphertext.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag) == 1 &&
         EVP_DecryptFinal_ex(context, Bytes(out) + size, &last) == 1;
}

const char* OpenSslVersion() { return OpenSSL_version(OPENSSL_VERSION); }

}  // namespace pulseal::tools
