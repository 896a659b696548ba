// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/message_output.h"

#include <string>

#include "tools/pulseal/json_line.h"

namespace pulseal::tools {
namespace {

// As text where it is text, otherwise in base64, under a name that says so.
void AddBytes(const std::string& name, std::string_view bytes, Json& object) {
  if (IsUtf8(bytes)) {
    object[name] = bytes;
  } else {
    object[name + "_base64"] = Base64(bytes);
  }
}

// Each message of a batch repeats the name, so that it is cut where it is longer than a key name may be.
void AddProducer(std::string_view name, Json& object) {
  AddBytes("producer", Beginning(name, kMaxKeyNameSize), object);
  if (name.size() > kMaxKeyNameSize) object["producer_size"] = name.size();
}

void AddPlace(const Place& place, Json& object) {
  if (!place.message_id.empty()) {
    object["message_id"] = place.message_id;
    return;
  }
  if (place.entry_number == 0) return;
  object["entry"] = place.entry_number;
  object["offset"] = place.offset;
}

using Properties = decltype(framing::SingleMessage::properties);

// Behind each other, without looking for a name that comes twice: there may be a thousand, of anybody's choice.
Json ToJson(const Properties& properties) {
  Json::object_t object;
  for (const auto& [name, value] : properties) object.emplace_back(std::string(name), value);
  return object;
}

Json ToJson(const Place& place, const framing::Outcome& outcome, const framing::SingleMessage& message,
            int32_t batch_index) {
  Json object;
  AddPlace(place, object);
  if (batch_index >= 0) object["batch_index"] = batch_index;
  // The WebSocket endpoint tells neither of an entry; a batch has its messages' numbers in itself.
  const bool has_producer = place.message_id.empty();
  if (has_producer) AddProducer(outcome.metadata.producer_name, object);
  if (has_producer || batch_index >= 0) {
    object["sequence_id"] = message.sequence_id.value_or(outcome.metadata.sequence_id);
  }
  object["publish_time"] = outcome.metadata.publish_time;
  if (message.event_time != 0) object["event_time"] = message.event_time;
  object["encrypted"] = outcome.decision.was_encrypted;
  if (outcome.decision.was_encrypted) AddBytes("key_name", outcome.decision.key_name, object);
  if (message.partition_key.has_value()) {
    const bool is_base64 = message.partition_key_b64_encoded;
    is_base64 ? void(object["key_base64"] = *message.partition_key) : AddBytes("key", *message.partition_key, object);
  }
  if (message.ordering_key.has_value()) object["ordering_key_base64"] = Base64(*message.ordering_key);
  if (!message.properties.empty()) object["properties"] = ToJson(message.properties);
  if (message.null_value) {
    object["payload"] = nullptr;
  } else {
    AddBytes("payload", message.payload, object);
  }
  return object;
}

}  // namespace

absl::Status MessageOutput::Write(const Place& place, const framing::Outcome& outcome,
                                  const framing::SingleMessage& message, int32_t batch_index) {
  if (format_ == MessageFormat::kLines) return lines_.Write(message.payload);
  return lines_.Write(JsonText(ToJson(place, outcome, message, batch_index)));
}

absl::Status MessageOutput::WriteCiphertext(const Place& place, const Decision& decision, std::string_view metadata) {
  if (format_ == MessageFormat::kLines) return lines_.Write(Base64(decision.payload));
  Json object;
  AddPlace(place, object);
  object["encrypted"] = true;
  object["undecryptable"] = ReasonName(decision.reason);
  object["why"] = std::string(decision.status.message());
  object["payload_base64"] = Base64(decision.payload);
  if (ParseEncryptionContext(metadata).ok()) object["context"] = Base64(metadata);
  return lines_.Write(JsonText(object));
}

}  // namespace pulseal::tools
