// SPDX-License-Identifier: Apache-2.0
#include "examples/pulsar_client/producer.h"

#include <algorithm>
#include <utility>

#include "examples/pulsar_client/error.h"
#include "pulseal/framing/entry.h"

namespace pulsar_client {

namespace framing = pulseal::framing;
using wire::Command;

namespace {

constexpr uint64_t kProducerId = 1;                         // there is one for each connection
constexpr std::chrono::milliseconds kLongestBatching{100};  // a batch that doesn't fill up waits so long
constexpr size_t kMostUnconfirmed = 1000;                   // entries
constexpr size_t kMostUnsentBytes = 16 * 1024 * 1024;

uint64_t MillisecondsSince1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

ProducerOptions WithLimit(ProducerOptions options, size_t broker_limit) {
  if (options.max_message_size == 0) options.max_message_size = broker_limit;
  options.max_message_size = std::min(options.max_message_size, broker_limit);
  return options;
}

// Plaintext only where the caller has no encryptor on purpose.
framing::EntryProducer MakeEntries(pulseal::MessageEncryptor* encryptor, const ProducerOptions& options) {
  framing::EntryProducerOptions entries;
  entries.compression = options.compression;
  entries.max_message_size = options.max_message_size;
  entries.chunks = options.chunks;
  if (encryptor == nullptr) return framing::EntryProducer::InClear(entries);
  return framing::EntryProducer(*encryptor, entries);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Producer>> Producer::Open(Connection& connection, pulseal::MessageEncryptor* encryptor,
                                                         const ProducerOptions& options, Stored stored) {
  std::unique_ptr<Producer> producer(new Producer(connection, encryptor, options, std::move(stored)));
  if (absl::Status status = producer->Register(); !status.ok()) return status;
  return producer;
}

Producer::Producer(Connection& connection, pulseal::MessageEncryptor* encryptor, const ProducerOptions& options,
                   Stored stored)
    : connection_(connection),
      options_(WithLimit(options, connection.max_message_size())),
      stored_(std::move(stored)),
      encrypts_(encryptor != nullptr),
      entries_(MakeEntries(encryptor, options_)) {}

absl::Status Producer::Register() {
  Command command;
  command.set_type(Command::PRODUCER);
  wire::Producer& producer = *command.mutable_producer();
  producer.set_topic(options_.topic);
  producer.set_producer_id(kProducerId);
  producer.set_request_id(connection_.NextRequestId());
  if (!options_.name.empty()) producer.set_producer_name(options_.name);
  producer.set_user_provided_producer_name(!options_.name.empty());
  // A topic that requires encryption takes no producer that doesn't promise it.
  producer.set_encrypted(encrypts_);
  const absl::StatusOr<Command> answer = connection_.Request(command, producer.request_id());
  if (!answer.ok()) return answer.status();
  const wire::ProducerSuccess& success = answer->producer_success();
  name_ = success.producer_name();
  next_sequence_id_ = static_cast<uint64_t>(std::max<int64_t>(success.last_sequence_id(), -1) + 1);
  connection_.SetHandler([this](const Frame& frame) { return Take(frame); });
  return absl::OkStatus();
}

absl::Status Producer::Send(framing::SingleMessage message) {
  const auto has_room = [this] {
    return unconfirmed_.size() < kMostUnconfirmed && connection_.unsent_bytes() < kMostUnsentBytes;
  };
  if (absl::Status status = RunUntil(has_room); !status.ok()) return status;

  message.sequence_id = next_sequence_id_;
  const size_t size = framing::SizeInBatch(message);
  if (options_.batch == 0 || size > options_.max_message_size) return SendAlone(message);
  if (batch_.size() + size > options_.max_message_size) {
    if (absl::Status status = SendBatch(); !status.ok()) return status;
  }
  if (absl::Status status = framing::AppendToBatch(message, &batch_); !status.ok()) return status;
  ++next_sequence_id_;
  if (++in_batch_ == 1) batch_deadline_ = Clock::now() + kLongestBatching;
  return in_batch_ == options_.batch ? SendBatch() : absl::OkStatus();
}

// Behind the messages that came before it.
absl::Status Producer::SendAlone(const framing::SingleMessage& message) {
  if (absl::Status status = SendBatch(); !status.ok()) return status;
  framing::MessageMetadata metadata = MetadataFor(next_sequence_id_++);
  framing::DescribeAlone(message, &metadata);
  return SendEntries(metadata, message.payload);
}

absl::Status Producer::SendBatch() {
  if (in_batch_ == 0) return absl::OkStatus();
  framing::MessageMetadata metadata = MetadataFor(next_sequence_id_ - static_cast<uint64_t>(in_batch_));
  metadata.num_messages_in_batch = in_batch_;
  metadata.highest_sequence_id = next_sequence_id_ - 1;
  absl::Status status = SendEntries(metadata, batch_);
  batch_.clear();
  in_batch_ = 0;
  return status;
}

framing::MessageMetadata Producer::MetadataFor(uint64_t sequence_id) const {
  framing::MessageMetadata metadata;
  metadata.producer_name = name_;
  metadata.sequence_id = sequence_id;
  metadata.publish_time = MillisecondsSince1970();
  return metadata;
}

// A rotation shows nowhere here: the encryptor has made the next data key ahead of time, and its fields go with each entry.
absl::Status Producer::SendEntries(const framing::MessageMetadata& metadata, std::string_view payload) {
  return entries_.Send(metadata, payload,
                       [this, &metadata](const framing::OutgoingEntry& entry) { return SendEntry(metadata, entry); });
}

// Must not wait, since EntryProducer calls it: the frame is put behind the others.
absl::Status Producer::SendEntry(const framing::MessageMetadata& metadata, const framing::OutgoingEntry& entry) {
  const bool is_chunk = entry.num_chunks > 0;
  Command command;
  command.set_type(Command::SEND);
  wire::Send& send = *command.mutable_send();
  send.set_producer_id(kProducerId);
  send.set_sequence_id(metadata.sequence_id);
  if (metadata.num_messages_in_batch.has_value()) {
    send.set_num_messages(*metadata.num_messages_in_batch);
    send.set_highest_sequence_id(metadata.highest_sequence_id);
  }
  if (is_chunk) send.set_is_chunk(true);
  entry_.clear();
  absl::Status status = framing::AppendEntry(entry.metadata, entry.encryption_fields, entry.payload, &entry_);
  if (!status.ok()) return status;
  connection_.Send(command, entry_);
  unconfirmed_.push_back({metadata.sequence_id, metadata.num_messages_in_batch,
                          !is_chunk || entry.chunk_id + 1 == entry.num_chunks, Clock::now() + connection_.timeout()});
  return absl::OkStatus();
}

absl::Status Producer::Take(const Frame& frame) {
  switch (frame.command.type()) {
    case Command::SEND_RECEIPT: return TakeReceipt(frame.command.send_receipt());
    case Command::SEND_ERROR:
      return BrokerError(frame.command.send_error().error(), frame.command.send_error().message());
    case Command::CLOSE_PRODUCER:
      return Error(absl::StatusCode::kUnavailable,
                   "the broker closed the producer; the topic may have moved, try again");
    default: return absl::OkStatus();
  }
}

// Receipts come in the order of the entries.
absl::Status Producer::TakeReceipt(const wire::SendReceipt& receipt) {
  if (unconfirmed_.empty() || receipt.sequence_id() != unconfirmed_.front().sequence_id) {
    return Error(absl::StatusCode::kInvalidArgument, "sent a receipt for the message with sequence id ",
                 receipt.sequence_id(), ", which isn't the next one");
  }
  const Unconfirmed stored = unconfirmed_.front();
  unconfirmed_.pop_front();
  if (!stored.is_last_chunk) return absl::OkStatus();
  if (!stored.num_messages_in_batch.has_value()) return stored_(receipt.message_id(), -1);
  for (int index = 0; index < *stored.num_messages_in_batch; ++index) {
    if (absl::Status status = stored_(receipt.message_id(), index); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Producer::RunUntil(const std::function<bool()>& done) {
  while (!done()) {
    Clock::time_point deadline = Clock::time_point::max();
    if (in_batch_ > 0) deadline = batch_deadline_;
    if (!unconfirmed_.empty()) deadline = std::min(deadline, unconfirmed_.front().deadline);
    absl::Status status = connection_.RunUntil(done, deadline);
    if (!absl::IsDeadlineExceeded(status)) return status;
    const Clock::time_point now = Clock::now();
    if (!unconfirmed_.empty() && now >= unconfirmed_.front().deadline) {
      return Error(absl::StatusCode::kDeadlineExceeded, connection_.url().ToString(),
                   ": no receipt in time for the message with sequence id ", unconfirmed_.front().sequence_id);
    }
    if (in_batch_ > 0 && now >= batch_deadline_) status = SendBatch();
    if (!status.ok() && !absl::IsDeadlineExceeded(status)) return status;
  }
  return absl::OkStatus();
}

absl::Status Producer::Close() {
  if (absl::Status status = SendBatch(); !status.ok()) return status;
  if (absl::Status status = RunUntil([this] { return unconfirmed_.empty(); }); !status.ok()) return status;
  Command command;
  command.set_type(Command::CLOSE_PRODUCER);
  command.mutable_close_producer()->set_id(kProducerId);
  command.mutable_close_producer()->set_request_id(connection_.NextRequestId());
  return connection_.Request(command, command.close_producer().request_id()).status();
}

}  // namespace pulsar_client
