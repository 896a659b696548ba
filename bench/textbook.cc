// SPDX-License-Identifier: Apache-2.0
#include "bench/textbook.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "proto/pulsar_metadata.pb.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal::bench {
namespace {

template <typename T, void (*kFree)(T*)>
struct FreeWith {
  void operator()(T* object) const { kFree(object); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX, EVP_MD_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY, EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, FreeWith<BIO, BIO_free_all>>;

constexpr size_t kDataKeySize = 32;

unsigned char* Bytes(char* text) { return reinterpret_cast<unsigned char*>(text); }
const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Bio Memory(std::string_view text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string Md5(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  const DigestContext context(EVP_MD_CTX_new());
  if (EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), text.data(), text.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
    return "";
  }
  return std::string(digest.begin(), digest.begin() + size);
}

// RSAES-OAEP with SHA-1, either direction.
template <int (*kInit)(EVP_PKEY_CTX*),
          int (*kRun)(EVP_PKEY_CTX*, unsigned char*, size_t*, const unsigned char*, size_t)>
bool Oaep(EVP_PKEY* key, std::string_view in, std::string* out) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  size_t size = 0;
  if (kInit(context.get()) != 1 || EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      kRun(context.get(), nullptr, &size, Bytes(in), in.size()) != 1) {
    return false;
  }
  out->assign(size, '\0');
  if (kRun(context.get(), Bytes(out->data()), &size, Bytes(in), in.size()) != 1) return false;
  out->resize(size);
  return true;
}

}  // namespace

TextbookClient::TextbookClient(std::shared_ptr<CryptoKeyReader> reader, std::vector<std::string> key_names)
    : reader_(std::move(reader)), key_names_(std::move(key_names)) {
  if (!Rotate()) std::abort();
}

bool TextbookClient::Rotate() {
  const std::lock_guard<std::mutex> lock(mutex_);
  data_key_.assign(kDataKeySize, '\0');
  if (RAND_bytes(Bytes(data_key_.data()), kDataKeySize) != 1) return false;
  for (const std::string& name : key_names_) {
    const absl::StatusOr<EncryptionKeyInfo> info = reader_->GetPublicKey(name);
    if (!info.ok()) return false;
    const Key key(PEM_read_bio_PUBKEY(Memory(info->pem.view()).get(), nullptr, nullptr, nullptr));
    if (!Oaep<EVP_PKEY_encrypt_init, EVP_PKEY_encrypt>(key.get(), data_key_, &wrapped_keys_[name])) return false;
  }
  return true;
}

bool TextbookClient::Encrypt(std::string_view payload, std::string* out, std::string* fields) {
  const std::lock_guard<std::mutex> lock(mutex_);
  proto::MessageMetadata metadata;
  for (const std::string& name : key_names_) {
    const auto found = wrapped_keys_.find(name);
    if (found == wrapped_keys_.end()) return false;
    proto::EncryptionKeys* const key = metadata.add_encryption_keys();
    key->set_key(name);
    key->set_value(found->second);
  }
  std::array<unsigned char, kNonceSize> nonce;
  if (RAND_bytes(nonce.data(), nonce.size()) != 1) return false;
  metadata.set_encryption_param(nonce.data(), nonce.size());

  const Context context(EVP_CIPHER_CTX_new());
  std::string sealed(payload.size() + kTagSize, '\0');
  char* const tag = sealed.data() + payload.size();
  int size = 0;
  if (EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, nullptr, nullptr) != 1 ||
      EVP_EncryptInit_ex(context.get(), nullptr, nullptr, Bytes(data_key_), nonce.data()) != 1 ||
      EVP_EncryptUpdate(context.get(), Bytes(sealed.data()), &size, Bytes(payload), static_cast<int>(payload.size())) !=
          1 ||
      EVP_EncryptFinal_ex(context.get(), Bytes(tag), &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) != 1) {
    return false;
  }
  *out = std::move(sealed);
  return metadata.SerializePartialToString(fields);
}

bool TextbookClient::Decrypt(std::string_view metadata_bytes, std::string_view payload, std::string* out) {
  const std::lock_guard<std::mutex> lock(mutex_);
  proto::MessageMetadata metadata;
  if (!metadata.ParsePartialFromArray(metadata_bytes.data(), static_cast<int>(metadata_bytes.size()))) return false;
  std::string data_key;
  for (const proto::EncryptionKeys& key : metadata.encryption_keys()) {
    const std::string digest = Md5(key.value());
    const auto found = data_keys_.find(digest);
    if (found != data_keys_.end()) {
      data_key = found->second;
    } else if (Unwrap(key.key(), key.value(), &data_key)) {
      data_keys_[digest] = data_key;
    } else {
      continue;
    }
    break;
  }
  if (data_key.size() != kDataKeySize || metadata.encryption_param().size() != kNonceSize) return false;

  const std::string_view ciphertext = payload.substr(0, payload.size() - kTagSize);
  std::array<char, kTagSize> tag;
  payload.copy(tag.data(), tag.size(), ciphertext.size());
  const Context context(EVP_CIPHER_CTX_new());
  std::string plaintext(ciphertext.size(), '\0');
  unsigned char nothing;
  int size = 0;
  if (EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, nullptr, nullptr) != 1 ||
      EVP_DecryptInit_ex(context.get(), nullptr, nullptr, Bytes(data_key), Bytes(metadata.encryption_param())) != 1 ||
      EVP_DecryptUpdate(context.get(), Bytes(plaintext.data()), &size, Bytes(ciphertext),
                        static_cast<int>(ciphertext.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(context.get(), &nothing, &size) != 1) {
    return false;
  }
  *out = std::move(plaintext);
  return true;
}

void TextbookClient::Learn(std::string_view metadata_bytes, std::string data_key) {
  proto::MessageMetadata metadata;
  metadata.ParsePartialFromArray(metadata_bytes.data(), static_cast<int>(metadata_bytes.size()));
  data_keys_[Md5(metadata.encryption_keys(0).value())] = std::move(data_key);
}

void TextbookClient::Forget() {
  const std::lock_guard<std::mutex> lock(mutex_);
  data_keys_.clear();
}

bool TextbookClient::Unwrap(const std::string& key_name, const std::string& wrapped, std::string* data_key) {
  const absl::StatusOr<std::vector<EncryptionKeyInfo>> infos = reader_->GetPrivateKeys(key_name, {});
  if (!infos.ok()) return false;
  const Key key(PEM_read_bio_PrivateKey(Memory(infos->front().pem.view()).get(), nullptr, nullptr, nullptr));
  return key != nullptr && Oaep<EVP_PKEY_decrypt_init, EVP_PKEY_decrypt>(key.get(), wrapped, data_key);
}

}  // namespace pulseal::bench
