// SPDX-License-Identifier: Apache-2.0
//
// The texts that travel between a client and Pulsar's WebSocket endpoint: JSON objects, bytes in base64.
#ifndef PULSEAL_TOOLS_WEBSOCKET_MESSAGE_H_
#define PULSEAL_TOOLS_WEBSOCKET_MESSAGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/batch.h"
#include "pulseal/framing/message_metadata.h"
#include "tools/pulseal/json_line.h"

namespace pulseal::tools {

// A message as it came.
struct WebSocketMessage {
  std::string message_id;  // as the endpoint writes it: in base64
  absl::Status status;     // not OK: there is no more of it than the id; names the member that isn't what it should be
  std::string metadata;    // a serialised MessageMetadata, made of what the endpoint tells of the real one
  std::string payload;
};

// The message that `object` is, to a consumer with cryptoFailureAction=CONSUME.
WebSocketMessage WebSocketMessageOf(const Json& object);
// INVALID_ARGUMENT where `text` is no message at all: it has no id.
absl::StatusOr<WebSocketMessage> ReadWebSocketMessage(std::string_view text);

// "{"messageId":...}": the message was dealt with.
std::string WebSocketAcknowledgement(const std::string& message_id);
// The endpoint may send so many messages more.
std::string WebSocketPermit(uint64_t messages);

// Whether a message can go through the endpoint; INVALID_ARGUMENT names what it can't carry.
absl::Status CheckWebSocketMessage(const framing::SingleMessage& message);

// A message to send, encrypted; its receipt will have `number`.
std::string WebSocketSend(const framing::MessageMetadata& metadata, std::string_view nonce, std::string_view payload,
                          uint64_t number);

// What a producer's connection is opened with: "encryptionKeys=...".
std::string WebSocketKeysParameter(const std::vector<WrappedKey>& keys);

struct WebSocketReceipt {
  uint64_t number = 0;
  absl::Status status;  // not OK: the endpoint didn't take the message
};

// INVALID_ARGUMENT where `text` is no receipt.
absl::StatusOr<WebSocketReceipt> ReadWebSocketReceipt(std::string_view text);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_WEBSOCKET_MESSAGE_H_
