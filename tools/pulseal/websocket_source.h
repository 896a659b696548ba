// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_WEBSOCKET_SOURCE_H_
#define PULSEAL_TOOLS_WEBSOCKET_SOURCE_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/pulseal/topic_source.h"
#include "tools/pulseal/websocket_link.h"

namespace pulseal::tools {

struct WebSocketSourceOptions {
  WebSocketLinkOptions link;
  std::string subscription;
  std::string subscription_type = "exclusive";
  bool follow = false;
  std::chrono::nanoseconds idle = std::chrono::seconds(5);  // without follow: nothing for so long is the end
};

// A subscription to a topic behind Pulsar's WebSocket endpoint. An entry is acknowledged when it is settled; one that comes
// again over another connection, because its acknowledgement was lost with the last, isn't given twice. Sets
// link.max_frame_size. Errors as WebSocketConnection::Open.
absl::StatusOr<std::unique_ptr<TopicSource>> OpenWebSocketSource(WebSocketSourceOptions options);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_WEBSOCKET_SOURCE_H_
