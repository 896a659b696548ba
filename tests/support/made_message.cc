// SPDX-License-Identifier: Apache-2.0
#include "tests/support/made_message.h"

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "lib/crypto/aead.h"
#include "tests/support/fake_key_wrapper.h"

namespace pulseal::testing {

std::string SealPayload(std::string_view plaintext, std::string_view data_key, std::string_view nonce) {
  static const auto& backend = *new auto(crypto::OpenSslAead({}));
  if (!backend.ok()) abort();
  auto context = (*backend)->NewContext(data_key);
  if (!context.ok()) {
    fprintf(stderr, "%zu bytes are no AES key\n", data_key.size());
    abort();
  }
  std::string sealed(plaintext.size() + kTagSize, '\0');
  if ((*context)->Seal(nonce.data(), "", plaintext, sealed.data()) != crypto::AeadResult::kOk) abort();
  return sealed;
}

std::optional<std::string> SealPayloadFor(std::string_view metadata, std::string_view plaintext) {
  const absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(metadata);
  if (!context.ok() || context->keys.empty() || context->nonce.size() != kNonceSize) return std::nullopt;
  const std::string data_key = FakeKeyWrapper::DataKeyIn(context->keys[0].bytes);
  if (data_key.size() != 16 && data_key.size() != 24 && data_key.size() != 32) return std::nullopt;
  return SealPayload(plaintext, data_key, context->nonce);
}

std::string MadeMessage::metadata() const {
  EncryptionContext context;
  context.keys = keys;
  context.nonce = nonce;
  context.producer_name = "a producer";
  context.sequence_id = 7;
  context.publish_time = 1700000000000;
  context.num_messages_in_batch = num_messages_in_batch;
  context.num_chunks = num_chunks;
  context.chunk_id = chunk_id;
  return context.Serialize();
}

MadeMessage Seal(std::string_view plaintext, const std::vector<std::string>& key_names, std::string_view data_key) {
  MadeMessage message;
  for (const std::string& name : key_names) {
    message.keys.push_back(WrappedKey{name, FakeKeyWrapper::WrappedBytes(data_key), {}});
  }
  message.payload = SealPayload(plaintext, data_key, message.nonce);
  return message;
}

ViewOf::ViewOf(const MadeMessage& message) : key_metadata_(message.keys.size()) {
  for (size_t i = 0; i < message.keys.size(); ++i) {
    const WrappedKey& key = message.keys[i];
    key_metadata_[i].assign(key.metadata.begin(), key.metadata.end());
    keys_.push_back(WrappedKeyView{key.key_name, key.bytes, key_metadata_[i]});
  }
  view_.keys = keys_;
  view_.nonce = message.nonce;
  view_.num_messages_in_batch = message.num_messages_in_batch;
  view_.num_chunks = message.num_chunks;
}

}  // namespace pulseal::testing
