// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/kept_message.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/pulseal/websocket_message.h"

namespace pulseal::tools {
namespace {

absl::StatusOr<std::string> Base64Of(const Json& object, const char* name) {
  std::string bytes;
  const auto value = object.find(name);
  if (value == object.end()) return absl::InvalidArgumentError(absl::StrCat("there is no \"", name, "\""));
  if (absl::Status status = TakeBase64(name, *value, &bytes); !status.ok()) return status;
  return bytes;
}

uint64_t NumberOf(const Json& object, const char* name) {
  const auto value = object.find(name);
  return value != object.end() && value->is_number_unsigned() ? value->get<uint64_t>() : 0;
}

absl::StatusOr<KeptMessage> ReadFrame(const Json& frame) {
  WebSocketMessage message = WebSocketMessageOf(frame);
  if (!message.status.ok()) return message.status;
  return KeptMessage{std::move(message.metadata), std::move(message.payload), {0, 0, std::move(message.message_id)}};
}

Place PlaceOf(const Json& kept) {
  const auto id = kept.find("message_id");
  const bool has_id = id != kept.end() && id->is_string();
  return {NumberOf(kept, "entry"), NumberOf(kept, "offset"), has_id ? id->get<std::string>() : ""};
}

}  // namespace

absl::StatusOr<KeptMessage> ReadKeptMessage(const Json& object) {
  if (object.contains("encryptionContext")) return ReadFrame(object);
  absl::StatusOr<std::string> payload = Base64Of(object, "payload_base64");
  if (!payload.ok()) return payload.status();
  absl::StatusOr<std::string> metadata = Base64Of(object, "context");
  if (!metadata.ok()) return metadata.status();
  return KeptMessage{*std::move(metadata), *std::move(payload), PlaceOf(object)};
}

}  // namespace pulseal::tools
