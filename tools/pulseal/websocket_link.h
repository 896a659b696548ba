// SPDX-License-Identifier: Apache-2.0
//
// What a topic at a WebSocket endpoint is used through: one connection after another.
#ifndef PULSEAL_TOOLS_WEBSOCKET_LINK_H_
#define PULSEAL_TOOLS_WEBSOCKET_LINK_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "tools/pulseal/websocket_connection.h"

namespace pulseal::tools {

struct WebSocketLinkOptions {
  WebSocketAccess access;
  size_t max_frame_size = 0;
  std::chrono::nanoseconds patience = std::chrono::minutes(5);  // how long to go on without progress after a loss
};

class WebSocketLink {
 public:
  explicit WebSocketLink(WebSocketLinkOptions options) : options_(std::move(options)) {}
  WebSocketLink(const WebSocketLink&) = delete;
  WebSocketLink& operator=(const WebSocketLink&) = delete;
  ~WebSocketLink() { Close(); }

  // Connects, once, to `target`; the connection that there was is closed before. As WebSocketConnection::Open.
  absl::Status Open(std::string target);

  // After `loss`, an error of the connection's: warns of it, and connects again, waiting longer before each attempt, until
  // `begin`, the first to use the new connection, is OK too. Gives `loss` or the last attempt's error back where another
  // connection wouldn't help, where there has been no progress for as long as the patience lasts, and where the program
  // was interrupted; there is no connection then.
  absl::Status OpenAgain(const absl::Status& loss, const std::function<absl::Status()>& begin);

  // The endpoint has done something that it was asked for: the next loss is a new one.
  void Progress();

  // Says goodbye.
  void Close();

  // After Open or OpenAgain was OK.
  WebSocketConnection& connection() { return *connection_; }

  // The same error, with the topic's URL before its message.
  absl::Status Named(const absl::Status& status) const;

  // For an answer that somebody waits for, from now.
  Deadline AnswerDeadline() const;

 private:
  absl::Status Connect();

  const WebSocketLinkOptions options_;
  std::string target_;
  std::unique_ptr<WebSocketConnection> connection_;
  std::optional<Deadline> give_up_at_;  // since a loss
  std::chrono::nanoseconds pause_{0};   // before the next attempt
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_WEBSOCKET_LINK_H_
