// SPDX-License-Identifier: Apache-2.0
#include "examples/pulsar_client/json_lines.h"

#include <unistd.h>

#include <boost/asio/read_until.hpp>
#include <cstdio>
#include <istream>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "examples/pulsar_client/error.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/compression.h"

namespace pulsar_client {

namespace framing = pulseal::framing;
using Json = nlohmann::ordered_json;

namespace {

absl::string_view AsAbsl(std::string_view text) { return {text.data(), text.size()}; }
std::string Base64(std::string_view bytes) { return absl::Base64Escape(AsAbsl(bytes)); }

// The text of a member; nothing where it isn't there.
absl::Status TakeText(const Json& object, const char* name, std::string* text, bool* is_there) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return absl::OkStatus();
  if (!member->is_string()) return Error(absl::StatusCode::kInvalidArgument, "\"", name, "\" isn't a text");
  *text = member->get<std::string>();
  *is_there = true;
  return absl::OkStatus();
}

absl::Status TakeBase64(const Json& object, const char* name, std::string* bytes, bool* is_there) {
  std::string text;
  absl::Status status = TakeText(object, name, &text, is_there);
  if (!status.ok() || !*is_there) return status;
  if (absl::Base64Unescape(text, bytes)) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "\"", name, "\" isn't base64");
}

absl::Status TakeProperties(const Json& object, std::vector<std::pair<std::string, std::string>>* properties) {
  const auto member = object.find("properties");
  if (member == object.end()) return absl::OkStatus();
  const absl::Status wrong = Error(absl::StatusCode::kInvalidArgument, "\"properties\" isn't an object of texts");
  if (!member->is_object()) return wrong;
  for (const auto& [name, value] : member->items()) {
    if (!value.is_string()) return wrong;
    properties->emplace_back(name, value.get<std::string>());
  }
  return absl::OkStatus();
}

// All that is needed to decrypt the payload later; "metadata_base64" is the same for a program.
Json ToJson(const pulseal::EncryptionContext& context) {
  Json keys = Json::array();
  for (const pulseal::WrappedKey& key : context.keys) {
    keys.push_back({{"name", key.key_name}, {"value_base64", Base64(key.bytes)}, {"metadata", key.metadata}});
  }
  const auto compression = static_cast<framing::Compression>(context.compression);
  Json object = {{"keys", keys},
                 {"nonce_base64", Base64(context.nonce)},
                 {"algorithm", context.algorithm},
                 {"compression", framing::CompressionName(compression)},
                 {"uncompressed_size", context.uncompressed_size},
                 {"batch_size", nullptr},
                 {"metadata_base64", Base64(context.Serialize())}};
  if (context.num_messages_in_batch.has_value()) object["batch_size"] = *context.num_messages_in_batch;
  if (context.num_chunks > 1) {
    object["chunk"] = {{"uuid", context.chunk_uuid}, {"id", context.chunk_id}, {"of", context.num_chunks}};
  }
  return object;
}

std::string ToText(const wire::MessageId& id, int batch_index) {
  return absl::StrCat(id.ledger_id(), ":", id.entry_id(), ":", id.partition(), ":", batch_index);
}

std::string Dump(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

void AddMessage(const framing::SingleMessage& message, Json* object) {
  Json& properties = (*object)["properties"] = Json::object();
  for (const auto& [name, value] : message.properties) properties[std::string(name)] = std::string(value);
  (*object)["key"] = nullptr;
  if (message.partition_key.has_value()) {
    (*object)[message.partition_key_b64_encoded ? "key_base64" : "key"] = std::string(*message.partition_key);
  }
  if (message.ordering_key.has_value()) (*object)["ordering_key_base64"] = Base64(*message.ordering_key);
  if (message.null_value) (*object)["null"] = true;
  (*object)["event_time"] = message.event_time;
}

}  // namespace

framing::SingleMessage InputMessage::View() const {
  framing::SingleMessage message;
  message.payload = payload;
  message.properties.assign(properties.begin(), properties.end());
  if (has_key || key_is_base64) message.partition_key = key;
  message.partition_key_b64_encoded = key_is_base64;
  if (has_ordering_key) message.ordering_key = ordering_key;
  message.null_value = null_value;
  message.event_time = event_time;
  return message;
}

absl::StatusOr<InputMessage> ParseMessage(const std::string& line) {
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Error(absl::StatusCode::kInvalidArgument, "isn't a JSON object");
  InputMessage message;
  bool has_payload = false;
  absl::Status status = TakeBase64(object, "payload_base64", &message.payload, &has_payload);
  if (status.ok()) status = TakeText(object, "key", &message.key, &message.has_key);
  if (status.ok()) status = TakeText(object, "key_base64", &message.key, &message.key_is_base64);
  if (status.ok()) {
    status = TakeBase64(object, "ordering_key_base64", &message.ordering_key, &message.has_ordering_key);
  }
  if (status.ok()) status = TakeProperties(object, &message.properties);
  if (!status.ok()) return status;
  if (const auto time = object.find("event_time"); time != object.end() && !time->is_null()) {
    if (!time->is_number_unsigned()) return Error(absl::StatusCode::kInvalidArgument, "\"event_time\" isn't a time");
    message.event_time = time->get<uint64_t>();
  }
  const auto null = object.find("null");
  message.null_value = null != object.end() && null->is_boolean() && null->get<bool>();
  if (has_payload == message.null_value) {
    return Error(absl::StatusCode::kInvalidArgument, "needs one of \"payload_base64\" and \"null\": true");
  }
  return message;
}

std::string ToLine(const Delivery& delivery) {
  const framing::Outcome& outcome = delivery.outcome;
  const bool is_ciphertext = delivery.message == nullptr;
  const framing::SingleMessage message =
      is_ciphertext ? framing::MessageAlone(outcome.metadata, outcome.decision.payload) : *delivery.message;
  Json object = {{"message_id", ToText(delivery.id, delivery.batch_index)},
                 {"payload_base64", Base64(message.payload)}};
  AddMessage(message, &object);
  object["producer"] = outcome.metadata.producer_name;
  object["sequence"] = message.sequence_id.value_or(outcome.metadata.sequence_id);
  object["encrypted"] = outcome.decision.was_encrypted;
  if (is_ciphertext) {
    object["encrypted_delivery"] = true;
    const auto context = pulseal::ParseEncryptionContext(delivery.metadata);
    if (context.ok()) object["context"] = ToJson(*context);
  }
  return Dump(object);
}

std::string ToLine(const wire::MessageId& id, int batch_index) {
  return Dump({{"message_id", ToText(id, batch_index)}});
}

StandardInput::StandardInput(boost::asio::io_context& io) : input_(io, dup(STDIN_FILENO)) { Read(); }

void StandardInput::Read() {
  has_line_ = false;
  boost::asio::async_read_until(input_, buffer_, '\n', [this](const boost::system::error_code& error, size_t) {
    has_line_ = !error || buffer_.size() > 0;  // the last line may lack its end
    ended_ = !has_line_;
  });
}

std::optional<std::string> StandardInput::Next() {
  if (ended_) return std::nullopt;
  std::istream stream(&buffer_);
  std::string line;
  std::getline(stream, line);
  Read();
  return line;
}

absl::Status Print(const std::string& line) {
  const bool is_written = std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0;
  return is_written ? absl::OkStatus() : Error(absl::StatusCode::kUnavailable, "standard output can't be written to");
}

}  // namespace pulsar_client
