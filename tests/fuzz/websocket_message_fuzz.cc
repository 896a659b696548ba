// SPDX-License-Identifier: Apache-2.0
//
// Any text as what a WebSocket endpoint sends, a message or a receipt: a message's metadata is one that parses, its id
// comes back in the acknowledgement, and what is wrong is said in words for a terminal.
#include <string>
#include <string_view>

#include "pulseal/framing/message_metadata.h"
#include "tests/fuzz/fuzz.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/websocket_message.h"

namespace pulseal::tools {
namespace {

void CheckWords(const absl::Status& status) { FUZZ_CHECK(IsPlain({status.message().data(), status.message().size()})); }

void CheckMessage(std::string_view text) {
  const absl::StatusOr<WebSocketMessage> message = ReadWebSocketMessage(text);
  CheckWords(message.status());
  if (!message.ok()) return;
  CheckWords(message->status);
  FUZZ_CHECK(ParseJson(WebSocketAcknowledgement(message->message_id)).value()["messageId"] == message->message_id);
  if (!message->status.ok()) return;
  FUZZ_CHECK(framing::ParseMessageMetadata(message->metadata).ok());
}

void CheckReceipt(std::string_view text) {
  const absl::StatusOr<WebSocketReceipt> receipt = ReadWebSocketReceipt(text);
  CheckWords(receipt.status());
  if (receipt.ok()) CheckWords(receipt->status);
}

}  // namespace
}  // namespace pulseal::tools

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  pulseal::tools::CheckMessage(text);
  pulseal::tools::CheckReceipt(text);
  return 0;
}
