// SPDX-License-Identifier: Apache-2.0
//
// Reads the fields that a consumer needs straight from a serialised MessageMetadata, without building an object, and
// writes the fields that a producer adds. docs/wire-format.md has the format.
#ifndef PULSEAL_LIB_METADATA_FIELDS_H_
#define PULSEAL_LIB_METADATA_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal {

// More wrapped keys than this is malformed, whatever the options say.
inline constexpr size_t kMostWrappedKeys = 64;

// What a consumer's decision needs, pointing into the scanned bytes. Plain data: no allocation, cheap to keep on the
// stack.
struct ScannedMetadata {
  // Each wrapped key's EncryptionKeys message as it stands on the wire. Two messages with the same wrapped key from the
  // same producer have the same bytes here, so they serve as the wrapped key's identity. In a union, so that nobody
  // pays for clearing what lies behind num_keys.
  union {
    std::string_view keys[kMostWrappedKeys];
  };
  size_t num_keys = 0;
  std::string_view nonce;
  std::optional<int32_t> num_messages_in_batch;
  int32_t num_chunks = 0, chunk_id = 0;

  ScannedMetadata() {}  // NOLINT(modernize-use-equals-default): the union leaves no default
  bool encrypted() const { return num_keys > 0; }
  absl::Span<const std::string_view> wrapped_keys() const { return absl::MakeConstSpan(keys, num_keys); }
};

// Fills `scanned` (its former contents don't matter). Accepts what protobuf's own parser accepts for MessageMetadata,
// in any order, repeated scalars included (the last wins), with unknown fields skipped. Stricter in kMaxMetadataSize,
// kMaxEncryptionKeysSize and kMostWrappedKeys, and in tags over 32 bits, which protobuf cuts. Looser in one thing: it
// doesn't ask for the required fields 1 to 3, nor look inside fields (a wrapped key is looked into by ParseWrappedKey,
// before it costs anything). False: malformed, and `scanned` is of a message without fields; ExplainMalformed says why.
bool ScanMetadata(std::string_view metadata, ScannedMetadata* scanned);

// For bytes that ScanMetadata refused: INVALID_ARGUMENT (kMalformed), naming field and offset. Costs what a message may
// not. OK for others.
absl::Status ExplainMalformed(std::string_view metadata);

// The key name inside one of ScannedMetadata::keys, in its memory; empty where it has none or is malformed.
std::string_view KeyNameOf(std::string_view encryption_keys);

// Where KeyNameOf finds it: the same in all equal wrapped keys.
struct KeyNamePlace {
  size_t offset = 0, size = 0;
};
KeyNamePlace KeyNamePlaceIn(std::string_view encryption_keys);

// One of ScannedMetadata::keys as a value of its own. INVALID_ARGUMENT (kMalformed) where it is over a limit or
// incomplete.
absl::StatusOr<WrappedKey> ParseWrappedKey(std::string_view encryption_keys);

// One EncryptionKeys message (without tag and length of field 13) into `out`, replacing what it held.
// INVALID_ARGUMENT (kMisuse) where `key` is over a limit.
absl::Status SerializeWrappedKey(const WrappedKeyView& key, std::string* out);

// Field 13 for `key`, tag included, whatever its sizes.
void AppendWrappedKey(const WrappedKey& key, std::string* out);

// Field 13 for each key, tags included. INVALID_ARGUMENT (kMisuse) where a key is over a limit, or there is none, or
// more than kMostWrappedKeys.
absl::StatusOr<std::string> SerializeWrappedKeys(absl::Span<const WrappedKey> keys);

// What a producer appends to each message's metadata: SerializeWrappedKeys, then field 15 with room for the nonce,
// whose kNonceSize bytes are the last ones. Errors as SerializeWrappedKeys.
absl::StatusOr<std::string> SerializeFieldsWithoutNonce(absl::Span<const WrappedKey> keys);

}  // namespace pulseal

#endif  // PULSEAL_LIB_METADATA_FIELDS_H_
