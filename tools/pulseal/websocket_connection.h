// SPDX-License-Identifier: Apache-2.0
//
// One connection to a WebSocket endpoint, with a deadline on everything.
#ifndef PULSEAL_TOOLS_WEBSOCKET_CONNECTION_H_
#define PULSEAL_TOOLS_WEBSOCKET_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/pulseal/websocket_url.h"

namespace pulseal::tools {

using Deadline = std::chrono::steady_clock::time_point;

// How to get through to an endpoint.
struct WebSocketAccess {
  WebSocketUrl url;
  std::string ca_file;  // the authorities to trust, in PEM; empty: the system's
  std::string token;    // empty: none
};

// Not thread-safe. What comes in is read, and pings are answered, while a function waits. After an error nothing
// is sent any more, and Receive gives what came before it.
class WebSocketConnection {
 public:
  // Asks the endpoint for `target`, a path and query. Waits until `deadline`.
  //   PERMISSION_DENIED    the endpoint refuses the token, or the lack of one
  //   UNAUTHENTICATED      TLS: its certificate isn't trusted, or is another host's
  //   FAILED_PRECONDITION  it refuses for another reason, which the message has; or it is no WebSocket endpoint
  //   NOT_FOUND            ca_file can't be read, or holds no certificate
  //   UNAVAILABLE          it can't be reached
  //   DEADLINE_EXCEEDED, CANCELLED (the program was interrupted)
  // A frame over `max_frame_size` bytes is an error of Receive's.
  static absl::StatusOr<std::unique_ptr<WebSocketConnection>> Open(const WebSocketAccess& access,
                                                                   const std::string& target, size_t max_frame_size,
                                                                   Deadline deadline);
  virtual ~WebSocketConnection() = default;
  WebSocketConnection(const WebSocketConnection&) = delete;
  WebSocketConnection& operator=(const WebSocketConnection&) = delete;

  // Hands one text to the system. Once the program is interrupted it waits no longer than a few seconds.
  //   UNAVAILABLE          the connection is lost; the message says how
  //   INVALID_ARGUMENT     the endpoint closed it because a text was too long for it
  //   DEADLINE_EXCEEDED    the endpoint takes nothing
  virtual absl::Status Send(std::string_view text, Deadline deadline) = 0;

  // The next text; nothing where none came up to `deadline` (one that has passed asks for what is there) or, once, when the
  // program was interrupted. Errors as Send's, and RESOURCE_EXHAUSTED for a frame that is too long.
  virtual absl::StatusOr<std::optional<std::string>> Receive(Deadline deadline) = 0;

  // Says goodbye, so that the endpoint works on all that was sent. Of the endpoint's answer nothing depends.
  virtual void Close(Deadline deadline) = 0;

 protected:
  WebSocketConnection() = default;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_WEBSOCKET_CONNECTION_H_
