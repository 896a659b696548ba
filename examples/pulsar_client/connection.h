// SPDX-License-Identifier: Apache-2.0
//
// One connection to one broker: frames in both directions, the handshake, requests and their answers, PING and PONG.
//
// Everything runs on the caller's thread, inside Request and RunUntil: that is when bytes are read and written, PINGs
// answered, and the handler called. Nothing waits longer than it was told to.
#ifndef EXAMPLES_PULSAR_CLIENT_CONNECTION_H_
#define EXAMPLES_PULSAR_CLIENT_CONNECTION_H_

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/pulsar_client/frame.h"
#include "examples/pulsar_client/service_url.h"

namespace pulsar_client {

using Clock = std::chrono::steady_clock;

struct ConnectionOptions {
  std::string tls_ca;  // file of the authorities to trust; empty: the system's
  std::string token;   // empty: no authentication
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  // of connecting, of each request, of each receipt
};

class Connection {
 public:
  ~Connection();

  // Connects and introduces itself. `proxy_to`: the broker's URL where `url` is a proxy's; otherwise empty.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ServiceUrl& url, const ConnectionOptions& options,
                                                          const std::string& proxy_to = "");

  // Gets every frame that is no answer to a request and no PING; must not call Request or RunUntil. What it returns but
  // OK ends the connection.
  using Handler = std::function<absl::Status(const Frame&)>;
  void SetHandler(Handler handler) { handler_ = std::move(handler); }

  // Puts a frame behind those that are still to be written.
  void Send(const wire::Command& command, std::string_view entry = {});
  size_t unsent_bytes() const { return unsent_.size() + being_sent_.size(); }

  uint64_t NextRequestId() { return ++last_request_id_; }
  // Sends a command that carries `request_id`, and waits for its answer; an ERROR for an answer is an error.
  absl::StatusOr<wire::Command> Request(const wire::Command& command, uint64_t request_id);

  // OK as soon as `done` is true; DEADLINE_EXCEEDED; or why the connection ended.
  absl::Status RunUntil(const std::function<bool()>& done, Clock::time_point deadline);

  // Bytes that the broker takes for metadata and payload of one entry.
  size_t max_message_size() const { return max_message_size_; }
  std::chrono::milliseconds timeout() const { return options_.timeout; }
  const ServiceUrl& url() const { return url_; }
  boost::asio::io_context& io() { return io_; }

 private:
  Connection(const ServiceUrl& url, ConnectionOptions options);

  absl::Status Connect();
  absl::Status Introduce(const std::string& proxy_to);
  void ReadFrame();
  void ReadFrameBody();
  void Take(const Frame& frame);
  void WriteNext();
  void KeepAlive();
  void Fail(const absl::Status& status);
  absl::Status Named(const absl::Status& status) const;

  boost::asio::io_context io_;  // before all that it runs, so that it ends after them, and runs nothing any more
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keeps_io_going_{io_.get_executor()};
  const ServiceUrl url_;
  const ConnectionOptions options_;
  const std::unique_ptr<class Transport> transport_;
  boost::asio::steady_timer keep_alive_{io_};
  Handler handler_;
  absl::Status failure_;  // why the connection ended

  char frame_size_[kFrameSizeSize] = {};
  std::string frame_;
  std::string unsent_, being_sent_;
  size_t max_message_size_;
  bool heard_something_ = true;  // since the last PING

  uint64_t last_request_id_ = 0;
  uint64_t awaited_ = 0;  // request id; zero is CONNECT's
  std::optional<wire::Command> answer_;
};

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_CONNECTION_H_
