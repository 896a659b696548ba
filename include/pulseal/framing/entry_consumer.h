// SPDX-License-Identifier: Apache-2.0
//
// From an entry to its messages, or to a Decision: decrypt, put chunks together, decompress, split. The steps are usable
// apart: entry.h, MessageDecryptor, chunk.h, compression.h, batch.h.
#ifndef PULSEAL_FRAMING_ENTRY_CONSUMER_H_
#define PULSEAL_FRAMING_ENTRY_CONSUMER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "pulseal/export.h"
#include "pulseal/framing/batch.h"
#include "pulseal/framing/chunk.h"
#include "pulseal/framing/compression.h"
#include "pulseal/framing/message_metadata.h"
#include "pulseal/message_decryptor.h"

namespace pulseal::framing {

struct EntryConsumerOptions {
  // Bytes of a message or batch after decompression. Raise it where producers send chunks, which are longer than that.
  size_t max_message_size = kDefaultMaxMessageSize;
  // What is decrypted, or was never encrypted, and then isn't what its metadata says; and a message whose chunks don't all
  // come: true discards it (as the official clients do with what can't be decompressed), false fails it.
  bool discard_malformed = false;
  // Of max_message_size and discard_failed the two above take the place. max_held_bytes is raised to what two messages of
  // max_message_size need.
  ChunkLimits chunks;
};

// What became of one message, batch or chunked message. Views live until the consumer's next call, as long as the entry's
// own bytes at most.
struct Outcome {
  // As the decryptor's Decision, but with kDeliver `payload` is decompressed and, of chunks, whole: a message, or a batch to
  // be split by MessageReader. kDeliverEncrypted: an entry's ciphertext as it came, a chunk's too, never decompressed nor
  // split. What is malformed behind the encryption is kFail or kDiscard (discard_malformed) with all its messages;
  // num_messages counts them.
  Decision decision;
  MessageMetadata metadata;  // kDeliver: of the entry, or of the chunk that came last
  // The entries that this settles, by the cookies that they came with: to be acknowledged when the messages are (kDeliver,
  // kDeliverEncrypted; at once where a batch has none left), or with an error (kDiscard), or not at all (kFail).
  std::vector<uint64_t> cookies;
  // A chunk that came when its message had failed already, in an outcome before this: count no second failure.
  bool failed_before = false;
};

// The messages of an outcome in their order: those of a batch, or the one; none where it isn't kDeliver. Leaves out what a
// compacting broker has taken out. The outcome must outlive it, and what a message's views point to. Thread-compatible.
class PULSEAL_EXPORT MessageReader {
 public:
  explicit MessageReader(const Outcome& outcome);
  explicit MessageReader(Outcome&& outcome) = delete;  // it would be gone

  // False behind the last one. `message` is as BatchReader::Next leaves it, or, of a message that wasn't in a batch,
  // as MessageAlone makes it: what it doesn't carry is in the outcome's metadata.
  bool Next(SingleMessage* message);

  // Place in the batch, from 0, of the message that Next read last; -1 where it isn't a batch.
  int32_t batch_index() const { return batch_.has_value() ? batch_->index() : -1; }

 private:
  const Outcome& outcome_;
  std::optional<BatchReader> batch_;
  bool done_;
};

// What one call came to.
struct [[nodiscard]] Consumed {
  // Usually one. None: the entry is a chunk, and more are needed. Several: messages in chunks that were given up or expired
  // come first.
  std::vector<Outcome> outcomes;
  // To give back to flow control now: those of all that isn't delivered, for it takes no room, and takes permits anew when
  // it is redelivered. That is a discarded or failed entry's messages, messages that a compacting broker took out of a
  // batch, and a chunk that completes nothing (with it, all of an outcome's chunks but the one that completes it have theirs
  // back). What is delivered gives its own back when it is used up: kDeliver one for each message that MessageReader hands
  // out, kDeliverEncrypted num_messages.
  int64_t permits = 0;
};

// Thread-compatible: one for each consumer of one topic partition; any number may share a decryptor. Its memory for
// plaintext is wiped when freed. Time is any clock that doesn't go back, and is looked at for chunks only.
class PULSEAL_EXPORT EntryConsumer {
 public:
  // `decryptor` must outlive this.
  explicit EntryConsumer(MessageDecryptor& decryptor, EntryConsumerOptions options = EntryConsumerOptions());
  ~EntryConsumer();
  EntryConsumer(const EntryConsumer&) = delete;
  EntryConsumer& operator=(const EntryConsumer&) = delete;

  // MessageDecryptor::Decrypt (which may run a key reader on this thread), then Unpack. `metadata` and `payload` are the
  // entry's (ParseEntry); `cookie` is the caller's name for the entry, such as its offset in a file. A message id of
  // Pulsar's has more than 64 bits; number the entries as they come and keep the ids by number until an outcome has them:
  //
  //   ids[next] = message.id;
  //   for (Outcome& outcome : Consume(entry.metadata, entry.payload, next++, now).outcomes)
  //     for (uint64_t cookie : outcome.cookies) Settle(outcome, ids.extract(cookie).mapped());
  Consumed Consume(std::string_view metadata, std::string_view payload, uint64_t cookie, std::chrono::nanoseconds now);

  // What is behind the encryption of an entry about which `decision` was made; for callers that may not block and use
  // TryDecrypt and Resolve. Not for kPending. decision.payload must live as long as the outcome's views are used.
  Consumed Unpack(const Decision& decision, std::string_view metadata, uint64_t cookie, std::chrono::nanoseconds now);

  // Messages whose chunks didn't come in time (chunks.max_age); and, when the topic has ended, all whose chunks are
  // missing.
  std::vector<Outcome> Expire(std::chrono::nanoseconds now);
  std::vector<Outcome> Flush();

 private:
  std::unique_ptr<class EntryConsumerState> state_;
};

}  // namespace pulseal::framing

#endif  // PULSEAL_FRAMING_ENTRY_CONSUMER_H_
