// SPDX-License-Identifier: Apache-2.0
//
// PRODUCER: messages -> batch -> entries (compressed, encrypted, in chunks: EntryProducer's work) -> SEND -> receipts
#ifndef EXAMPLES_PULSAR_CLIENT_PRODUCER_H_
#define EXAMPLES_PULSAR_CLIENT_PRODUCER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/pulsar_client/connection.h"
#include "pulseal/framing/batch.h"
#include "pulseal/framing/entry_producer.h"
#include "pulseal/framing/message_metadata.h"
#include "pulseal/message_encryptor.h"

namespace pulsar_client {

struct ProducerOptions {
  std::string topic;            // in full
  std::string name;             // empty: the broker gives one
  int batch = 0;                // messages; 0: no batches
  size_t max_message_size = 0;  // 0: the broker's
  pulseal::framing::Compression compression = pulseal::framing::Compression::kNone;
  bool chunks = false;
};

class Producer {
 public:
  // Told of each message that the broker has stored, in the order of Send. `batch_index` is -1 where it isn't in a batch.
  // What it returns but OK ends the connection.
  using Stored = std::function<absl::Status(const wire::MessageId& id, int batch_index)>;

  // `encryptor`: null for messages in clear. All three must outlive the producer.
  static absl::StatusOr<std::unique_ptr<Producer>> Open(Connection& connection, pulseal::MessageEncryptor* encryptor,
                                                        const ProducerOptions& options, Stored stored);

  // Takes the message into the present batch, or sends it at once where there are none.
  absl::Status Send(pulseal::framing::SingleMessage message);

  // Runs the connection until `done`. Meanwhile a batch that has waited long enough is sent, and a receipt that doesn't
  // come in time is an error.
  absl::Status RunUntil(const std::function<bool()>& done);

  // Sends what is still to be sent, waits for all receipts, and says goodbye.
  absl::Status Close();

 private:
  // One entry whose receipt hasn't come. A message in chunks has several, with one sequence id.
  struct Unconfirmed {
    uint64_t sequence_id = 0;
    std::optional<int32_t> num_messages_in_batch;
    bool is_last_chunk = true;
    Clock::time_point deadline;
  };

  Producer(Connection& connection, pulseal::MessageEncryptor* encryptor, const ProducerOptions& options, Stored stored);

  absl::Status Register();
  absl::Status SendAlone(const pulseal::framing::SingleMessage& message);
  absl::Status SendBatch();
  absl::Status SendEntries(const pulseal::framing::MessageMetadata& metadata, std::string_view payload);
  absl::Status SendEntry(const pulseal::framing::MessageMetadata& metadata,
                         const pulseal::framing::OutgoingEntry& entry);
  absl::Status Take(const Frame& frame);
  absl::Status TakeReceipt(const wire::SendReceipt& receipt);
  pulseal::framing::MessageMetadata MetadataFor(uint64_t sequence_id) const;

  Connection& connection_;
  const ProducerOptions options_;
  const Stored stored_;
  const bool encrypts_;
  pulseal::framing::EntryProducer entries_;
  std::string name_;
  uint64_t next_sequence_id_ = 0;

  std::string batch_;  // plaintext
  int32_t in_batch_ = 0;
  Clock::time_point batch_deadline_;
  std::string entry_;  // kept for its memory
  std::deque<Unconfirmed> unconfirmed_;
};

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_PRODUCER_H_
