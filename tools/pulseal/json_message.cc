// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/json_message.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/wire_text.h"

namespace pulseal::tools {
namespace {

// Written by "pulseal consume", and nobody's to choose.
constexpr std::string_view kPassedOver[] = {"entry",    "offset",          "message_id",    "batch_index",
                                            "producer", "sequence_id",     "publish_time",  "encrypted",
                                            "key_name", "producer_base64", "producer_size", "key_name_base64"};

absl::Status TakeText(std::string_view member, const Json& value, std::string* text) {
  if (!value.is_string()) return WrongMember(member, "a text");
  *text = value.get_ref<const std::string&>();
  return absl::OkStatus();
}

absl::Status TakeProperties(const Json& value, std::vector<std::pair<std::string, std::string>>* properties) {
  if (!value.is_object()) return WrongMember("properties", "an object of texts");
  for (const auto& [name, text] : value.items()) {
    if (!text.is_string()) return WrongMember("properties", "an object of texts");
    properties->emplace_back(name, text.get_ref<const std::string&>());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status JsonMessage::Read(std::string_view line, framing::SingleMessage* message) {
  const absl::StatusOr<Json> object = ParseJson(line);
  if (!object.ok()) return object.status();
  payload_.clear();
  properties_.clear();
  int payloads = 0, keys = 0;
  absl::Status status;
  for (const auto& [name, value] : object->items()) {
    if (name == "payload" && value.is_null()) {
      ++payloads;
      message->null_value = true;
    } else if (name == "payload") {
      ++payloads;
      status = TakeText(name, value, &payload_);
    } else if (name == "payload_base64") {
      ++payloads;
      status = TakeBase64(name, value, &payload_);
    } else if (name == "key") {
      ++keys;
      status = TakeText(name, value, &key_);
    } else if (name == "key_base64") {  // travels as base64
      ++keys;
      std::string bytes;
      status = TakeBase64(name, value, &bytes);
      key_ = Base64(bytes);
      message->partition_key_b64_encoded = true;
    } else if (name == "ordering_key_base64") {
      status = TakeBase64(name, value, &ordering_key_);
      message->ordering_key = ordering_key_;
    } else if (name == "properties") {
      status = TakeProperties(value, &properties_);
    } else if (name == "event_time") {
      if (value.is_number_unsigned()) message->event_time = value.get<uint64_t>();
      if (!value.is_number_unsigned()) status = WrongMember(name, "a number of milliseconds since 1970");
    } else if (std::find(std::begin(kPassedOver), std::end(kPassedOver), name) == std::end(kPassedOver)) {
      return absl::InvalidArgumentError(absl::StrCat("has a member ", WireText(name), ", which no message has"));
    }
    if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat("isn't a message: ", status.message()));
  }
  if (payloads != 1) return absl::InvalidArgumentError("needs one of \"payload\" and \"payload_base64\"");
  if (keys > 1) return absl::InvalidArgumentError("has both \"key\" and \"key_base64\"");
  if (payload_.size() > kMaxMessageSize) return absl::InvalidArgumentError("has a payload that is longer than 5 MiB");
  if (properties_.size() > framing::kMaxProperties) {
    return absl::InvalidArgumentError(absl::StrCat("has more than ", framing::kMaxProperties, " properties"));
  }
  message->payload = payload_;
  if (keys > 0) message->partition_key = key_;
  for (const auto& [name, text] : properties_) message->properties.emplace_back(name, text);
  return absl::OkStatus();
}

}  // namespace pulseal::tools
