// SPDX-License-Identifier: Apache-2.0
//
// A client that has a metadata class of its own and keeps it: Pulseal reads it through a view, and no message is
// serialised for it.
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pulseal/message_crypto.h"

namespace {

// The client's own, as its protocol layer fills it from the wire; only what has to do with encryption is shown.
struct OwnMetadata {
  struct Key {
    std::string name, value;
    std::vector<std::pair<std::string, std::string>> metadata;
  };
  std::map<std::string, std::string> properties;
  std::vector<Key> encryption_keys;
  std::string encryption_param;
  bool has_batch_size = false;
  int batch_size = 1;
};

struct OwnMessage {
  OwnMetadata metadata;
  std::string payload;
};

// What Pulseal asks of it. Reused for each message, so that it allocates nothing once it is large enough.
class CryptoView {
 public:
  const pulseal::MessageMetadataView& Fill(const OwnMetadata& metadata) {
    pairs_.resize(metadata.encryption_keys.size());
    keys_.clear();
    for (size_t i = 0; i < metadata.encryption_keys.size(); ++i) {
      const OwnMetadata::Key& key = metadata.encryption_keys[i];
      pairs_[i].assign(key.metadata.begin(), key.metadata.end());
      keys_.push_back({key.name, key.value, pairs_[i]});
    }
    view_ = pulseal::MessageMetadataView();
    view_.keys = keys_;
    view_.nonce = metadata.encryption_param;
    if (metadata.has_batch_size) view_.num_messages_in_batch = metadata.batch_size;  // absent is not the same as 1
    return view_;
  }

 private:
  std::vector<std::vector<std::pair<std::string_view, std::string_view>>> pairs_;
  std::vector<pulseal::WrappedKeyView> keys_;
  pulseal::MessageMetadataView view_;
};

// Stands for the way through a broker: the client's own parser would fill the class from the bytes that were sent.
OwnMessage Receive(std::string_view fields, std::string_view payload) {
  const pulseal::EncryptionContext sent = *pulseal::ParseEncryptionContext(fields);
  OwnMessage message;
  for (const pulseal::WrappedKey& key : sent.keys) {
    message.metadata.encryption_keys.push_back({key.key_name, key.bytes, {key.metadata.begin(), key.metadata.end()}});
  }
  message.metadata.encryption_param = sent.nonce;
  message.payload = std::string(payload);
  return message;
}

OwnMessage Produce(const std::string& text) {
  pulseal::EncryptorOptions options;
  options.key_names = {"demo-alice"};
  options.key_reader = pulseal::KeyDirectory("keys");
  auto encryptor = pulseal::MessageEncryptor::Create(std::move(options));
  if (!encryptor.ok()) {
    std::cerr << encryptor.status() << "\n";
    exit(1);
  }
  std::string payload, fields;
  const auto sealed = (*encryptor)->Encrypt(text, &payload, &fields);
  return Receive(sealed->fields, sealed->payload);
}

}  // namespace

int main() {
  const OwnMessage message = Produce("read through a view of the client's own class");

  pulseal::DecryptorOptions options;
  options.key_reader = pulseal::KeyDirectory("keys");
  const auto decryptor = pulseal::MessageDecryptor::Create(std::move(options));
  if (!decryptor.ok()) {
    std::cerr << decryptor.status() << "\n";
    return 1;
  }
  CryptoView view;
  std::vector<char> buffer(message.payload.size());  // the client's, from its pool
  const pulseal::Decision decision =
      (*decryptor)->Decrypt(view.Fill(message.metadata), message.payload, absl::MakeSpan(buffer));
  if (decision.action != pulseal::Decision::Action::kDeliver) {
    std::cerr << decision.status << "\n";
    return 1;
  }
  std::cout << decision.key_name << ": " << decision.payload << "\n";
  return 0;
}
