// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/metadata_schema.h"

#include "absl/time/time.h"
#include "pulseal/framing/compression.h"

namespace pulseal::tools {
namespace {

using Kind = FieldSchema::Kind;

const FieldSchema kKeyValue[] = {{1, "key", Kind::kText, nullptr, {}}, {2, "value", Kind::kText, nullptr, {}}};

const FieldSchema kEncryptionKeys[] = {{1, "key", Kind::kText, nullptr, {}},
                                       {2, "value", Kind::kBytes, nullptr, {}},
                                       {3, "metadata", Kind::kMessage, nullptr, kKeyValue}};

// proto/pulsar_metadata.proto; the headers are those that the broker's PersistentTopicsBase writes.
const FieldSchema kMetadata[] = {
    {1, "producer_name", Kind::kText, "producer-name", {}},
    {2, "sequence_id", Kind::kNumber, "sequence-id", {}},
    {3, "publish_time", Kind::kTime, "publish-time", {}},
    {4, "properties", Kind::kMessage, nullptr, kKeyValue},
    {5, "replicated_from", Kind::kText, "replicated-from", {}},
    {6, "partition_key", Kind::kText, "partition-key", {}},
    {7, "replicate_to", Kind::kText, "replicated-to", {}},
    {8, "compression", Kind::kCompression, "compression", {}},
    {9, "uncompressed_size", Kind::kNumber, "uncompressed-size", {}},
    {11, "num_messages_in_batch", Kind::kSigned, "num-batch-message", {}},
    {12, "event_time", Kind::kTime, "event-time", {}},
    {13, "encryption_keys", Kind::kMessage, "Base64-encryption-keys", kEncryptionKeys},
    {14, "encryption_algo", Kind::kText, "encryption-algo", {}},
    {15, "encryption_param", Kind::kBytes, "Base64-encryption-param", {}},
    {16, "schema_version", Kind::kBytes, "Base64-schema-version", {}},
    {17, "partition_key_b64_encoded", Kind::kBool, "partition-key-b64-encoded", {}},
    {18, "ordering_key", Kind::kBytes, "Base64-ordering-key", {}},
    {19, "deliver_at_time", Kind::kTime, "deliver-at-time", {}},
    {20, "marker_type", Kind::kSigned, "marker-type", {}},
    {22, "txnid_least_bits", Kind::kNumber, "txnid-least-bits", {}},
    {23, "txnid_most_bits", Kind::kNumber, "txnid-most-bits", {}},
    {24, "highest_sequence_id", Kind::kNumber, "highest-sequence-id", {}},
    {25, "null_value", Kind::kBool, "null-value", {}},
    {26, "uuid", Kind::kText, "uuid", {}},
    {27, "num_chunks_from_msg", Kind::kSigned, "num-chunks-from-msg", {}},
    {28, "total_chunk_msg_size", Kind::kSigned, "total-chunk-msg-size", {}},
    {29, "chunk_id", Kind::kSigned, "chunk-id", {}},
    {30, "null_partition_key", Kind::kBool, "null-partition-key", {}},
    {31, "compacted_batch_indexes", Kind::kSigned, nullptr, {}},
    {32, "schema_id", Kind::kBytes, nullptr, {}},
    {33, "entry_hash_min", Kind::kNumber, nullptr, {}},
    {34, "entry_hash_max", Kind::kNumber, nullptr, {}},
};

}  // namespace

absl::Span<const FieldSchema> MetadataSchema() { return kMetadata; }

const FieldSchema* FindField(absl::Span<const FieldSchema> fields, uint32_t number) {
  for (const FieldSchema& field : fields) {
    if (field.number == number) return &field;
  }
  return nullptr;
}

const char* CompressionName(int32_t compression) {
  return framing::CompressionName(static_cast<framing::Compression>(compression));
}

std::string TimeText(uint64_t milliseconds_since_1970) {
  if (milliseconds_since_1970 > kLatestTime) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(static_cast<int64_t>(milliseconds_since_1970)),
                          absl::UTCTimeZone());
}

}  // namespace pulseal::tools
