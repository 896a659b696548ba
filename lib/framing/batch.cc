// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/batch.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/framing/big_endian.h"
#include "lib/framing/key_value.h"
#include "lib/status.h"
#include "lib/wire.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal::framing {
namespace {

using wire::Tag;

constexpr size_t kSizeBytes = 4;
// Metadata with nothing but a payload_size of one byte: its tag and the number.
constexpr size_t kShortestMessage = kSizeBytes + 2;

size_t VarintFieldSize(uint64_t value) { return 1 + wire::VarintSize(value); }  // of a field below 16
size_t OptionalSize(const std::optional<std::string_view>& bytes) {
  return bytes.has_value() ? wire::BytesFieldSize(1, bytes->size()) : 0;
}

size_t MetadataSize(const SingleMessage& message) {
  size_t size = VarintFieldSize(message.payload.size()) + message.other_fields.size();
  for (const auto& [name, value] : message.properties) size += wire::BytesFieldSize(1, KeyValueSize(name, value));
  size += OptionalSize(message.partition_key) + OptionalSize(message.ordering_key);
  if (message.event_time != 0) size += VarintFieldSize(message.event_time);
  if (message.sequence_id.has_value()) size += VarintFieldSize(*message.sequence_id);
  constexpr size_t kFlag = 2;
  size += kFlag *
          (message.compacted_out + message.partition_key_b64_encoded + message.null_value + message.null_partition_key);
  return size;
}

void AppendFlag(uint32_t field, bool flag, std::string* out) {
  if (flag) wire::AppendVarintField(field, 1, out);
}

void AppendMetadata(const SingleMessage& message, std::string* out) {
  for (const auto& [name, value] : message.properties) AppendKeyValueField(1, name, value, out);
  if (message.partition_key.has_value()) wire::AppendBytesField(2, *message.partition_key, out);
  wire::AppendVarintField(3, message.payload.size(), out);
  AppendFlag(4, message.compacted_out, out);
  if (message.event_time != 0) wire::AppendVarintField(5, message.event_time, out);
  AppendFlag(6, message.partition_key_b64_encoded, out);
  if (message.ordering_key.has_value()) wire::AppendBytesField(7, *message.ordering_key, out);
  if (message.sequence_id.has_value()) wire::AppendVarintField(8, *message.sequence_id, out);
  AppendFlag(9, message.null_value, out);
  AppendFlag(10, message.null_partition_key, out);
  out->append(message.other_fields);
}

// So that nothing is appended where there is no memory for all of it. reserve() by itself needn't grow in proportion,
// as a batch of many messages wants it.
void ReserveRoom(size_t size, std::string* out) {
  const size_t needed = out->size() + size;
  if (needed > out->capacity()) out->reserve(std::max(needed, 2 * out->capacity()));
}

// Forgets what it held, but keeps the memory.
void Clear(SingleMessage* message) {
  SingleMessage cleared;
  cleared.properties.swap(message->properties);
  cleared.other_fields.swap(message->other_fields);
  cleared.properties.clear();
  cleared.other_fields.clear();
  *message = std::move(cleared);
}

// Into `message`, which is clear; payload_size is -1 where it is absent.
wire::FieldReader ReadMetadata(std::string_view metadata, SingleMessage* message, int32_t* payload_size) {
  *payload_size = -1;
  wire::FieldReader fields(metadata);
  while (fields.Next()) {
    switch (fields.tag()) {
      case Tag(1, wire::kBytes):
        if (message->properties.size() == kMaxProperties) fields.Fail("there are more than 1,000 properties");
        message->properties.push_back(ReadKeyValue(&fields));
        break;
      case Tag(2, wire::kBytes): message->partition_key = fields.Bytes(); break;
      case Tag(3, wire::kVarint): *payload_size = fields.Int32(); break;
      case Tag(4, wire::kVarint): message->compacted_out = fields.Varint() != 0; break;
      case Tag(5, wire::kVarint): message->event_time = fields.Varint(); break;
      case Tag(6, wire::kVarint): message->partition_key_b64_encoded = fields.Varint() != 0; break;
      case Tag(7, wire::kBytes): message->ordering_key = fields.Bytes(); break;
      case Tag(8, wire::kVarint): message->sequence_id = fields.Varint(); break;
      case Tag(9, wire::kVarint): message->null_value = fields.Varint() != 0; break;
      case Tag(10, wire::kVarint): message->null_partition_key = fields.Varint() != 0; break;
      default:
        fields.Skip();
        if (fields.ok()) message->other_fields.append(fields.field());
    }
  }
  return fields;
}

absl::Status OverLimit(std::string_view problem) {
  return Misuse(absl::StrCat("message for a batch: ", AsAbsl(problem)));
}

}  // namespace

size_t SizeInBatch(const SingleMessage& message) { return kSizeBytes + MetadataSize(message) + message.payload.size(); }

absl::Status AppendToBatch(const SingleMessage& message, std::string* out) {
  if (message.payload.size() > std::numeric_limits<int32_t>::max())
    return OverLimit("its payload is over 2^31 - 1 bytes");
  if (message.properties.size() > kMaxProperties) return OverLimit("it has more than 1,000 properties");
  const size_t metadata_size = MetadataSize(message);
  if (metadata_size > kMaxMetadataSize) return OverLimit("its metadata is over 5 MiB");
  ReserveRoom(kSizeBytes + metadata_size + message.payload.size(), out);
  char size[kSizeBytes];
  StoreBigEndian(static_cast<uint32_t>(metadata_size), size);
  out->append(size, kSizeBytes);
  AppendMetadata(message, out);
  out->append(message.payload);
  return absl::OkStatus();
}

void DescribeAlone(const SingleMessage& message, MessageMetadata* metadata) {
  metadata->properties.assign(message.properties.begin(), message.properties.end());
  metadata->partition_key = message.partition_key;
  metadata->partition_key_b64_encoded = message.partition_key_b64_encoded;
  metadata->ordering_key = message.ordering_key;
  metadata->event_time = message.event_time;
  metadata->sequence_id = message.sequence_id.value_or(metadata->sequence_id);
  metadata->null_value = message.null_value;
  metadata->null_partition_key = message.null_partition_key;
  metadata->num_messages_in_batch.reset();
  metadata->highest_sequence_id = 0;
}

SingleMessage MessageAlone(const MessageMetadata& metadata, std::string_view payload) {
  SingleMessage message;
  message.payload = payload;
  message.properties.assign(metadata.properties.begin(), metadata.properties.end());
  message.partition_key = metadata.partition_key;
  message.partition_key_b64_encoded = metadata.partition_key_b64_encoded;
  message.ordering_key = metadata.ordering_key;
  message.event_time = metadata.event_time;
  message.sequence_id = metadata.sequence_id;
  message.null_value = metadata.null_value;
  message.null_partition_key = metadata.null_partition_key;
  return message;
}

BatchReader::BatchReader(std::string_view batch, int32_t num_messages) : batch_(batch), num_messages_(num_messages) {
  if (num_messages < 1 || static_cast<size_t>(num_messages) > batch.size() / kShortestMessage) {
    status_ = MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                         absl::StrCat("batch: ", num_messages, " messages are declared, and it has ", batch.size(),
                                      " bytes; a message takes at least ", kShortestMessage));
  }
}

bool BatchReader::Next(SingleMessage* message) {
  if (!status_.ok() || index_ + 1 == num_messages_) return false;
  ++index_;
  std::string_view rest = batch_.substr(offset_);
  if (rest.size() < kSizeBytes) return Fail("the size of its metadata is cut off");
  const uint32_t metadata_size = LoadBigEndian(rest);
  rest.remove_prefix(kSizeBytes);
  if (metadata_size > kMaxMetadataSize) return Fail("its metadata is over 5 MiB");
  if (metadata_size > rest.size()) return Fail("its metadata is cut off");
  Clear(message);
  int32_t payload_size;
  const wire::FieldReader fields = ReadMetadata(rest.substr(0, metadata_size), message, &payload_size);
  if (!fields.ok()) return Fail(std::string(fields.status("its metadata").message()));
  rest.remove_prefix(metadata_size);
  if (payload_size < 0) return Fail("its payload_size (field 3) is absent or negative");
  if (static_cast<size_t>(payload_size) > rest.size()) return Fail("its payload is cut off");
  message->payload = rest.substr(0, static_cast<size_t>(payload_size));
  rest.remove_prefix(message->payload.size());
  if (index_ + 1 == num_messages_ && !rest.empty()) return Fail("bytes trail behind it, the last one declared");
  offset_ = batch_.size() - rest.size();
  return true;
}

bool BatchReader::Fail(std::string_view problem) {
  status_ = MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                       absl::StrCat("batch: message ", index_, " of ", num_messages_, " at offset ", offset_, " of ",
                                    batch_.size(), ": ", AsAbsl(problem)));
  return false;
}

absl::Status CheckBatch(std::string_view batch, int32_t num_messages) {
  BatchReader messages(batch, num_messages);
  for (SingleMessage message; messages.Next(&message);) continue;
  return messages.status();
}

}  // namespace pulseal::framing
