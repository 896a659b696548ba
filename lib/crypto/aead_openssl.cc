// SPDX-License-Identifier: Apache-2.0
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <utility>

#include "lib/crypto/aead.h"
#include "lib/crypto/openssl_error.h"
#include "lib/crypto/openssl_ptr.h"

namespace pulseal::crypto {
namespace {

const unsigned char* Bytes(const char* data) { return reinterpret_cast<const unsigned char*>(data); }
unsigned char* Bytes(char* data) { return reinterpret_cast<unsigned char*>(data); }

class OpenSslContext final : public AeadContext {
 public:
  OpenSslContext(CipherContextPtr seal, CipherContextPtr open) : seal_(std::move(seal)), open_(std::move(open)) {}

  AeadResult Seal(const char* nonce, std::string_view associated_data, std::string_view plaintext, char* out) override {
    EVP_CIPHER_CTX* context = seal_.get();
    int written = 0;
    const bool sealed =
        EVP_EncryptInit_ex2(context, nullptr, nullptr, Bytes(nonce), nullptr) == 1 &&
        (associated_data.empty() || EVP_EncryptUpdate(context, nullptr, &written, Bytes(associated_data.data()),
                                                      static_cast<int>(associated_data.size())) == 1) &&
        (plaintext.empty() || EVP_EncryptUpdate(context, Bytes(out), &written, Bytes(plaintext.data()),
                                                static_cast<int>(plaintext.size())) == 1) &&
        EVP_EncryptFinal_ex(context, Bytes(out) + plaintext.size(), &written) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kTagSize), out + plaintext.size()) == 1;
    if (sealed) return AeadResult::kOk;
    ClearOpenSslErrors();
    OPENSSL_cleanse(out, plaintext.size() + kTagSize);
    return AeadResult::kBackendFailed;
  }

  AeadResult Open(const char* nonce, std::string_view associated_data, std::string_view sealed, char* out) override {
    EVP_CIPHER_CTX* context = open_.get();
    const std::string_view ciphertext = sealed.substr(0, sealed.size() - kTagSize);
    std::array<char, kTagSize> tag;
    sealed.copy(tag.data(), kTagSize, ciphertext.size());
    int written = 0;
    const bool processed =
        EVP_DecryptInit_ex2(context, nullptr, nullptr, Bytes(nonce), nullptr) == 1 &&
        (associated_data.empty() || EVP_DecryptUpdate(context, nullptr, &written, Bytes(associated_data.data()),
                                                      static_cast<int>(associated_data.size())) == 1) &&
        (ciphertext.empty() || EVP_DecryptUpdate(context, Bytes(out), &written, Bytes(ciphertext.data()),
                                                 static_cast<int>(ciphertext.size())) == 1) &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kTagSize), tag.data()) == 1;
    unsigned char nothing[1];
    if (processed && EVP_DecryptFinal_ex(context, nothing, &written) == 1) return AeadResult::kOk;
    ClearOpenSslErrors();
    if (!ciphertext.empty()) OPENSSL_cleanse(out, ciphertext.size());
    return processed ? AeadResult::kTagMismatch : AeadResult::kBackendFailed;
  }

 private:
  // Two contexts, since OpenSSL 3.0 sets the key up again when a context changes direction.
  CipherContextPtr seal_;
  CipherContextPtr open_;
};

class OpenSslBackend final : public AeadBackend {
 public:
  OpenSslBackend(CipherPtr aes128, CipherPtr aes192, CipherPtr aes256)
      : aes128_(std::move(aes128)), aes192_(std::move(aes192)), aes256_(std::move(aes256)) {}

  CipherBackend kind() const override { return CipherBackend::kOpenSsl; }

  absl::StatusOr<std::unique_ptr<AeadContext>> NewContext(std::string_view key) const override {
    const EVP_CIPHER* cipher = CipherFor(key.size());
    if (cipher == nullptr) return absl::InvalidArgumentError("an AES key is 16, 24 or 32 bytes");
    CipherContextPtr seal(EVP_CIPHER_CTX_new());
    CipherContextPtr open(EVP_CIPHER_CTX_new());
    if (seal == nullptr || open == nullptr ||
        EVP_EncryptInit_ex2(seal.get(), cipher, Bytes(key.data()), nullptr, nullptr) != 1 ||
        EVP_DecryptInit_ex2(open.get(), cipher, Bytes(key.data()), nullptr, nullptr) != 1) {
      return OpenSslError("could not key AES-GCM");
    }
    return std::make_unique<OpenSslContext>(std::move(seal), std::move(open));
  }

 private:
  const EVP_CIPHER* CipherFor(size_t key_size) const {
    switch (key_size) {
      case 16: return aes128_.get();
      case 24: return aes192_.get();
      case 32: return aes256_.get();
      default: return nullptr;
    }
  }

  CipherPtr aes128_, aes192_, aes256_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const AeadBackend>> OpenSslAead(const OpenSslSource& source) {
  const auto fetch = [&](const char* algorithm) {
    return CipherPtr(EVP_CIPHER_fetch(source.context, algorithm, source.query()));
  };
  CipherPtr aes128 = fetch("AES-128-GCM"), aes192 = fetch("AES-192-GCM"), aes256 = fetch("AES-256-GCM");
  if (aes128 == nullptr || aes192 == nullptr || aes256 == nullptr) {
    return OpenSslError("OpenSSL has no AES-GCM for the given context and properties");
  }
  return std::make_shared<OpenSslBackend>(std::move(aes128), std::move(aes192), std::move(aes256));
}

}  // namespace pulseal::crypto
