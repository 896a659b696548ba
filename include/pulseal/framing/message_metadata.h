// SPDX-License-Identifier: Apache-2.0
//
// Pulsar's MessageMetadata as a plain value, for programs that have no such class of their own.
#ifndef PULSEAL_FRAMING_MESSAGE_METADATA_H_
#define PULSEAL_FRAMING_MESSAGE_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "pulseal/export.h"

namespace pulseal::framing {

inline constexpr size_t kMaxProperties = 1000;  // of a message; more is malformed

// Names and values in the order of the wire; a name may come twice.
using Properties = std::vector<std::pair<std::string, std::string>>;

// The codecs of the wire. More may be appended; a number that isn't here is a codec that this library doesn't know.
enum class Compression : int32_t { kNone = 0, kLz4 = 1, kZlib = 2, kZstd = 3, kSnappy = 4 };

// Everything that travels beside a message's payload. Security: in clear and unauthenticated, even where the payload is
// encrypted.
struct MessageMetadata {
  std::string producer_name;
  uint64_t sequence_id = 0;
  uint64_t publish_time = 0;  // milliseconds since 1970
  uint64_t event_time = 0;    // milliseconds since 1970; zero: none
  Properties properties;
  std::optional<std::string> partition_key;
  bool partition_key_b64_encoded = false;
  std::optional<std::string> ordering_key;
  bool null_value = false;  // a tombstone
  bool null_partition_key = false;

  Compression compression = Compression::kNone;
  uint32_t uncompressed_size = 0;  // of the payload before compression and encryption; always written

  std::optional<int32_t> num_messages_in_batch;  // absent: not a batch, which is not the same as a batch of one
  uint64_t highest_sequence_id = 0;              // of a batch

  std::string chunk_uuid;        // the same for all chunks of a message
  int32_t num_chunks = 0;        // zero: not a chunk
  int32_t chunk_id = 0;          // from 0
  int32_t total_chunk_size = 0;  // of the compressed plaintext

  // Fields 13 to 15, serialised: put Sealed::fields here. pulseal/encryption_metadata.h takes them apart.
  std::string encryption_fields;
  // Every field that has no member here, known or not, serialised: what a newer client added survives.
  std::string other_fields;

  // The serialised MessageMetadata. Parsing it gives an equal value.
  [[nodiscard]] PULSEAL_EXPORT std::string Serialize() const;
};

// INVALID_ARGUMENT (kMalformed) where `metadata` doesn't parse, lacks a required field, or is over kMaxMetadataSize or
// kMaxProperties; names the field, and its offset where there is one. Fields 13 to 15 are kept and not looked into:
// ParseEncryptionContext does, and checks their limits.
PULSEAL_EXPORT absl::StatusOr<MessageMetadata> ParseMessageMetadata(std::string_view metadata);

}  // namespace pulseal::framing

#endif  // PULSEAL_FRAMING_MESSAGE_METADATA_H_
