// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/message_metadata.h"

#include "lib/status.h"
#include "proto/pulsar_metadata.pb.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal::framing {
namespace {

absl::Status Malformed(std::string_view problem) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed, problem);
}

// Why protobuf didn't like `metadata`, for which it has no words.
absl::Status ExplainMalformed(std::string_view metadata) {
  const absl::Status status = ParseEncryptionContext(metadata).status();
  return status.ok() ? Malformed("message metadata is malformed inside properties (field 4) or another nested field")
                     : status;
}

absl::Status CheckRequired(const proto::MessageMetadata& message) {
  if (!message.has_producer_name()) return Malformed("message metadata has no producer_name (field 1)");
  if (!message.has_sequence_id()) return Malformed("message metadata has no sequence_id (field 2)");
  if (!message.has_publish_time()) return Malformed("message metadata has no publish_time (field 3)");
  for (const proto::KeyValue& property : message.properties()) {
    if (property.IsInitialized()) continue;
    return Malformed("message metadata has a property (field 4) without a name or a value");
  }
  return absl::OkStatus();
}

// Fields 13 to 15 out of `message`, which keeps the others.
std::string TakeEncryptionFields(proto::MessageMetadata* message) {
  proto::MessageMetadata encryption;
  encryption.mutable_encryption_keys()->Swap(message->mutable_encryption_keys());
  if (message->has_encryption_algo()) encryption.set_encryption_algo(std::move(*message->mutable_encryption_algo()));
  if (message->has_encryption_param()) encryption.set_encryption_param(std::move(*message->mutable_encryption_param()));
  message->clear_encryption_algo();
  message->clear_encryption_param();
  return encryption.SerializePartialAsString();
}

void ReadMessage(const proto::MessageMetadata& message, MessageMetadata* metadata) {
  metadata->producer_name = message.producer_name();
  metadata->sequence_id = message.sequence_id();
  metadata->publish_time = message.publish_time();
  metadata->event_time = message.event_time();
  metadata->properties.reserve(static_cast<size_t>(message.properties_size()));
  for (const proto::KeyValue& property : message.properties()) {
    metadata->properties.emplace_back(property.key(), property.value());
  }
  if (message.has_partition_key()) metadata->partition_key = message.partition_key();
  metadata->partition_key_b64_encoded = message.partition_key_b64_encoded();
  if (message.has_ordering_key()) metadata->ordering_key = message.ordering_key();
  metadata->null_value = message.null_value();
  metadata->null_partition_key = message.null_partition_key();
  metadata->compression = static_cast<Compression>(message.compression());
  metadata->uncompressed_size = message.uncompressed_size();
  if (message.has_num_messages_in_batch()) metadata->num_messages_in_batch = message.num_messages_in_batch();
  metadata->highest_sequence_id = message.highest_sequence_id();
  metadata->chunk_uuid = message.uuid();
  metadata->num_chunks = message.num_chunks_from_msg();
  metadata->chunk_id = message.chunk_id();
  metadata->total_chunk_size = message.total_chunk_msg_size();
}

void ClearWhatWasRead(proto::MessageMetadata* message) {
  message->clear_producer_name();
  message->clear_sequence_id();
  message->clear_publish_time();
  message->clear_event_time();
  message->clear_properties();
  message->clear_partition_key();
  message->clear_partition_key_b64_encoded();
  message->clear_ordering_key();
  message->clear_null_value();
  message->clear_null_partition_key();
  message->clear_compression();
  message->clear_uncompressed_size();
  message->clear_num_messages_in_batch();
  message->clear_highest_sequence_id();
  message->clear_uuid();
  message->clear_num_chunks_from_msg();
  message->clear_chunk_id();
  message->clear_total_chunk_msg_size();
}

void WriteChunk(const MessageMetadata& metadata, proto::MessageMetadata* message) {
  message->set_uuid(metadata.chunk_uuid);
  message->set_num_chunks_from_msg(metadata.num_chunks);
  message->set_chunk_id(metadata.chunk_id);
  message->set_total_chunk_msg_size(metadata.total_chunk_size);
}

}  // namespace

std::string MessageMetadata::Serialize() const {
  proto::MessageMetadata message;
  message.set_producer_name(producer_name);
  message.set_sequence_id(sequence_id);
  message.set_publish_time(publish_time);
  if (event_time != 0) message.set_event_time(event_time);
  for (const auto& [name, value] : properties) {
    proto::KeyValue* property = message.add_properties();
    property->set_key(name);
    property->set_value(value);
  }
  if (partition_key.has_value()) message.set_partition_key(*partition_key);
  if (partition_key_b64_encoded) message.set_partition_key_b64_encoded(true);
  if (ordering_key.has_value()) message.set_ordering_key(*ordering_key);
  if (null_value) message.set_null_value(true);
  if (null_partition_key) message.set_null_partition_key(true);
  if (compression != Compression::kNone) message.set_compression(static_cast<int32_t>(compression));
  // Always, because a Go consumer takes a message without it for an empty one.
  message.set_uncompressed_size(uncompressed_size);
  if (num_messages_in_batch.has_value()) message.set_num_messages_in_batch(*num_messages_in_batch);
  if (highest_sequence_id != 0) message.set_highest_sequence_id(highest_sequence_id);
  if (num_chunks != 0 || chunk_id != 0 || total_chunk_size != 0 || !chunk_uuid.empty()) WriteChunk(*this, &message);
  // Protobuf lets serialised pieces be concatenated.
  return message.SerializeAsString() + other_fields + encryption_fields;
}

absl::StatusOr<MessageMetadata> ParseMessageMetadata(std::string_view metadata) {
  if (metadata.size() > kMaxMetadataSize) return ExplainMalformed(metadata);
  proto::MessageMetadata message;
  if (!message.ParsePartialFromArray(metadata.data(), static_cast<int>(metadata.size()))) {
    return ExplainMalformed(metadata);
  }
  absl::Status status = CheckRequired(message);
  if (!status.ok()) return status;
  MessageMetadata parsed;
  parsed.encryption_fields = TakeEncryptionFields(&message);
  ReadMessage(message, &parsed);
  ClearWhatWasRead(&message);
  parsed.other_fields = message.SerializePartialAsString();
  return parsed;
}

}  // namespace pulseal::framing
