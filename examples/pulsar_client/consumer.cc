// SPDX-License-Identifier: Apache-2.0
#include "examples/pulsar_client/consumer.h"

#include <algorithm>
#include <limits>

#include "examples/pulsar_client/error.h"
#include "pulseal/error.h"
#include "pulseal/framing/entry.h"

namespace pulsar_client {

namespace framing = pulseal::framing;
using Action = pulseal::Decision::Action;
using wire::Command;

namespace {

constexpr uint64_t kConsumerId = 1;  // there is one for each connection
// Of a message in chunks, put together and decompressed.
constexpr size_t kMostMessageSize = 64 * 1024 * 1024;

framing::EntryConsumerOptions EntryOptions() {
  framing::EntryConsumerOptions options;
  options.max_message_size = kMostMessageSize;
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> Consumer::Open(Connection& connection, pulseal::MessageDecryptor& decryptor,
                                                         const ConsumerOptions& options, Application application) {
  std::unique_ptr<Consumer> consumer(new Consumer(connection, decryptor, options, std::move(application)));
  if (absl::Status status = consumer->Subscribe(); !status.ok()) return status;
  return consumer;
}

Consumer::Consumer(Connection& connection, pulseal::MessageDecryptor& decryptor, const ConsumerOptions& options,
                   Application application)
    : connection_(connection),
      options_(options),
      application_(std::move(application)),
      entries_(decryptor, EntryOptions()) {}

absl::Status Consumer::Subscribe() {
  Command command;
  command.set_type(Command::SUBSCRIBE);
  wire::Subscribe& subscribe = *command.mutable_subscribe();
  subscribe.set_topic(options_.topic);
  subscribe.set_subscription(options_.subscription);
  subscribe.set_type(options_.type);
  subscribe.set_initial_position(options_.from);
  subscribe.set_read_compacted(options_.compacted);
  subscribe.set_consumer_id(kConsumerId);
  subscribe.set_request_id(connection_.NextRequestId());
  connection_.SetHandler([this](const Frame& frame) { return Take(frame); });
  return connection_.Request(command, subscribe.request_id()).status();
}

absl::Status Consumer::Run(uint64_t count, std::chrono::milliseconds longest_silence) {
  constexpr std::chrono::milliseconds kLookAround{100};
  wanted_ = count;
  last_delivery_ = Clock::now();
  GiveBack(options_.receiver_queue);
  while (!IsComplete() && Clock::now() < last_delivery_ + longest_silence) {
    const Clock::time_point deadline = std::min(last_delivery_ + longest_silence, Clock::now() + kLookAround);
    absl::Status status = connection_.RunUntil([this] { return IsComplete(); }, deadline);
    if (!status.ok() && !absl::IsDeadlineExceeded(status)) return status;
    if (status = DoWhatIsDue(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Consumer::Take(const Frame& frame) {
  switch (frame.command.type()) {
    // What comes behind the last wanted message stays unacknowledged: it is for the next consumer.
    case Command::MESSAGE:
      return IsComplete() ? absl::OkStatus() : TakeMessage(frame.command.message().message_id(), frame.entry);
    case Command::CLOSE_CONSUMER:
      return Error(absl::StatusCode::kUnavailable,
                   "the broker closed the consumer; the topic may have moved, try again");
    default: return absl::OkStatus();
  }
}

// Consume may run the key reader on this thread, which is right for keys in files. A client whose keys are behind the
// network calls TryDecrypt, Resolve and Unpack instead: see examples/event_loop.
absl::Status Consumer::TakeMessage(const wire::MessageId& id, std::string_view stored) {
  const uint64_t cookie = next_cookie_++;
  unsettled_[cookie] = id;
  const absl::StatusOr<framing::EntryView> entry = framing::ParseEntry(stored);
  if (!entry.ok()) {  // damaged on its way, perhaps: it may be better the next time
    framing::Outcome outcome;
    outcome.decision.status = entry.status();
    outcome.decision.reason = pulseal::ReasonOf(entry.status());
    outcome.cookies = {cookie};
    GiveBack(1);
    return Settle(outcome, {});
  }
  const framing::Consumed consumed =
      entries_.Consume(entry->metadata, entry->payload, cookie, Clock::now().time_since_epoch());
  GiveBack(consumed.permits);
  for (const framing::Outcome& outcome : consumed.outcomes) {
    if (absl::Status status = Settle(outcome, entry->metadata); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Consumer::Settle(const framing::Outcome& outcome, std::string_view metadata) {
  Count(outcome);
  switch (outcome.decision.action) {
    case Action::kDeliver:
    case Action::kDeliverEncrypted: return Deliver(outcome, metadata);
    case Action::kDiscard: Acknowledge(outcome.cookies, /*unread=*/true); break;
    case Action::kFail: LeaveForRedelivery(outcome.cookies); break;
    case Action::kPending: break;  // TryDecrypt's alone
  }
  return absl::OkStatus();
}

// Acknowledges behind the last message of the entry, and only if the application has got them all.
absl::Status Consumer::Deliver(const framing::Outcome& outcome, std::string_view metadata) {
  const wire::MessageId id = unsettled_[outcome.cookies.back()];
  if (outcome.decision.action == Action::kDeliverEncrypted) {
    if (absl::Status status = DeliverOne({id, -1, outcome, nullptr, metadata}); !status.ok()) return status;
    GiveBack(outcome.decision.num_messages);
    Acknowledge(outcome.cookies, /*unread=*/false);
    return absl::OkStatus();
  }
  framing::MessageReader messages(outcome);
  for (framing::SingleMessage message; messages.Next(&message);) {
    if (IsComplete()) return absl::OkStatus();
    absl::Status status = DeliverOne({id, messages.batch_index(), outcome, &message, metadata});
    if (!status.ok()) return status;
    GiveBack(1);
  }
  Acknowledge(outcome.cookies, /*unread=*/false);
  return absl::OkStatus();
}

absl::Status Consumer::DeliverOne(const Delivery& delivery) {
  if (absl::Status status = application_(delivery); !status.ok()) return status;
  ++delivered_;
  last_delivery_ = Clock::now();
  return absl::OkStatus();
}

// A message in chunks has several entries, and all are acknowledged with it.
void Consumer::Acknowledge(const std::vector<uint64_t>& cookies, bool unread) {
  if (!options_.acknowledge) return LeaveForRedelivery(cookies);
  Command command;
  command.set_type(Command::ACK);
  command.mutable_ack()->set_consumer_id(kConsumerId);
  command.mutable_ack()->set_type(wire::Ack::INDIVIDUAL);
  if (unread) command.mutable_ack()->set_validation_error(wire::Ack::DECRYPTION_ERROR);
  for (const uint64_t cookie : cookies) {
    const wire::MessageId id = TakeSettled(cookie);
    unacknowledged_.erase({id.ledger_id(), id.entry_id()});
    *command.mutable_ack()->add_message_id() = id;
  }
  connection_.Send(command);
}

void Consumer::LeaveForRedelivery(const std::vector<uint64_t>& cookies) {
  for (const uint64_t cookie : cookies) Track(TakeSettled(cookie));
}

wire::MessageId Consumer::TakeSettled(uint64_t cookie) {
  const auto found = unsettled_.find(cookie);
  wire::MessageId id = std::move(found->second);
  unsettled_.erase(found);
  return id;
}

void Consumer::Track(const wire::MessageId& id) {
  if (options_.ack_timeout.count() == 0) return;
  unacknowledged_[{id.ledger_id(), id.entry_id()}] = {id, Clock::now() + options_.ack_timeout};
}

absl::Status Consumer::DoWhatIsDue() {
  for (const framing::Outcome& outcome : entries_.Expire(Clock::now().time_since_epoch())) {
    if (absl::Status status = Settle(outcome, {}); !status.ok()) return status;
  }
  const auto is_overdue = [](const auto& entry) { return entry.second.deadline <= Clock::now(); };
  if (std::any_of(unacknowledged_.begin(), unacknowledged_.end(), is_overdue)) Redeliver();
  return absl::OkStatus();
}

// All of them, since a broker keeps the order of an exclusive or failover subscription only so. Each takes permits anew when
// it comes.
void Consumer::Redeliver() {
  Command command;
  command.set_type(Command::REDELIVER);
  command.mutable_redeliver()->set_consumer_id(kConsumerId);
  if (options_.type == wire::Subscribe::SHARED) {
    for (const auto& [position, entry] : unacknowledged_) *command.mutable_redeliver()->add_message_ids() = entry.id;
  }
  connection_.Send(command);
  unacknowledged_.clear();
}

// In one FLOW for many: whenever half of the receiver queue has come together.
void Consumer::GiveBack(int64_t permits) {
  to_give_back_ += permits;
  const int64_t enough = std::max<int64_t>(int64_t{options_.receiver_queue} / 2, 1);
  while (to_give_back_ >= enough) {
    const int64_t now = std::min<int64_t>(to_give_back_, std::numeric_limits<int32_t>::max());
    Command command;
    command.set_type(Command::FLOW);
    command.mutable_flow()->set_consumer_id(kConsumerId);
    command.mutable_flow()->set_message_permits(static_cast<uint32_t>(now));
    connection_.Send(command);
    to_give_back_ -= now;
  }
}

void Consumer::Count(const framing::Outcome& outcome) {
  if (outcome.decision.action != Action::kFail || outcome.failed_before) return;
  Failure& failure = failures_[pulseal::ReasonName(outcome.decision.reason)];
  if (failure.messages == 0) failure.first = std::string(outcome.decision.status.message());
  failure.messages += outcome.decision.num_messages;
}

std::vector<std::string> Consumer::Failures() const {
  std::vector<std::string> lines;
  for (const auto& [reason, failure] : failures_) {
    lines.push_back(absl::StrCat("failed: ", failure.messages, " (", reason, "), the first: ", failure.first));
  }
  return lines;
}

absl::Status Consumer::Close() {
  Command command;
  command.set_type(Command::CLOSE_CONSUMER);
  command.mutable_close_consumer()->set_id(kConsumerId);
  command.mutable_close_consumer()->set_request_id(connection_.NextRequestId());
  return connection_.Request(command, command.close_consumer().request_id()).status();
}

}  // namespace pulsar_client
