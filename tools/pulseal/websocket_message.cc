// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/websocket_message.h"

#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "tools/pulseal/metadata_schema.h"
#include "tools/pulseal/websocket_url.h"
#include "tools/pulseal/wire_text.h"

namespace pulseal::tools {
namespace {

// Pulsar's have some 30 bytes. They are remembered, and so mustn't be as long as the endpoint likes.
constexpr size_t kLongestId = 1024;
constexpr const char* kCompressionNames[] = {"NONE", "LZ4", "ZLIB", "ZSTD", "SNAPPY"};

// Null where there is none: the endpoint writes null for what a message hasn't.
const Json& Member(const Json& object, const char* name) {
  static const Json* const null = new Json();
  const auto value = object.find(name);
  return value == object.end() ? *null : *value;
}

absl::StatusOr<std::string> Base64Of(const Json& object, const char* name) {
  std::string bytes;
  const Json& value = Member(object, name);
  if (value.is_null()) return absl::InvalidArgumentError(absl::StrCat("there is no \"", name, "\""));
  if (absl::Status status = TakeBase64(name, value, &bytes); !status.ok()) return status;
  return bytes;
}

// Hands each pair of an object of texts to `take`.
template <typename Take>
absl::Status ReadTexts(const Json& object, const char* name, const Take& take) {
  const Json& texts = Member(object, name);
  if (texts.is_null()) return absl::OkStatus();
  if (!texts.is_object()) return WrongMember(name, "an object of texts");
  for (const auto& [key, value] : texts.items()) {
    if (!value.is_string()) return WrongMember(name, "an object of texts");
    take(key, value.template get_ref<const std::string&>());
  }
  return absl::OkStatus();
}

absl::StatusOr<WrappedKey> ReadWrappedKey(const std::string& key_name, const Json& object) {
  absl::StatusOr<std::string> bytes = Base64Of(object, "keyValue");
  if (!bytes.ok()) return bytes.status();
  WrappedKey key = {key_name, *std::move(bytes), {}};
  absl::Status status = ReadTexts(
      object, "metadata", [&key](const std::string& name, const std::string& value) { key.metadata[name] = value; });
  if (!status.ok()) return status;
  return key;
}

absl::StatusOr<int32_t> ReadCompression(const Json& value) {
  for (size_t i = 0; i < std::size(kCompressionNames); ++i) {
    if (value == kCompressionNames[i]) return static_cast<int32_t>(i);
  }
  return WrongMember("compressionType", "NONE, LZ4, ZLIB, ZSTD or SNAPPY");
}

absl::StatusOr<uint64_t> ReadNumber(const Json& object, const char* name, uint64_t most) {
  const Json& value = Member(object, name);
  if (value.is_number_unsigned() && value.get<uint64_t>() <= most) return value.get<uint64_t>();
  return WrongMember(name, "a number");
}

// In milliseconds since 1970; 0 where there is none.
absl::StatusOr<uint64_t> ReadTime(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  if (value.is_null() || value == "") return uint64_t{0};
  absl::Time time;
  const bool is_time =
      value.is_string() && absl::ParseTime(absl::RFC3339_full, value.get_ref<const std::string&>(), &time, nullptr);
  if (!is_time || time < absl::UnixEpoch()) return WrongMember(name, "a time such as 2025-01-31T12:00:00.000Z");
  return static_cast<uint64_t>(absl::ToUnixMillis(time));
}

absl::StatusOr<EncryptionContext> ReadContext(const Json& object) {
  EncryptionContext context;
  const Json& keys = Member(object, "keys");
  if (!keys.is_object() || keys.empty()) return WrongMember("keys", "an object of wrapped keys");
  for (const auto& [key_name, value] : keys.items()) {
    absl::StatusOr<WrappedKey> key = ReadWrappedKey(key_name, value);
    if (!key.ok()) return key.status();
    context.keys.push_back(*std::move(key));
  }
  absl::StatusOr<std::string> nonce = Base64Of(object, "param");
  if (!nonce.ok()) return nonce.status();
  context.nonce = *std::move(nonce);
  if (const Json& value = Member(object, "compressionType"); !value.is_null()) {
    const absl::StatusOr<int32_t> compression = ReadCompression(value);
    if (!compression.ok()) return compression.status();
    context.compression = *compression;
  }
  if (!Member(object, "uncompressedMessageSize").is_null()) {
    const absl::StatusOr<uint64_t> size = ReadNumber(object, "uncompressedMessageSize", UINT32_MAX);
    if (!size.ok()) return size.status();
    context.uncompressed_size = static_cast<uint32_t>(*size);
  }
  if (!Member(object, "batchSize").is_null()) {
    const absl::StatusOr<uint64_t> messages = ReadNumber(object, "batchSize", INT32_MAX);
    if (!messages.ok()) return messages.status();
    context.num_messages_in_batch = static_cast<int32_t>(*messages);
  }
  return context;
}

absl::StatusOr<framing::MessageMetadata> ReadMetadata(const Json& object) {
  framing::MessageMetadata metadata;
  if (const Json& value = Member(object, "encryptionContext"); !value.is_null()) {
    const absl::StatusOr<EncryptionContext> context = ReadContext(value);
    if (!context.ok()) return context.status();
    absl::StatusOr<framing::MessageMetadata> encrypted = framing::ParseMessageMetadata(context->Serialize());
    if (!encrypted.ok()) return encrypted.status();
    metadata = *std::move(encrypted);
  }
  const absl::StatusOr<uint64_t> publish_time = ReadTime(object, "publishTime");
  if (!publish_time.ok()) return publish_time.status();
  const absl::StatusOr<uint64_t> event_time = ReadTime(object, "eventTime");
  if (!event_time.ok()) return event_time.status();
  metadata.publish_time = *publish_time;
  metadata.event_time = *event_time;
  const Json& key = Member(object, "key");
  if (!key.is_null() && !key.is_string()) return WrongMember("key", "a text");
  if (key.is_string()) metadata.partition_key = key.get<std::string>();
  absl::Status status = ReadTexts(object, "properties", [&metadata](const std::string& name, const std::string& value) {
    metadata.properties.emplace_back(name, value);
  });
  if (!status.ok()) return status;
  return metadata;
}

absl::Status ReadContent(const Json& object, WebSocketMessage* message) {
  absl::StatusOr<std::string> payload = Base64Of(object, "payload");
  if (!payload.ok()) return payload.status();
  const absl::StatusOr<framing::MessageMetadata> metadata = ReadMetadata(object);
  if (!metadata.ok()) return metadata.status();
  message->payload = *std::move(payload);
  message->metadata = metadata->Serialize();
  return absl::OkStatus();
}

}  // namespace

WebSocketMessage WebSocketMessageOf(const Json& object) {
  WebSocketMessage message;
  if (const Json& id = Member(object, "messageId"); id.is_string()) message.message_id = id.get<std::string>();
  message.status = ReadContent(object, &message);
  return message;
}

absl::StatusOr<WebSocketMessage> ReadWebSocketMessage(std::string_view text) {
  const absl::StatusOr<Json> object = ParseJson(text);
  const Json* const id = object.ok() ? &Member(*object, "messageId") : nullptr;
  const bool has_id = id != nullptr && id->is_string() && id->get_ref<const std::string&>().size() <= kLongestId;
  if (has_id) return WebSocketMessageOf(*object);
  return absl::InvalidArgumentError(absl::StrCat("the endpoint sends what is no message: ", WireText(text)));
}

std::string WebSocketAcknowledgement(const std::string& message_id) { return JsonText({{"messageId", message_id}}); }

std::string WebSocketPermit(uint64_t messages) { return JsonText({{"type", "permit"}, {"permitMessages", messages}}); }

absl::Status CheckWebSocketMessage(const framing::SingleMessage& message) {
  if (message.null_value)
    return absl::InvalidArgumentError("is a tombstone, which Pulsar's WebSocket endpoint can't carry");
  if (message.ordering_key.has_value()) {
    return absl::InvalidArgumentError("has an ordering key, which Pulsar's WebSocket endpoint can't carry");
  }
  if (message.partition_key_b64_encoded) {
    return absl::InvalidArgumentError("has a key that is no text, which Pulsar's WebSocket endpoint can't carry");
  }
  if (message.event_time > kLatestTime) return absl::InvalidArgumentError("has an event_time after the year 9999");
  return absl::OkStatus();
}

std::string WebSocketSend(const framing::MessageMetadata& metadata, std::string_view nonce, std::string_view payload,
                          uint64_t number) {
  Json object = {{"payload", Base64(payload)}, {"context", std::to_string(number)}};
  if (!metadata.properties.empty()) {
    Json properties = Json::object();
    for (const auto& [name, value] : metadata.properties) properties[name] = value;
    object["properties"] = std::move(properties);
  }
  if (metadata.partition_key.has_value()) object["key"] = *metadata.partition_key;
  if (metadata.event_time != 0) object["eventTime"] = TimeText(metadata.event_time);
  object["encryptionParam"] = Base64(nonce);
  object["compressionType"] = kCompressionNames[static_cast<size_t>(metadata.compression)];
  object["uncompressedMessageSize"] = metadata.uncompressed_size;
  return JsonText(object);
}

std::string WebSocketKeysParameter(const std::vector<WrappedKey>& keys) {
  Json object = Json::object();
  for (const WrappedKey& key : keys) {
    Json metadata = Json::object();
    for (const auto& [name, value] : key.metadata) metadata[name] = value;
    object[key.key_name] = {{"keyValue", Base64(key.bytes)}, {"metadata", std::move(metadata)}};
  }
  return "encryptionKeys=" + PercentEncoded(Base64(JsonText(object)));
}

absl::StatusOr<WebSocketReceipt> ReadWebSocketReceipt(std::string_view text) {
  const absl::StatusOr<Json> object = ParseJson(text);
  WebSocketReceipt receipt;
  const Json result = object.ok() ? Member(*object, "result") : Json();
  const Json context = object.ok() ? Member(*object, "context") : Json();
  const bool has_context = context.is_string() && absl::SimpleAtoi(context.get<std::string>(), &receipt.number);
  if (!result.is_string()) {
    return absl::InvalidArgumentError(absl::StrCat("the endpoint sends what is no receipt: ", WireText(text)));
  }
  if (result != "ok") {
    const Json error = Member(*object, "errorMsg");
    const std::string why = error.is_string() ? ": " + error.get<std::string>() : "";
    receipt.status = absl::UnavailableError(
        absl::StrCat("the endpoint doesn't take the message: ", WireText(result.get<std::string>() + why, 400)));
  }
  if (!has_context && receipt.status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the endpoint sends a receipt for no message: ", WireText(text)));
  }
  return receipt;
}

}  // namespace pulseal::tools
