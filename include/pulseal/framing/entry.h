// SPDX-License-Identifier: Apache-2.0
//
// A stored entry: what a Pulsar broker keeps for one message, one batch or one chunk, and what a consumer receives.
//
//   [0x0e 0x01][checksum, 4 bytes][metadata size, 4 bytes][MessageMetadata][payload]
//
// Integers are big-endian; the checksum is CRC32C (RFC 3720) of everything behind it. An entry doesn't say where its
// payload ends: whoever stores entries one after another keeps their sizes.
//
// Plain functions over the caller's bytes; thread-safe. Message metadata is message_metadata.h's.
// Security: the checksum finds accidents, not attacks; anybody can compute it.
#ifndef PULSEAL_FRAMING_ENTRY_H_
#define PULSEAL_FRAMING_ENTRY_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pulseal/export.h"

namespace pulseal::framing {

inline constexpr size_t kEntryHeaderSize = 10;  // bytes before the metadata

// Pieces of an entry, pointing into the caller's bytes.
struct EntryView {
  std::string_view metadata;  // a serialised MessageMetadata; not looked into
  std::string_view payload;
};

// Bytes of the entry that BuildEntry makes.
constexpr size_t EntrySize(size_t metadata_size, size_t payload_size) {
  return kEntryHeaderSize + metadata_size + payload_size;
}

// Writes an entry to the front of `out` and returns it. The metadata is `metadata` with `encryption_fields`
// (Sealed::fields; empty for a plaintext) behind it. `payload` may already stand in `out` where it belongs, at
// EntrySize(metadata.size() + encryption_fields.size(), 0), and is then not copied; otherwise `out` must not overlap
// any of them.
//   OUT_OF_RANGE (kMisuse)      `out` is smaller than EntrySize(...); the message names the size needed
//   INVALID_ARGUMENT (kMisuse)  the metadata is over kMaxMetadataSize
// On error nothing is written.
PULSEAL_EXPORT absl::StatusOr<std::string_view> BuildEntry(std::string_view metadata,
                                                           std::string_view encryption_fields, std::string_view payload,
                                                           absl::Span<char> out);

// The same behind what `out` holds, growing it. `out` must not hold any of the others. On error it is as it was.
PULSEAL_EXPORT absl::Status AppendEntry(std::string_view metadata, std::string_view encryption_fields,
                                        std::string_view payload, std::string* out);

// The pieces of `entry`, which live as long as its bytes. Never allocates but for an error.
//   INVALID_ARGUMENT (kMalformed)  cut off, no entry, or metadata over kMaxMetadataSize; names the field and its offset
//   UNAUTHENTICATED (kMalformed)   the checksum doesn't match: damaged, or its payload is cut off
PULSEAL_EXPORT absl::StatusOr<EntryView> ParseEntry(std::string_view entry);

}  // namespace pulseal::framing

#endif  // PULSEAL_FRAMING_ENTRY_H_
