// SPDX-License-Identifier: Apache-2.0
//
// What encryption adds to Pulsar's MessageMetadata (fields 13 to 15), as values of our own: no protobuf type is needed
// to use them. docs/wire-format.md has the format.
#ifndef PULSEAL_ENCRYPTION_METADATA_H_
#define PULSEAL_ENCRYPTION_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pulseal/export.h"
#include "pulseal/key_wrapper.h"

namespace pulseal {

inline constexpr size_t kNonceSize = 12;  // bytes; the wire's encryption_param
inline constexpr size_t kTagSize = 16;    // bytes behind the ciphertext

// Metadata over these is malformed.
inline constexpr size_t kMaxKeyNameSize = 1024;      // bytes
inline constexpr size_t kMaxWrappedKeySize = 4096;   // bytes
inline constexpr size_t kMaxKeyMetadataPairs = 32;   // per wrapped key
inline constexpr size_t kMaxKeyMetadataSize = 4096;  // bytes of names and values together, per wrapped key
// Bytes of a wrapped key with all of the above, unknown fields too.
inline constexpr size_t kMaxEncryptionKeysSize = 16 * 1024;
inline constexpr size_t kMaxMetadataSize = 5 * 1024 * 1024;  // bytes, the whole MessageMetadata

// One wrapped key, pointing into memory of the caller's.
struct WrappedKeyView {
  std::string_view key_name, bytes;
  absl::Span<const std::pair<std::string_view, std::string_view>> metadata;
};

// What Decrypt looks at, filled from a client's own metadata class: all that a Decision depends on. Everything that it
// points to must live until the call that takes it returns.
struct MessageMetadataView {
  absl::Span<const WrappedKeyView> keys;         // field 13; not empty means: encrypted
  std::string_view nonce;                        // field 15
  std::optional<int32_t> num_messages_in_batch;  // field 11; absent is not the same as 1
  int32_t num_chunks = 0;                        // field 27
};

// All that is needed to decrypt a message later, when its key is at hand: keep it beside the payload. Properties and the
// other fields of MessageMetadata are not in it.
struct EncryptionContext {
  std::vector<WrappedKey> keys;                             // empty: the message was never encrypted
  std::string nonce, algorithm, producer_name, chunk_uuid;  // algorithm: field 14, which no client sets or reads
  uint64_t sequence_id = 0;
  uint64_t publish_time = 0;                     // milliseconds since 1970
  std::optional<int32_t> num_messages_in_batch;  // absent: not a batch
  int32_t num_chunks = 0, chunk_id = 0;          // more than 1: a chunk
  int32_t compression = 0;                       // the wire's number, as in framing::Compression
  int32_t total_chunk_size = 0;                  // of the whole message that this is a chunk of, compressed
  uint32_t uncompressed_size = 0;                // of the payload before compression and encryption

  // A complete MessageMetadata: MessageDecryptor::Decrypt takes it beside the payload. Parsing it gives an equal
  // context, or an error where this one is over the limits above.
  [[nodiscard]] PULSEAL_EXPORT std::string Serialize() const;
};

// The context of a serialised MessageMetadata. INVALID_ARGUMENT (kMalformed), naming field and offset, where it doesn't
// parse or is over the limits above. Metadata of a message that was never encrypted gives a context without keys. This
// and what follows is thread-safe.
PULSEAL_EXPORT absl::StatusOr<EncryptionContext> ParseEncryptionContext(std::string_view metadata);

// `metadata` with its wrapped keys (field 13) replaced by `keys`, every other byte as it was, unknown fields included:
// new recipients for a message whose payload stays untouched. The new keys stand where the first old one stood.
// INVALID_ARGUMENT: kMalformed as above; kNotEncrypted where `metadata` has no wrapped key; kMisuse where `keys` is
// empty, or it or the result is over a limit.
PULSEAL_EXPORT absl::StatusOr<std::string> ReplaceWrappedKeys(std::string_view metadata,
                                                              absl::Span<const WrappedKey> keys);

}  // namespace pulseal

#endif  // PULSEAL_ENCRYPTION_METADATA_H_
