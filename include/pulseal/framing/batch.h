// SPDX-License-Identifier: Apache-2.0
//
// A batch: several messages that travel as the payload of one entry, one behind the other.
//
//   batch  = num_messages_in_batch times  single
//   single = [metadata size, 4 bytes, big-endian][SingleMessageMetadata][payload, payload_size bytes]
//
// A batch is built before it is compressed and encrypted, and split after it was decrypted and decompressed. Its number of
// messages is in MessageMetadata: num_messages_in_batch, which makes the payload a batch by being there at all.
//
// Plain functions and values over the caller's bytes; functions are thread-safe, a reader is its thread's.
// Security: a batch is plaintext; wiping the memory that holds it is the caller's to do.
#ifndef PULSEAL_FRAMING_BATCH_H_
#define PULSEAL_FRAMING_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "pulseal/export.h"
#include "pulseal/framing/message_metadata.h"

namespace pulseal::framing {

// One message of a batch. Views point into the writer's memory, or into the batch that was read.
struct SingleMessage {
  std::string_view payload;
  std::vector<std::pair<std::string_view, std::string_view>> properties;  // in the order of the wire; names may repeat
  std::optional<std::string_view> partition_key;
  bool partition_key_b64_encoded = false;
  std::optional<std::string_view> ordering_key;
  uint64_t event_time = 0;  // milliseconds since 1970; zero: none
  std::optional<uint64_t> sequence_id;
  bool null_value = false;  // a tombstone; its payload is empty
  bool null_partition_key = false;
  // A compacting broker took the message out and left its place. Readers hand it out, so that positions stay right;
  // whoever delivers messages skips it, and counts it for permits and acknowledgements (entry_consumer.h does).
  bool compacted_out = false;
  // Every field that has no member here, serialised: what a newer client added survives.
  std::string other_fields;
};

// Exact number of bytes that AppendToBatch appends.
PULSEAL_EXPORT size_t SizeInBatch(const SingleMessage& message);

// Appends `message` to the batch in `out`, whose memory none of its views may point into; allocates nothing where `out`
// has the capacity. INVALID_ARGUMENT (kMisuse): a payload over 2^31 - 1 bytes, over kMaxProperties properties, or metadata
// over kMaxMetadataSize. On error `out` is as it was.
PULSEAL_EXPORT absl::Status AppendToBatch(const SingleMessage& message, std::string* out);

// The same message with an entry of its own. What SingleMessage says of it in a batch, MessageMetadata says of it then:
// properties, partition_key, partition_key_b64_encoded, ordering_key, event_time, sequence_id, null_value and
// null_partition_key go both ways. Not carried: compacted_out, since such a message has no entry; and other_fields, whose
// numbers mean something else in the other place. The payload travels beside the metadata.

// Replaces these fields of `metadata` by the message's, sequence_id only where it has one, and makes it no batch's
// (num_messages_in_batch, highest_sequence_id). All else stays. No view of `message` may point into `metadata`.
PULSEAL_EXPORT void DescribeAlone(const SingleMessage& message, MessageMetadata* metadata);

// The way back. Views point into `metadata` and `payload`; compacted_out is false, and other_fields is empty.
PULSEAL_EXPORT SingleMessage MessageAlone(const MessageMetadata& metadata, std::string_view payload);

// Walks over the messages of a batch:
//
//   BatchReader messages(batch, *metadata.num_messages_in_batch);
//   for (SingleMessage message; messages.Next(&message);) Deliver(message);
//   if (!messages.status().ok()) ...
//
// Nothing is allocated but what a message needs for its properties and unknown fields; neither a count nor a size that
// lies costs anything. `batch` must outlive the reader and what it read.
class PULSEAL_EXPORT BatchReader {
 public:
  BatchReader(std::string_view batch, int32_t num_messages);

  // Reads the next message into `message`, replacing all that it held but keeping its memory. False behind the last one,
  // and from the first problem on; `message` is then of no use.
  bool Next(SingleMessage* message);

  // Of the message that Next read last, from 0; -1 before the first.
  int32_t index() const { return index_; }

  // OK unless a problem was met: INVALID_ARGUMENT (kMalformed), naming the message, its offset and the problem:
  //   the number of messages isn't positive, or is more than the bytes can hold
  //   a size runs past the end, payload_size is absent or negative, or metadata is over kMaxMetadataSize
  //   metadata doesn't parse, or has over kMaxProperties properties, or one without name or value
  //   bytes trail behind the last message
  const absl::Status& status() const { return status_; }

 private:
  bool Fail(std::string_view problem);

  std::string_view batch_;
  size_t offset_ = 0;  // of the message that is read next
  int32_t num_messages_, index_ = -1;
  absl::Status status_;
};

// Walks over the whole batch and keeps nothing: OK where BatchReader reads it to its end; otherwise its status. To be
// called before the first message is delivered where a batch is to be delivered whole or not at all.
PULSEAL_EXPORT absl::Status CheckBatch(std::string_view batch, int32_t num_messages);

}  // namespace pulseal::framing

#endif  // PULSEAL_FRAMING_BATCH_H_
