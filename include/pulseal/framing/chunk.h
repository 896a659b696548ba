// SPDX-License-Identifier: Apache-2.0
//
// Chunks: a message that is too long for one entry, cut into several. It is compressed as a whole, then cut, then each
// chunk is encrypted by itself; so each chunk is decrypted before it comes here.
//
// A chunk's MessageMetadata has uuid (the same for all chunks of the message, by custom PRODUCER-SEQUENCE_ID),
// num_chunks_from_msg, chunk_id from 0, and total_chunk_msg_size, the size of the compressed plaintext. A message of one
// chunk is none: with num_chunks_from_msg of 1 or less the payload is whole.
#ifndef PULSEAL_FRAMING_CHUNK_H_
#define PULSEAL_FRAMING_CHUNK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pulseal/export.h"
#include "pulseal/framing/compression.h"
#include "pulseal/secret_bytes.h"

namespace pulseal::framing {

// One chunk. Views belong to the caller. Chunks are of one message where everything but chunk_id and payload is the same.
struct Chunk {
  std::string_view uuid;
  int32_t num_chunks = 0, chunk_id = 0;
  int32_t total_size = 0;    // of the message, compressed
  bool encrypted = false;    // whether this chunk was
  std::string_view payload;  // decrypted
  // What tells the data keys of two chunks apart, such as the names and wrapped keys of field 13, one behind the other.
  // Security: it must be there for encrypted chunks. Without it, whoever has the public key puts a chunk of his own into
  // another's message.
  std::string_view wrapped_keys;
  Compression compression = Compression::kNone;
  uint32_t uncompressed_size = 0;
};

// Chunks of at most `max_chunk_size` bytes that a message of `total_size` bytes takes. INVALID_ARGUMENT (kMisuse): one of
// them is zero, total_size is over 2^31 - 1, or it would be over 1,000,000 chunks (as many as a data key can be pinned for).
PULSEAL_EXPORT absl::StatusOr<int32_t> CountChunks(size_t total_size, size_t max_chunk_size);

// Chunk `chunk_id` (0 to CountChunks - 1) of `message`, inside it: max_chunk_size bytes, or what is left.
// Empty for any other number.
PULSEAL_EXPORT std::string_view ChunkAt(std::string_view message, size_t max_chunk_size, int32_t chunk_id);

struct ChunkLimits {
  size_t max_message_size = kDefaultMaxMessageSize;  // bytes, compressed; a total over it is malformed
  // Bytes held for all open messages: chunks, and 256 for each chunk and message beside them. Beyond it the message that
  // was begun first is given up, and the next.
  size_t max_held_bytes = 64 * 1024 * 1024;
  size_t max_open_messages = 100;                              // beyond it as above; as many failed ones are remembered
  std::chrono::nanoseconds max_age = std::chrono::minutes(1);  // from a message's first chunk on; then it is given up
  // What becomes of chunks that are malformed or whose message doesn't get complete within max_age: true
  // acknowledges them, false leaves them for redelivery. What is given up for others is always left for redelivery.
  bool discard_failed = false;
};

// How one message ended: it is complete, or it failed.
struct AssembledMessage {
  std::string uuid;
  // OK: complete. Otherwise why it failed:
  //   INVALID_ARGUMENT (kMalformed)        a chunk that contradicts itself (alone), or chunks that aren't as long together
  //                                        as they say
  //   DEADLINE_EXCEEDED (kLimitReached)    not complete within max_age
  //   RESOURCE_EXHAUSTED (kLimitReached)   given up for others: max_held_bytes or max_open_messages
  //   or the status that Fail was called with
  absl::Status status;
  // Failed: its chunks are to be acknowledged unread; otherwise they are left for redelivery.
  bool discard = false;
  // This message failed before, and `cookies` are those of a chunk that came late: don't count it a second time.
  bool failed_before = false;
  bool encrypted = false;         // OK: whether its chunks were
  SecretBytes payload;            // OK: the whole message, compressed; otherwise empty
  std::vector<uint64_t> cookies;  // of every chunk that came for it since it was begun, in the order of their coming
};

// Puts chunks together, in whatever order they come and of however many messages at a time.
//
// Identity. The official clients know a message by its uuid, which anybody can predict. Here a message is its uuid and all
// else that its chunks have in common (see Chunk), the wrapped keys above all: a chunk that differs in any of it begins a
// message of its own and touches no other. Producers put one key list on all chunks of a message, unless their data key
// rotates in its middle (the official ones', at most every few hours; this library's never): such a message doesn't get
// complete and fails after max_age, because one with two data keys can't be told from one that was spliced.
//
// Accounting. The caller gives each chunk a cookie (see EntryConsumer::Consume). Each cookie that was handed in comes back
// exactly once, in the AssembledMessage that its message ends with: that is when the chunk's entry is to be acknowledged,
// or left for redelivery. Permits must not wait as long, or a message of more chunks than permits would never end: give one
// back for each call of Add or Fail that doesn't complete a message, at once.
//
// A chunk that comes again while its message is open (redelivered, or sent twice) adds its cookie and nothing else; its
// bytes are not looked at. A message that failed is remembered until each of its chunks was answered once, or for max_age,
// so that it fails once however many of its chunks come later; a chunk of it that comes a second time is a redelivery and
// begins the message anew. So does a chunk of a message that was complete. A chunk that is of no use whatever the others
// are (no uuid, a number out of range, empty, a total over max_message_size; Fail with kNotEncrypted) touches no message:
// it fails alone, with its own cookie.
//
// Time is what the caller says it is, from any clock that doesn't go back. Nothing is allocated because of what a chunk
// claims, only for bytes that came. Chunks and messages are wiped when freed. Thread-compatible: one thread at a time.
// Security: a chunk_id isn't authenticated. Whoever writes to the topic and has seen a chunk of a message can send it again
// as another chunk, or with bytes that don't decrypt, and so spoil that message; and whoever has the public key, or may send
// plaintext, can open so many messages that the oldest are given up (left for redelivery).
class PULSEAL_EXPORT ChunkAssembler {
 public:
  explicit ChunkAssembler(ChunkLimits limits = ChunkLimits());
  ~ChunkAssembler();
  ChunkAssembler(const ChunkAssembler&) = delete;
  ChunkAssembler& operator=(const ChunkAssembler&) = delete;

  // Takes one chunk in and returns every message that ended by it: complete, failed, given up for it or expired. Empty:
  // more chunks are needed. Messages that expired come first.
  std::vector<AssembledMessage> Add(const Chunk& chunk, uint64_t cookie, std::chrono::nanoseconds now);

  // The same for a chunk that could not be decrypted or is otherwise of no use: its message fails with `status`, which
  // isn't OK, and `discard`. chunk.payload is not looked at. Where the chunk is of no use whatever the others are, or the
  // status is kNotEncrypted, only the chunk fails.
  std::vector<AssembledMessage> Fail(const Chunk& chunk, uint64_t cookie, const absl::Status& status, bool discard,
                                     std::chrono::nanoseconds now);

  // Messages that are older than max_age. To be called now and then where chunks may stop coming.
  std::vector<AssembledMessage> Expire(std::chrono::nanoseconds now);

  // All open messages, as if they had expired, and forgets the failed ones: the topic has ended.
  std::vector<AssembledMessage> Flush();

  size_t open_messages() const;
  size_t held_bytes() const;  // at most max_held_bytes when a call has returned

 private:
  std::unique_ptr<class ChunkAssemblerState> state_;
};

}  // namespace pulseal::framing

#endif  // PULSEAL_FRAMING_CHUNK_H_
