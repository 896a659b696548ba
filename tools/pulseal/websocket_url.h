// SPDX-License-Identifier: Apache-2.0
//
// Topics that are URLs: of Pulsar's WebSocket endpoint.
#ifndef PULSEAL_TOOLS_WEBSOCKET_URL_H_
#define PULSEAL_TOOLS_WEBSOCKET_URL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace pulseal::tools {

// Whether a topic's name says that it is no file: it begins with ws:// or wss://.
bool IsWebSocketUrl(std::string_view topic);

// A topic at an endpoint:
//
//   ws://HOST[:PORT]/[persistent/|non-persistent/]TENANT/NAMESPACE/TOPIC     (wss: TLS)
//
// or with the endpoint's own path, whatever stands before it: .../ws/v2/producer/persistent/TENANT/NAMESPACE/TOPIC.
struct WebSocketUrl {
  std::string text;  // as it was given
  bool is_tls = false;
  std::string host;
  uint16_t port = 0;   // where none is given, 80 and 443
  std::string prefix;  // "/ws/v2/"
  std::string topic;   // "persistent/public/default/orders", percent-encoded as it was

  bool is_this_machine() const;

  // What to ask the endpoint for: the path of a producer or, with the name of its subscription behind the topic, of a
  // consumer.
  std::string ProducerPath() const { return prefix + "producer/" + topic; }
  std::string ConsumerPath(std::string_view subscription) const;
};

// INVALID_ARGUMENT, naming what is wrong and what was expected.
absl::StatusOr<WebSocketUrl> ParseWebSocketUrl(std::string_view text);

// For a piece of a path or query: all but letters, digits and -._~ in percent-encoding.
std::string PercentEncoded(std::string_view text);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_WEBSOCKET_URL_H_
