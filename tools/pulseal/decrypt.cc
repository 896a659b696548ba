// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "pulseal/framing/entry_consumer.h"
#include "pulseal/message_crypto.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/input_file.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/private_keys.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

constexpr size_t kMaxInputSize = 64 * 1024 * 1024;

struct Arguments {
  std::string file = "-";
  PrivateKeyArguments keys;
};

// A payload and its metadata, serialised.
struct Sample {
  std::string metadata, payload;
};

absl::StatusOr<std::string> Base64Of(const Json& object, const char* name) {
  std::string bytes;
  const auto value = object.find(name);
  if (value == object.end()) return absl::InvalidArgumentError(absl::StrCat("there is no \"", name, "\""));
  if (!value->is_string() || !absl::Base64Unescape(value->get_ref<const std::string&>(), &bytes)) {
    return WrongMember(name, "base64");
  }
  return bytes;
}

absl::StatusOr<WrappedKey> ReadWrappedKey(const std::string& key_name, const Json& object) {
  absl::StatusOr<std::string> bytes = Base64Of(object, "keyValue");
  if (!bytes.ok()) return bytes.status();
  WrappedKey key = {key_name, *std::move(bytes), {}};
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || metadata->is_null()) return key;
  if (!metadata->is_object()) return WrongMember("metadata", "an object of texts");
  for (const auto& [name, value] : metadata->items()) {
    if (!value.is_string()) return WrongMember("metadata", "an object of texts");
    key.metadata[name] = value.get<std::string>();
  }
  return key;
}

absl::StatusOr<int32_t> ReadCompression(const Json& value) {
  static constexpr const char* kNames[] = {"NONE", "LZ4", "ZLIB", "ZSTD", "SNAPPY"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (value == kNames[i]) return static_cast<int32_t>(i);
  }
  return WrongMember("compressionType", "NONE, LZ4, ZLIB, ZSTD or SNAPPY");
}

// The encryptionContext of a frame from Pulsar's WebSocket endpoint.
absl::StatusOr<EncryptionContext> ReadWebSocketContext(const Json& object) {
  EncryptionContext context;
  const auto keys = object.find("keys");
  if (keys == object.end() || !keys->is_object() || keys->empty())
    return WrongMember("keys", "an object of wrapped keys");
  for (const auto& [key_name, value] : keys->items()) {
    absl::StatusOr<WrappedKey> key = ReadWrappedKey(key_name, value);
    if (!key.ok()) return key.status();
    context.keys.push_back(*std::move(key));
  }
  absl::StatusOr<std::string> nonce = Base64Of(object, "param");
  if (!nonce.ok()) return nonce.status();
  context.nonce = *std::move(nonce);
  if (const auto value = object.find("compressionType"); value != object.end() && !value->is_null()) {
    const absl::StatusOr<int32_t> compression = ReadCompression(*value);
    if (!compression.ok()) return compression.status();
    context.compression = *compression;
  }
  if (const auto value = object.find("uncompressedMessageSize"); value != object.end() && !value->is_null()) {
    if (!value->is_number_unsigned() || value->get<uint64_t>() > UINT32_MAX)
      return WrongMember("uncompressedMessageSize", "a size");
    context.uncompressed_size = value->get<uint32_t>();
  }
  if (const auto value = object.find("batchSize"); value != object.end() && !value->is_null()) {
    if (!value->is_number_unsigned() || value->get<uint64_t>() > INT32_MAX) return WrongMember("batchSize", "a number");
    context.num_messages_in_batch = value->get<int32_t>();
  }
  return context;
}

absl::StatusOr<Sample> ReadSample(const std::string& text) {
  const Json object = ParseJson(text);
  if (!object.is_object())
    return absl::InvalidArgumentError("not one JSON object; of several lines give one (sed -n 1p)");
  const auto websocket_context = object.find("encryptionContext");
  const bool is_websocket = websocket_context != object.end();
  absl::StatusOr<std::string> payload = Base64Of(object, is_websocket ? "payload" : "payload_base64");
  if (!payload.ok()) return payload.status();
  if (!is_websocket) {
    absl::StatusOr<std::string> context = Base64Of(object, "context");
    if (!context.ok()) return context.status();
    return Sample{*std::move(context), *std::move(payload)};
  }
  const absl::StatusOr<EncryptionContext> context = ReadWebSocketContext(*websocket_context);
  if (!context.ok()) return context.status();
  return Sample{context->Serialize(), *std::move(payload)};
}

absl::StatusOr<std::unique_ptr<MessageDecryptor>> MakeDecryptor(const Arguments& arguments) {
  absl::StatusOr<std::shared_ptr<KeyWrapper>> keys = OpenPrivateKeys(arguments.keys);
  if (!keys.ok()) return keys.status();
  DecryptorOptions options;
  options.key_wrapper = *std::move(keys);
  options.require_encryption = true;
  return MessageDecryptor::Create(std::move(options));
}

ExitCode Refused(const absl::Status& status) {
  Report(std::string(status.message()));
  return ExitCode::kMessagesLeft;
}

// A chunk alone is a piece of what was compressed: all there is to do is decrypt it.
ExitCode WriteChunk(const EncryptionContext& context, const Sample& sample, MessageDecryptor& decryptor) {
  SecretBytes plaintext = SecretBytes::OfSize(sample.payload.size());
  const Decision decision = decryptor.Decrypt(sample.metadata, sample.payload, plaintext.mutable_span());
  if (decision.action != Decision::Action::kDeliver) return Refused(decision.status);
  Report(absl::StrCat("chunk ", int64_t{context.chunk_id} + 1, " of ", context.num_chunks, " of a message",
                      context.compression == 0 ? "" : ", compressed"));
  const absl::Status status = Print(decision.payload);
  return status.ok() ? ExitCode::kDone : EnvironmentFailure(status);
}

ExitCode WriteMessages(const Sample& sample, MessageDecryptor& decryptor) {
  framing::EntryConsumerOptions options;
  options.max_message_size = kMaxInputSize;
  framing::EntryConsumer consumer(decryptor, options);
  const framing::Consumed consumed = consumer.Consume(sample.metadata, sample.payload, 0, std::chrono::nanoseconds(0));
  for (const framing::Outcome& outcome : consumed.outcomes) {
    if (outcome.decision.action != Decision::Action::kDeliver) return Refused(outcome.decision.status);
    framing::MessageReader messages(outcome);
    for (framing::SingleMessage message; messages.Next(&message);) {
      absl::Status status = Print(message.payload);
      if (status.ok() && messages.batch_index() >= 0) status = Print("\n");
      if (!status.ok()) return EnvironmentFailure(status);
    }
  }
  return ExitCode::kDone;
}

ExitCode Run(const Arguments& arguments) {
  absl::StatusOr<InputFile> file = InputFile::Open(arguments.file);
  if (!file.ok()) return EnvironmentFailure(file.status());
  const absl::StatusOr<std::string> text = file->ReadAll(kMaxInputSize);
  if (!text.ok()) return EnvironmentFailure(text.status());
  const absl::StatusOr<Sample> sample = ReadSample(*text);
  if (!sample.ok())
    return Refused(absl::InvalidArgumentError(absl::StrCat(file->name(), ": ", sample.status().message())));
  const absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(sample->metadata);
  if (!context.ok()) return Refused(context.status());
  const auto decryptor = MakeDecryptor(arguments);
  if (!decryptor.ok()) return EnvironmentFailure(decryptor.status());
  return context->num_chunks > 1 ? WriteChunk(*context, *sample, **decryptor) : WriteMessages(*sample, **decryptor);
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("FILE", arguments->file, "The JSON object; - is standard input")->capture_default_str();
  DefinePrivateKeys(app, arguments->keys);
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kDecryptCommand = {
    "decrypt", "Read one message that was kept because its key wasn't there",
    "Takes one JSON object: a line of \"pulseal consume --on-failure consume --format jsonl\" (payload_base64 and\n"
    "context), or a frame of Pulsar's WebSocket endpoint from a consumer with cryptoFailureAction=CONSUME (payload "
    "and\n"
    "encryptionContext). Writes the message to standard output as it is, decrypted and decompressed; the messages of "
    "a\n"
    "batch with a line feed after each. A message that can't be read ends with 1.\n\n"
    "Example: pulseal consume orders.topic --on-failure consume --format jsonl > kept.jsonl\n"
    "         head -1 kept.jsonl | pulseal decrypt --key-dir other-keys",
    Define};

}  // namespace pulseal::tools
