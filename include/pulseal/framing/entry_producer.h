// SPDX-License-Identifier: Apache-2.0
//
// From messages to entries, in the order of the wire: a message or batch is compressed, then encrypted; one that is too
// long for an entry is compressed, cut into chunks, and each chunk is encrypted. The steps are usable apart: batch.h,
// compression.h, chunk.h, MessageEncryptor, entry.h.
#ifndef PULSEAL_FRAMING_ENTRY_PRODUCER_H_
#define PULSEAL_FRAMING_ENTRY_PRODUCER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pulseal/export.h"
#include "pulseal/framing/batch.h"
#include "pulseal/framing/compression.h"
#include "pulseal/framing/message_metadata.h"
#include "pulseal/message_encryptor.h"

namespace pulseal::framing {

struct EntryProducerOptions {
  // Where it makes a payload no shorter, that one is sent as it is, and its metadata says so.
  Compression compression = Compression::kNone;
  // Bytes of a message or batch, before compression; the broker's maxMessageSize. Without chunks, whatever is sent can be
  // read by consumers that have the same limit.
  size_t max_message_size = kDefaultMaxMessageSize;
  // A message (not a batch) that is over max_message_size after compression goes out in chunks, each of which, with its
  // metadata, is at most max_message_size. Its consumers must allow its whole size.
  bool chunks = false;
};

// One entry to send or store: its metadata is `metadata` with `encryption_fields` behind it (AppendEntry does that).
// Views live until the sink returns.
struct OutgoingEntry {
  std::string_view metadata;           // serialised
  std::string_view encryption_fields;  // empty where it isn't encrypted
  std::string_view payload;
  bool encrypted = false;  // false only under ProducerCryptoFailureAction::kSend, and of a producer that is InClear
  // As in the metadata: a broker is told of chunks, and answers each.
  int32_t num_chunks = 0;  // zero: not a chunk
  int32_t chunk_id = 0;    // from 0
};

// Takes an entry. Whatever it returns but OK ends the call, and is what the call returns; of a message in chunks the rest is
// then not handed over. What it throws passes through. Must not be empty, nor call the producer that calls it.
using EntrySink = std::function<absl::Status(const OutgoingEntry&)>;

// Thread-compatible: one for each producer or thread; any number may share an encryptor. Its plaintext scratch memory is
// wiped when freed.
//
// Errors of both functions; nothing was handed to the sink, unless the sink's own status is returned:
//   INVALID_ARGUMENT (kMisuse)  the message or batch is over a limit of the options' or of batch.h's; the metadata has
//                               encryption fields, over kMaxProperties properties, is over kMaxMetadataSize with the fields
//                               that encryption adds, or leaves no room for a chunk; a batch is empty; compression.h
//                               doesn't know the codec
//   RESOURCE_EXHAUSTED          the codec got no memory
//   and those of MessageEncryptor::Encrypt and Pin; FAILED_PRECONDITION where recipients change again and again while
//   chunks are being encrypted. All chunks of a message are encrypted before the first is handed over. Under kSend a
//   message in chunks never goes out in clear: UNAVAILABLE.
class PULSEAL_EXPORT EntryProducer {
 public:
  // Encrypts with `encryptor`, which must outlive this.
  explicit EntryProducer(MessageEncryptor& encryptor, EntryProducerOptions options = EntryProducerOptions());
  // Encrypts nothing, for a client whose application has encryption switched off; all else is the same.
  // Security: for that alone. Where keys are missing it is no way out: MessageEncryptor's errors and failure action are.
  static EntryProducer InClear(EntryProducerOptions options = EntryProducerOptions());
  ~EntryProducer();
  EntryProducer(const EntryProducer&) = delete;
  EntryProducer& operator=(const EntryProducer&) = delete;

  // One message, or, where metadata.num_messages_in_batch is there, a batch that the caller has built. Sets compression
  // and uncompressed_size, and for chunks their fields (chunk_uuid only where it is empty, to
  // PRODUCER_NAME-SEQUENCE_ID); clears these where the message goes out whole, so that an outcome's metadata can be sent on.
  // Everything else is the caller's.
  absl::Status Send(MessageMetadata metadata, std::string_view payload, const EntrySink& sink);

  // Builds a batch, and sends it. Also sets num_messages_in_batch, and highest_sequence_id to the last message's
  // sequence_id where it has one. Not for a topic that is compacted: a broker can't look into an encrypted batch, so its
  // compaction takes one for a single message with metadata.partition_key, and removes it where that is absent, or when a
  // later one has the same. Of messages sent one by one it keeps the last of each key (docs/interop.md has both).
  absl::Status SendBatch(MessageMetadata metadata, absl::Span<const SingleMessage> messages, const EntrySink& sink);

 private:
  explicit EntryProducer(std::unique_ptr<class EntryProducerState> state);

  std::unique_ptr<class EntryProducerState> state_;
};

}  // namespace pulseal::framing

#endif  // PULSEAL_FRAMING_ENTRY_PRODUCER_H_
