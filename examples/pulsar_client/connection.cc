// SPDX-License-Identifier: Apache-2.0
#include "examples/pulsar_client/connection.h"

#include <algorithm>
#include <utility>

#include "examples/pulsar_client/error.h"
#include "examples/pulsar_client/transport.h"
#include "pulseal/framing/compression.h"

namespace pulsar_client {

using wire::Command;

namespace {

constexpr char kClientVersion[] = "pulseal-example-client";
// The newest version whose commands this client knows; without support for the metadata that newer brokers put in front
// of an entry, they leave it out.
constexpr int kProtocolVersion = 15;
constexpr std::chrono::seconds kKeepAlive{30};
// Whatever a broker says it allows, no frame longer than this is read.
constexpr int32_t kMostMessageSize = 128 * 1024 * 1024;

// The request that a command answers, if it is an answer.
std::optional<uint64_t> AnswersTo(const Command& command) {
  switch (command.type()) {
    case Command::CONNECTED: return 0;
    case Command::SUCCESS: return command.success().request_id();
    case Command::PRODUCER_SUCCESS: return command.producer_success().request_id();
    case Command::LOOKUP_RESPONSE: return command.lookup_response().request_id();
    case Command::ERROR: return command.error().request_id();
    default: return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ServiceUrl& url, const ConnectionOptions& options,
                                                             const std::string& proxy_to) {
  std::unique_ptr<Connection> connection(new Connection(url, options));
  absl::Status status = connection->Connect();
  if (status.ok()) status = connection->Introduce(proxy_to);
  if (!status.ok()) return status;
  return connection;
}

Connection::Connection(const ServiceUrl& url, ConnectionOptions options)
    : url_(url),
      options_(std::move(options)),
      transport_(std::make_unique<Transport>(io_, url)),
      max_message_size_(pulseal::framing::kDefaultMaxMessageSize) {}

Connection::~Connection() = default;

absl::Status Connection::Connect() {
  if (url().tls) {
    if (absl::Status status = transport_->TrustOnly(options_.tls_ca); !status.ok()) return Named(status);
  }
  auto result = std::make_shared<std::optional<absl::Status>>();
  transport_->Connect([result](absl::Status status) { *result = std::move(status); });
  absl::Status status = RunUntil([&result] { return result->has_value(); }, Clock::now() + options_.timeout);
  return status.ok() ? Named(**result) : status;
}

absl::Status Connection::Introduce(const std::string& proxy_to) {
  Command command;
  command.set_type(Command::CONNECT);
  command.mutable_connect()->set_client_version(kClientVersion);
  command.mutable_connect()->set_protocol_version(kProtocolVersion);
  if (!proxy_to.empty()) command.mutable_connect()->set_proxy_to_broker_url(proxy_to);
  if (!options_.token.empty()) {
    if (!transport_->IsPrivate()) {
      return Named(Error(absl::StatusCode::kFailedPrecondition,
                         "a token would be sent in clear over the network; use pulsar+ssl://"));
    }
    command.mutable_connect()->set_auth_method_name("token");
    command.mutable_connect()->set_auth_data(options_.token);
  }
  ReadFrame();
  KeepAlive();
  const auto answer = Request(command, 0);
  if (!answer.ok()) return answer.status();
  const int32_t max_message_size = answer->connected().max_message_size();
  if (max_message_size > 0) max_message_size_ = static_cast<size_t>(std::min(max_message_size, kMostMessageSize));
  return absl::OkStatus();
}

absl::StatusOr<Command> Connection::Request(const Command& command, uint64_t request_id) {
  awaited_ = request_id;
  answer_.reset();
  Send(command);
  absl::Status status = RunUntil([this] { return answer_.has_value(); }, Clock::now() + options_.timeout);
  if (!status.ok()) return status;
  if (!answer_->has_error()) return *std::move(answer_);
  return Named(BrokerError(answer_->error().error(), answer_->error().message()));
}

absl::Status Connection::RunUntil(const std::function<bool()>& done, Clock::time_point deadline) {
  while (!done()) {
    if (!failure_.ok()) return failure_;
    if (io_.run_one_until(deadline) > 0) continue;
    return Named(Error(absl::StatusCode::kDeadlineExceeded, "no answer in time"));
  }
  return absl::OkStatus();
}

void Connection::Send(const Command& command, std::string_view entry) {
  unsent_ += MakeFrame(command, entry);
  if (being_sent_.empty()) WriteNext();
}

void Connection::WriteNext() {
  if (unsent_.empty() || !failure_.ok()) return;
  std::swap(unsent_, being_sent_);
  transport_->Write(being_sent_, [this](const absl::Status& status) {
    being_sent_.clear();
    status.ok() ? WriteNext() : Fail(status);
  });
}

void Connection::ReadFrame() {
  transport_->Read(frame_size_, sizeof(frame_size_), [this](const absl::Status& status) {
    if (!status.ok()) return Fail(status);
    const size_t size = ReadFrameSize(frame_size_);
    // Before anything is allocated for it.
    if (const size_t most = max_message_size_ + kFrameOverhead; size > most) {
      return Fail(Error(absl::StatusCode::kInvalidArgument, "sent a frame of ", size, " bytes where at most ", most,
                        " are allowed; is this a Pulsar broker's port, and is it one for TLS?"));
    }
    frame_.resize(size);
    ReadFrameBody();
  });
}

void Connection::ReadFrameBody() {
  transport_->Read(frame_.data(), frame_.size(), [this](const absl::Status& status) {
    if (!status.ok()) return Fail(Error(status.code(), "in the middle of a frame, ", status.message()));
    const absl::StatusOr<Frame> frame = ParseFrame(frame_);
    if (!frame.ok()) return Fail(frame.status());
    heard_something_ = true;
    Take(*frame);
    if (failure_.ok()) ReadFrame();
  });
}

void Connection::Take(const Frame& frame) {
  if (const auto request_id = AnswersTo(frame.command)) {
    // CONNECT has no request id: whatever its error carries is for it.
    if (*request_id == awaited_ || awaited_ == 0) answer_ = frame.command;
    return;
  }
  if (frame.command.type() == Command::PING) {
    Command pong;
    pong.set_type(Command::PONG);
    pong.mutable_pong();
    return Send(pong);
  }
  if (frame.command.type() == Command::PONG || handler_ == nullptr) return;
  if (absl::Status status = handler_(frame); !status.ok()) Fail(status);
}

// A PING each 30 seconds; a broker that has said nothing at all since the last one is gone.
void Connection::KeepAlive() {
  keep_alive_.expires_after(kKeepAlive);
  keep_alive_.async_wait([this](const boost::system::error_code& error) {
    if (error || !failure_.ok()) return;
    if (!std::exchange(heard_something_, false)) {
      return Fail(Error(absl::StatusCode::kUnavailable, "the broker has been silent for too long"));
    }
    Command ping;
    ping.set_type(Command::PING);
    ping.mutable_ping();
    Send(ping);
    KeepAlive();
  });
}

void Connection::Fail(const absl::Status& status) {
  if (!failure_.ok()) return;
  failure_ = Named(status);
  transport_->Close();
}

absl::Status Connection::Named(const absl::Status& status) const {
  if (status.ok()) return status;
  return Error(status.code(), url().ToString(), ": ", status.message());
}

}  // namespace pulsar_client
