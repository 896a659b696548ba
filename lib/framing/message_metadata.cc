// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/message_metadata.h"

#include "lib/framing/key_value.h"
#include "lib/status.h"
#include "lib/wire.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal::framing {
namespace {

using wire::AppendBytesField;
using wire::AppendVarintField;
using wire::Tag;

absl::Status Malformed(std::string_view problem) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed, problem);
}

// Which of the required fields were met.
struct Required {
  bool producer_name = false, sequence_id = false, publish_time = false;
};

absl::Status CheckRequired(const Required& met) {
  if (!met.producer_name) return Malformed("message metadata has no producer_name (field 1)");
  if (!met.sequence_id) return Malformed("message metadata has no sequence_id (field 2)");
  if (!met.publish_time) return Malformed("message metadata has no publish_time (field 3)");
  return absl::OkStatus();
}

void ReadProperty(wire::FieldReader* fields, Properties* properties) {
  if (properties->size() == kMaxProperties) fields->Fail("there are more than 1,000 properties");
  const auto [name, value] = ReadKeyValue(fields);
  if (fields->ok()) properties->emplace_back(name, value);
}

// The present field, whatever it is, behind what `kept` holds.
void Keep(wire::FieldReader* fields, std::string* kept) {
  fields->Skip();
  if (fields->ok()) kept->append(fields->field());
}

wire::FieldReader ReadFields(std::string_view bytes, MessageMetadata* metadata, Required* met) {
  wire::FieldReader fields(bytes);
  if (bytes.size() > kMaxMetadataSize) fields.Fail("the metadata is over 5 MiB");
  while (fields.Next()) {
    switch (fields.tag()) {
      case Tag(1, wire::kBytes):
        metadata->producer_name = fields.Bytes();
        met->producer_name = true;
        break;
      case Tag(2, wire::kVarint):
        metadata->sequence_id = fields.Varint();
        met->sequence_id = true;
        break;
      case Tag(3, wire::kVarint):
        metadata->publish_time = fields.Varint();
        met->publish_time = true;
        break;
      case Tag(4, wire::kBytes): ReadProperty(&fields, &metadata->properties); break;
      case Tag(6, wire::kBytes): metadata->partition_key = fields.Bytes(); break;
      case Tag(8, wire::kVarint): metadata->compression = static_cast<Compression>(fields.Int32()); break;
      case Tag(9, wire::kVarint): metadata->uncompressed_size = static_cast<uint32_t>(fields.Varint()); break;
      case Tag(11, wire::kVarint): metadata->num_messages_in_batch = fields.Int32(); break;
      case Tag(12, wire::kVarint): metadata->event_time = fields.Varint(); break;
      case Tag(13, wire::kBytes):
      case Tag(14, wire::kBytes):
      case Tag(15, wire::kBytes): Keep(&fields, &metadata->encryption_fields); break;
      case Tag(17, wire::kVarint): metadata->partition_key_b64_encoded = fields.Varint() != 0; break;
      case Tag(18, wire::kBytes): metadata->ordering_key = fields.Bytes(); break;
      case Tag(24, wire::kVarint): metadata->highest_sequence_id = fields.Varint(); break;
      case Tag(25, wire::kVarint): metadata->null_value = fields.Varint() != 0; break;
      case Tag(26, wire::kBytes): metadata->chunk_uuid = fields.Bytes(); break;
      case Tag(27, wire::kVarint): metadata->num_chunks = fields.Int32(); break;
      case Tag(28, wire::kVarint): metadata->total_chunk_size = fields.Int32(); break;
      case Tag(29, wire::kVarint): metadata->chunk_id = fields.Int32(); break;
      case Tag(30, wire::kVarint): metadata->null_partition_key = fields.Varint() != 0; break;
      default: Keep(&fields, &metadata->other_fields);
    }
  }
  return fields;
}

// An int32 travels as 64 bits.
void AppendInt32Field(uint32_t field, int32_t value, std::string* out) {
  AppendVarintField(field, static_cast<uint64_t>(int64_t{value}), out);
}

void AppendFlag(uint32_t field, bool flag, std::string* out) {
  if (flag) AppendVarintField(field, 1, out);
}

bool IsChunk(const MessageMetadata& metadata) {
  return metadata.num_chunks != 0 || metadata.chunk_id != 0 || metadata.total_chunk_size != 0 ||
         !metadata.chunk_uuid.empty();
}

void AppendChunk(const MessageMetadata& metadata, std::string* out) {
  AppendBytesField(26, metadata.chunk_uuid, out);
  AppendInt32Field(27, metadata.num_chunks, out);
  AppendInt32Field(28, metadata.total_chunk_size, out);
  AppendInt32Field(29, metadata.chunk_id, out);
}

}  // namespace

std::string MessageMetadata::Serialize() const {
  std::string out;
  AppendBytesField(1, producer_name, &out);
  AppendVarintField(2, sequence_id, &out);
  AppendVarintField(3, publish_time, &out);
  for (const auto& [name, value] : properties) AppendKeyValueField(4, name, value, &out);
  if (partition_key.has_value()) AppendBytesField(6, *partition_key, &out);
  if (compression != Compression::kNone) AppendInt32Field(8, static_cast<int32_t>(compression), &out);
  // Always, because a Go consumer takes a message without it for an empty one.
  AppendVarintField(9, uncompressed_size, &out);
  if (num_messages_in_batch.has_value()) AppendInt32Field(11, *num_messages_in_batch, &out);
  if (event_time != 0) AppendVarintField(12, event_time, &out);
  AppendFlag(17, partition_key_b64_encoded, &out);
  if (ordering_key.has_value()) AppendBytesField(18, *ordering_key, &out);
  if (highest_sequence_id != 0) AppendVarintField(24, highest_sequence_id, &out);
  AppendFlag(25, null_value, &out);
  if (IsChunk(*this)) AppendChunk(*this, &out);
  AppendFlag(30, null_partition_key, &out);
  // Protobuf lets serialised pieces be joined.
  return out + other_fields + encryption_fields;
}

absl::StatusOr<MessageMetadata> ParseMessageMetadata(std::string_view metadata) {
  MessageMetadata parsed;
  Required met;
  const wire::FieldReader fields = ReadFields(metadata, &parsed, &met);
  absl::Status status = fields.ok() ? CheckRequired(met) : fields.status("message metadata");
  if (!status.ok()) return status;
  return parsed;
}

}  // namespace pulseal::framing
