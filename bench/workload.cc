// SPDX-License-Identifier: Apache-2.0
#include "bench/workload.h"

#include <map>
#include <mutex>
#include <utility>

#include "pulseal/framing/message_metadata.h"

namespace pulseal::bench {

const KeyPair& KeyPairOf(KeyType type) {
  static auto* const pairs = new std::map<KeyType, KeyPair>;
  const auto found = pairs->find(type);
  if (found != pairs->end()) return found->second;
  absl::StatusOr<KeyPair> pair = GenerateKeyPair(type);
  if (!pair.ok()) std::abort();
  return pairs->emplace(type, *std::move(pair)).first->second;
}

std::shared_ptr<CryptoKeyReader> RsaReader(const std::vector<std::string>& public_names,
                                           const std::vector<std::string>& private_names) {
  const KeyPair& pair = KeyPairOf(KeyType::kRsa2048);
  std::map<std::string, std::string> public_pems;
  std::multimap<std::string, SecretBytes> private_pems;
  for (const std::string& name : public_names) public_pems.emplace(name, pair.public_pem);
  for (const std::string& name : private_names) {
    private_pems.emplace(name, SecretBytes::CopyOf(pair.private_pem.view()));
  }
  return KeysInMemory(std::move(public_pems), std::move(private_pems));
}

std::vector<std::string> OneName() { return {"rsa-2048"}; }

std::shared_ptr<CryptoKeyReader> OneRecipient() {
  static const auto* const reader = new std::shared_ptr<CryptoKeyReader>(RsaReader(OneName(), OneName()));
  return *reader;
}

std::string Text(size_t size) {
  std::string text;
  for (uint32_t random = 1; text.size() < size;) {
    random = random * 1664525 + 1013904223;
    text += R"({"order":)" + std::to_string(random) + R"(,"customer":"customer-)" + std::to_string(random % 977) +
            R"(","status":"shipped","amount":)" + std::to_string(random % 100'000) + "}\n";
  }
  text.resize(size);
  return text;
}

Buffers& BuffersFor(size_t size, int thread) {
  static auto* const mutex = new std::mutex;
  static auto* const all = new std::map<std::pair<size_t, int>, Buffers>;
  const std::lock_guard<std::mutex> lock(*mutex);
  Buffers& buffers = (*all)[{size, thread}];
  if (!buffers.fields.empty()) return buffers;
  buffers = {Text(size), std::string(size + MessageEncryptor::kPayloadOverhead, '\0'), std::string(size, '\0'),
             std::string(kMaxFieldsSize, '\0')};
  return buffers;
}

std::string ClientMetadata(size_t payload_size) {
  framing::MessageMetadata metadata;
  metadata.producer_name = "standalone-0-17";
  metadata.sequence_id = 123'456;
  metadata.publish_time = 1'700'000'000'000;
  metadata.uncompressed_size = static_cast<uint32_t>(payload_size);
  return metadata.Serialize();
}

SealedMessage Seal(MessageEncryptor& encryptor, std::string_view plaintext) {
  SealedMessage message;
  std::string fields;
  if (!encryptor.Encrypt(plaintext, &message.payload, &fields).ok()) std::abort();
  message.metadata = ClientMetadata(plaintext.size()) + fields;
  return message;
}

std::string Name(std::string_view first, std::string_view second, std::string_view third, std::string_view fourth) {
  std::string name(first);
  for (const std::string_view part : {second, third, fourth}) {
    if (!part.empty()) name.append("/").append(part);
  }
  return name;
}

}  // namespace pulseal::bench
