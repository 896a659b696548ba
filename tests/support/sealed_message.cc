// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sealed_message.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <iostream>

#include "pulseal/encryption_metadata.h"
#include "tests/support/fake_key_wrapper.h"

namespace pulseal::testing {
namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "OpenMessage: " << what << "\n";
  std::abort();
}

const unsigned char* Bytes(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string OpenAesGcm(const std::string& key, const std::string& nonce, std::string_view sealed) {
  Require(sealed.size() >= kTagSize && key.size() == 32 && nonce.size() == kNonceSize, "sizes");
  std::string ciphertext(sealed.substr(0, sealed.size() - kTagSize));
  std::string tag(sealed.substr(ciphertext.size()));
  std::string plaintext(ciphertext.size() + 1, '\0');
  int written = 0;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  const bool opened =
      EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(nonce)) == 1 &&
      EVP_DecryptUpdate(context, reinterpret_cast<unsigned char*>(&plaintext[0]), &written, Bytes(ciphertext),
                        static_cast<int>(ciphertext.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagSize), &tag[0]) == 1 &&
      EVP_DecryptFinal_ex(context, reinterpret_cast<unsigned char*>(&plaintext[0]) + written, &written) == 1;
  EVP_CIPHER_CTX_free(context);
  Require(opened, "the tag doesn't match");
  plaintext.resize(ciphertext.size());
  return plaintext;
}

}  // namespace

OpenedMessage OpenMessage(const Sealed& sealed) {
  const absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(sealed.fields);
  Require(context.ok() && !context->keys.empty(), "no wrapped keys");
  OpenedMessage opened;
  opened.nonce = context->nonce;
  for (const WrappedKey& key : context->keys) {
    const std::string data_key = FakeKeyWrapper::DataKeyIn(key.bytes);
    Require(opened.data_key.empty() || opened.data_key == data_key, "wrapped keys of different data keys");
    opened.data_key = data_key;
    opened.key_names.push_back(key.key_name);
    opened.key_metadata.push_back(key.metadata);
  }
  opened.plaintext = OpenAesGcm(opened.data_key, opened.nonce, sealed.payload);
  return opened;
}

}  // namespace pulseal::testing
