// SPDX-License-Identifier: Apache-2.0
//
// CONSUMER: decrypt -> put chunks together -> decompress -> split
#include "pulseal/framing/entry_consumer.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/framing/scratch.h"
#include "lib/status.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/secret_bytes.h"

namespace pulseal::framing {
namespace {

using Action = Decision::Action;

ChunkLimits LimitsOf(const EntryConsumerOptions& options) {
  ChunkLimits limits = options.chunks;
  // The codec that can make a payload longer than any other does: a bad one would be refused for its length, otherwise.
  limits.max_message_size =
      MaxCompressedSize(Compression::kSnappy, std::min(options.max_message_size, kMaxUncompressedSize));
  limits.max_held_bytes = std::max(limits.max_held_bytes, 2 * limits.max_message_size);
  limits.discard_failed = options.discard_malformed;
  return limits;
}

bool IsNotNow(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status);
}

// `decision` with a failure that was met behind the encryption.
Decision Failed(Decision decision, const absl::Status& status, bool discard) {
  decision.action = discard ? Action::kDiscard : Action::kFail;
  decision.worth_asking_again = !discard && IsNotNow(status);
  decision.reason = ReasonOf(status);
  decision.payload = {};
  decision.status = status;
  return decision;
}

Outcome OutcomeOf(Decision decision, MessageMetadata metadata, std::vector<uint64_t> cookies) {
  return {std::move(decision), std::move(metadata), std::move(cookies), false};
}

// Of a message in chunks that failed.
Outcome OutcomeOf(AssembledMessage message) {
  Outcome outcome;
  outcome.decision = Failed(Decision(), message.status, message.discard);
  outcome.metadata.chunk_uuid = std::move(message.uuid);
  outcome.cookies = std::move(message.cookies);
  outcome.failed_before = message.failed_before;
  return outcome;
}

std::vector<Outcome> OutcomesOf(std::vector<AssembledMessage> messages) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(messages.size());
  for (AssembledMessage& message : messages) outcomes.push_back(OutcomeOf(std::move(message)));
  return outcomes;
}

absl::Status Malformed(std::string_view problem) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed, problem);
}

bool IsDelivered(const Decision& decision) {
  return decision.action == Action::kDeliver || decision.action == Action::kDeliverEncrypted;
}

bool IsChunk(const MessageMetadata& metadata) { return metadata.num_chunks > 1; }

// The names and wrapped keys of field 13, each once: the C++ client repeats its list on each further chunk. Without their
// metadata: no data key depends on it, and a Go producer writes it in any order.
std::string WrappedKeysIn(const std::string& encryption_fields) {
  const absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(encryption_fields);
  if (!context.ok()) return encryption_fields;
  std::set<std::pair<std::string_view, std::string_view>> keys;
  for (const WrappedKey& key : context->keys) keys.emplace(key.key_name, key.bytes);
  std::string wrapped_keys;
  for (const auto& [name, bytes] : keys) {
    absl::StrAppend(&wrapped_keys, name.size(), " ", AsAbsl(name), bytes.size(), " ", AsAbsl(bytes));
  }
  return wrapped_keys;
}

}  // namespace

MessageReader::MessageReader(const Outcome& outcome)
    : outcome_(outcome), done_(outcome.decision.action != Action::kDeliver) {
  const auto& num_messages = outcome.metadata.num_messages_in_batch;
  if (!done_ && num_messages.has_value()) batch_.emplace(outcome.decision.payload, *num_messages);
}

bool MessageReader::Next(SingleMessage* message) {
  if (batch_.has_value()) {
    while (batch_->Next(message)) {
      if (!message->compacted_out) return true;
    }
    return false;
  }
  if (std::exchange(done_, true)) return false;
  *message = MessageAlone(outcome_.metadata, outcome_.decision.payload);
  return true;
}

// What an EntryConsumer keeps from one entry to the next.
class EntryConsumerState {
 public:
  EntryConsumerState(MessageDecryptor& decryptor, const EntryConsumerOptions& options)
      : decryptor_(decryptor), options_(options), chunks_(LimitsOf(options)) {}

  Consumed Consume(std::string_view metadata, std::string_view payload, uint64_t cookie, std::chrono::nanoseconds now);
  Consumed Unpack(const Decision& decision, std::string_view metadata, uint64_t cookie, std::chrono::nanoseconds now);
  std::vector<Outcome> Expire(std::chrono::nanoseconds now) { return OutcomesOf(chunks_.Expire(now)); }
  std::vector<Outcome> Flush() { return OutcomesOf(chunks_.Flush()); }

 private:
  Consumed UnpackChunk(const Decision& decision, MessageMetadata metadata, uint64_t cookie,
                       std::chrono::nanoseconds now);
  Outcome UnpackWhole(Decision decision, MessageMetadata metadata, std::vector<uint64_t> cookies, int64_t* permits);
  absl::Status Open(const MessageMetadata& metadata, std::string_view* payload, int64_t* permits);
  absl::StatusOr<std::string_view> Decompressed(const MessageMetadata& metadata, std::string_view payload);

  MessageDecryptor& decryptor_;
  const EntryConsumerOptions options_;
  ChunkAssembler chunks_;
  Decompressor decompressor_;
  SecretBytes plaintext_, assembled_, decompressed_;
};

Consumed EntryConsumerState::Consume(std::string_view metadata, std::string_view payload, uint64_t cookie,
                                     std::chrono::nanoseconds now) {
  return Unpack(decryptor_.Decrypt(metadata, payload, Room(payload.size(), &plaintext_)), metadata, cookie, now);
}

Consumed EntryConsumerState::Unpack(const Decision& decision, std::string_view metadata, uint64_t cookie,
                                    std::chrono::nanoseconds now) {
  absl::StatusOr<MessageMetadata> parsed = ParseMessageMetadata(metadata);
  const bool has_plaintext = decision.action == Action::kDeliver;
  Consumed consumed;
  // Ciphertext is handed out as it is: a chunk that can't be decrypted is a message of its own.
  if (parsed.ok() && IsChunk(*parsed) && decision.action != Action::kDeliverEncrypted) {
    return UnpackChunk(decision, *std::move(parsed), cookie, now);
  }
  if (has_plaintext && parsed.ok()) {
    consumed.outcomes.push_back(UnpackWhole(decision, *std::move(parsed), {cookie}, &consumed.permits));
    return consumed;
  }
  Decision final = has_plaintext ? Failed(decision, parsed.status(), options_.discard_malformed) : decision;
  if (!IsDelivered(final)) consumed.permits = final.num_messages;
  consumed.outcomes.push_back(
      OutcomeOf(std::move(final), parsed.ok() ? *std::move(parsed) : MessageMetadata(), {cookie}));
  return consumed;
}

Consumed EntryConsumerState::UnpackChunk(const Decision& decision, MessageMetadata metadata, uint64_t cookie,
                                         std::chrono::nanoseconds now) {
  const std::string wrapped_keys = WrappedKeysIn(metadata.encryption_fields);
  const Chunk chunk = {metadata.chunk_uuid,       metadata.num_chunks, metadata.chunk_id, metadata.total_chunk_size,
                       decision.was_encrypted,    decision.payload,    wrapped_keys,      metadata.compression,
                       metadata.uncompressed_size};
  absl::Status status = decision.status;
  bool discard = decision.action == Action::kDiscard;
  if (status.ok() && metadata.num_messages_in_batch.has_value()) {
    status = Malformed("chunk: a batch doesn't travel in chunks (fields 11 and 27)");
    discard = options_.discard_malformed;
  }
  std::vector<AssembledMessage> ended =
      status.ok() ? chunks_.Add(chunk, cookie, now) : chunks_.Fail(chunk, cookie, status, discard, now);
  Consumed consumed;
  consumed.permits = decision.num_messages;
  for (AssembledMessage& message : ended) {
    if (!message.status.ok()) {
      consumed.outcomes.push_back(OutcomeOf(std::move(message)));
      continue;
    }
    // Only the present chunk's message can have become complete.
    assembled_ = std::move(message.payload);
    Decision whole = decision;
    whole.payload = assembled_.view();
    consumed.outcomes.push_back(UnpackWhole(std::move(whole), metadata, std::move(message.cookies), &consumed.permits));
    if (consumed.outcomes.back().decision.action == Action::kDeliver) consumed.permits = 0;
  }
  return consumed;
}

// Of a plaintext: a message or batch, or chunks that were put together.
Outcome EntryConsumerState::UnpackWhole(Decision decision, MessageMetadata metadata, std::vector<uint64_t> cookies,
                                        int64_t* permits) {
  const absl::Status status = Open(metadata, &decision.payload, permits);
  if (!status.ok()) {
    decision = Failed(std::move(decision), status, options_.discard_malformed && !IsNotNow(status));
    *permits = decision.num_messages;
  }
  return OutcomeOf(std::move(decision), std::move(metadata), std::move(cookies));
}

// Decompresses `payload`, and walks over it once where it is a batch, so that a batch is delivered whole or not at all.
absl::Status EntryConsumerState::Open(const MessageMetadata& metadata, std::string_view* payload, int64_t* permits) {
  const absl::StatusOr<std::string_view> decompressed = Decompressed(metadata, *payload);
  if (!decompressed.ok()) return decompressed.status();
  *payload = *decompressed;
  if (!metadata.num_messages_in_batch.has_value()) return absl::OkStatus();
  int64_t compacted_out = 0;
  BatchReader messages(*payload, *metadata.num_messages_in_batch);
  for (SingleMessage message; messages.Next(&message);) compacted_out += message.compacted_out;
  if (messages.status().ok()) *permits += compacted_out;
  return messages.status();
}

absl::StatusOr<std::string_view> EntryConsumerState::Decompressed(const MessageMetadata& metadata,
                                                                  std::string_view payload) {
  const bool is_compressed = metadata.compression != Compression::kNone;
  // Some clients leave uncompressed_size out where nothing is compressed, so it isn't looked at there.
  const size_t size = is_compressed ? metadata.uncompressed_size : payload.size();
  if (size > options_.max_message_size) {
    return Malformed(absl::StrCat("message: ", size, " bytes ", is_compressed ? "are declared; " : "came; ",
                                  options_.max_message_size, " are allowed (EntryConsumerOptions::max_message_size)"));
  }
  if (!is_compressed) return payload;
  return decompressor_.Decompress(metadata.compression, payload, metadata.uncompressed_size,
                                  Room(size, &decompressed_));
}

EntryConsumer::EntryConsumer(MessageDecryptor& decryptor, EntryConsumerOptions options)
    : state_(std::make_unique<EntryConsumerState>(decryptor, options)) {}

EntryConsumer::~EntryConsumer() = default;

Consumed EntryConsumer::Consume(std::string_view metadata, std::string_view payload, uint64_t cookie,
                                std::chrono::nanoseconds now) {
  return state_->Consume(metadata, payload, cookie, now);
}

Consumed EntryConsumer::Unpack(const Decision& decision, std::string_view metadata, uint64_t cookie,
                               std::chrono::nanoseconds now) {
  return state_->Unpack(decision, metadata, cookie, now);
}

std::vector<Outcome> EntryConsumer::Expire(std::chrono::nanoseconds now) { return state_->Expire(now); }

std::vector<Outcome> EntryConsumer::Flush() { return state_->Flush(); }

}  // namespace pulseal::framing
