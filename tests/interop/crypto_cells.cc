// SPDX-License-Identifier: Apache-2.0
//
// Pulseal's side of crypto_cells.py, on the public API: one JSON object a line in, one a line out, as crypto_cells.py says.
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pulseal/key_pair.h"
#include "pulseal/message_crypto.h"
#include "pulseal/version.h"

namespace pulseal {
namespace {

using Json = nlohmann::json;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::string bytes(file ? static_cast<size_t>(file.tellg()) : 0, '\0');
  if (!file.seekg(0).read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw std::runtime_error("can't read " + path);
  }
  return bytes;
}

void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  if (!file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush()) {
    throw std::runtime_error("can't write " + path);
  }
}

void ThrowUnlessOk(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

// The keys of one request. Remembers the key metadata that came with the messages.
class CellKeys final : public CryptoKeyReader {
 public:
  explicit CellKeys(Json keys) : keys_(std::move(keys)) {}

  absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string& key_name) override {
    const Json& key = keys_.at(key_name);
    EncryptionKeyInfo info;
    info.pem = SecretBytes::CopyOf(ReadFile(key.at("file")));
    info.metadata = key.at("metadata").get<KeyMetadata>();
    return info;
  }

  absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string& key_name,
                                                                const KeyMetadata& metadata) override {
    if (!keys_.contains(key_name)) return absl::NotFoundError("no such key here");
    const std::lock_guard<std::mutex> lock(mutex_);
    metadata_seen_[key_name] = metadata;
    std::vector<EncryptionKeyInfo> keys(1);
    keys[0].pem = SecretBytes::CopyOf(ReadFile(keys_[key_name].at("file")));
    return keys;
  }

  Json MetadataSeen() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return metadata_seen_;
  }

 private:
  const Json keys_;
  std::mutex mutex_;
  Json metadata_seen_ = Json::object();
};

// What a client has in its metadata before it encrypts: producer_name, sequence_id, publish_time, uncompressed_size.
std::string ClientMetadata(uint64_t sequence_id, size_t size) {
  EncryptionContext context;
  context.producer_name = "cells";
  context.sequence_id = sequence_id;
  context.publish_time = 1700000000000;
  context.uncompressed_size = static_cast<uint32_t>(size);
  return context.Serialize();
}

Json Encrypt(const Json& request) {
  EncryptorOptions options;
  options.key_names = request.at("to").get<std::vector<std::string>>();
  options.key_reader = std::make_shared<CellKeys>(request.at("keys"));
  auto encryptor = MessageEncryptor::Create(std::move(options));
  ThrowUnlessOk(encryptor.status());
  uint64_t sequence_id = 0;
  for (const Json& message : request.at("messages")) {
    if (sequence_id == request.at("rotate_before")) ThrowUnlessOk((*encryptor)->Rotate());
    const std::string plaintext = ReadFile(message.at("in"));
    std::string payload, fields;
    const auto sealed = (*encryptor)->Encrypt(plaintext, &payload, &fields);
    ThrowUnlessOk(sealed.status());
    WriteFile(message.at("out"), sealed->payload);
    WriteFile(message.at("out").get<std::string>() + ".metadata",
              ClientMetadata(sequence_id++, plaintext.size()).append(sealed->fields));
  }
  return Json::object();
}

Json Decrypt(const Json& request) {
  const auto keys = std::make_shared<CellKeys>(request.at("keys"));
  DecryptorOptions options;
  options.key_reader = keys;
  options.require_encryption = true;
  const auto decryptor = MessageDecryptor::Create(std::move(options));
  ThrowUnlessOk(decryptor.status());
  Json errors = Json::array();
  for (const Json& message : request.at("messages")) {
    const std::string metadata = ReadFile(message.at("in").get<std::string>() + ".metadata");
    std::string plaintext;
    const Decision decision = (*decryptor)->Decrypt(metadata, ReadFile(message.at("in")), &plaintext);
    if (decision.status.ok()) WriteFile(message.at("out"), decision.payload);
    errors.push_back(std::string(decision.status.message()));
  }
  return {{"errors", errors}, {"key_metadata", keys->MetadataSeen()}};
}

Json MakeKeys(const Json& request) {
  static const std::map<std::string, KeyType> kTypes = {
      {"rsa-2048", KeyType::kRsa2048}, {"rsa-3072", KeyType::kRsa3072}, {"rsa-4096", KeyType::kRsa4096},
      {"p-256", KeyType::kP256},       {"p-384", KeyType::kP384},       {"p-521", KeyType::kP521}};
  const auto pair = GenerateKeyPair(kTypes.at(request.at("type")));
  ThrowUnlessOk(pair.status());
  WriteFile(request.at("public_file"), pair->public_pem);
  WriteFile(request.at("private_file"), pair->private_pem.view());
  return Json::object();
}

Json Answer(const Json& request) {
  const std::string op = request.at("op");
  if (op == "encrypt") return Encrypt(request);
  if (op == "decrypt") return Decrypt(request);
  if (op == "keygen") return MakeKeys(request);
  return {{"version", std::string("Pulseal ") + Version()}};
}

void Run() {
  for (std::string line; std::getline(std::cin, line);) {
    Json answer;
    try {
      answer = Answer(Json::parse(line));
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
}

}  // namespace
}  // namespace pulseal

int main() {
  pulseal::Run();
  return 0;
}
