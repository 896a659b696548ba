// SPDX-License-Identifier: Apache-2.0
//
// PRODUCER: batch -> compress -> encrypt, or compress -> cut -> encrypt each
#include "pulseal/framing/entry_producer.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/framing/scratch.h"
#include "lib/status.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/chunk.h"
#include "pulseal/secret_bytes.h"

namespace pulseal::framing {
namespace {

// Recipients that change while a message is being encrypted make it begin anew.
constexpr int kAttempts = 4;
constexpr int32_t kMostChunks = 1'000'000;

absl::Status CheckMessage(const EntryProducerOptions& options, const MessageMetadata& metadata, size_t size) {
  if (!metadata.encryption_fields.empty()) return Misuse("message: its metadata has encryption fields already");
  if (metadata.properties.size() > kMaxProperties) return Misuse("message: it has more than 1,000 properties");
  const bool is_batch = metadata.num_messages_in_batch.has_value();
  const bool may_be_cut = options.chunks && !is_batch;
  const size_t most = may_be_cut ? kMaxUncompressedSize : options.max_message_size;
  if (size <= most) return absl::OkStatus();
  const char* advice = is_batch ? "make smaller batches" : may_be_cut ? "that is the format's limit" : "turn chunks on";
  return Misuse(absl::StrCat(is_batch ? "batch: " : "message: ", size, " bytes, over ", most, "; ", advice));
}

absl::Status CheckMetadata(size_t size, size_t fields_size) {
  if (size + fields_size <= kMaxMetadataSize) return absl::OkStatus();
  return Misuse(absl::StrCat("message: its metadata is over 5 MiB: ", size, " bytes, and ", fields_size,
                             " of encryption fields"));
}

// A message in chunks as they go out, their payloads and fields one behind the other.
struct Chunks {
  int32_t count = 0;
  size_t size = 0, fields_size = 0;  // of each; the last payload may be shorter
  std::string_view payloads, fields;
};

// The longest metadata that a chunk of the message may have.
size_t ChunkMetadataSize(MessageMetadata metadata) {
  metadata.num_chunks = metadata.chunk_id = kMostChunks;
  return metadata.Serialize().size();
}

}  // namespace

// An EntryProducer's scratch memory, and what it does there.
class EntryProducerState {
 public:
  // `encryptor`: null for messages in clear.
  EntryProducerState(MessageEncryptor* encryptor, const EntryProducerOptions& options)
      : encryptor_(encryptor), options_(options) {}
  EntryProducerState(const EntryProducerState&) = delete;
  EntryProducerState& operator=(const EntryProducerState&) = delete;
  ~EntryProducerState() {
    Wipe(&batch_);
    Wipe(&ciphertext_);
  }

  absl::Status Send(MessageMetadata metadata, std::string_view payload, const EntrySink& sink);
  absl::Status SendBatch(MessageMetadata metadata, absl::Span<const SingleMessage> messages, const EntrySink& sink);

 private:
  absl::StatusOr<std::string_view> Compressed(std::string_view payload, MessageMetadata* metadata);
  absl::Status SendWhole(MessageMetadata metadata, std::string_view payload, const EntrySink& sink);
  absl::Status SendChunks(MessageMetadata metadata, std::string_view message, const EntrySink& sink);
  size_t FieldsSize() const { return encryptor_ == nullptr ? 0 : encryptor_->fields_size(); }
  absl::StatusOr<Sealed> Seal(std::string_view payload);
  absl::StatusOr<Chunks> Cut(std::string_view message, size_t metadata_size);
  absl::StatusOr<Chunks> EncryptChunks(std::string_view message, size_t chunk_size, int32_t count, size_t fields_size);

  MessageEncryptor* const encryptor_;
  const EntryProducerOptions options_;
  std::string batch_;       // plaintext
  SecretBytes compressed_;  // plaintext
  Compressor compressor_;
  std::string ciphertext_;  // plaintext, where kSend has sent some
  std::string fields_;
};

absl::Status EntryProducerState::SendBatch(MessageMetadata metadata, absl::Span<const SingleMessage> messages,
                                           const EntrySink& sink) {
  if (messages.empty()) return Misuse("batch: it has no message");
  size_t size = 0;
  for (const SingleMessage& message : messages) size += SizeInBatch(message);
  metadata.num_messages_in_batch = static_cast<int32_t>(messages.size());
  absl::Status status = CheckMessage(options_, metadata, size);
  batch_.clear();
  if (status.ok()) MakeRoom(size, &batch_);
  for (size_t i = 0; i < messages.size() && status.ok(); ++i) status = AppendToBatch(messages[i], &batch_);
  if (!status.ok()) return status;
  metadata.highest_sequence_id = messages.back().sequence_id.value_or(metadata.highest_sequence_id);
  return Send(std::move(metadata), batch_, sink);
}

absl::Status EntryProducerState::Send(MessageMetadata metadata, std::string_view payload, const EntrySink& sink) {
  absl::Status status = CheckMessage(options_, metadata, payload.size());
  if (!status.ok()) return status;
  metadata.uncompressed_size = static_cast<uint32_t>(payload.size());
  const absl::StatusOr<std::string_view> compressed = Compressed(payload, &metadata);
  if (!compressed.ok()) return compressed.status();
  if (compressed->size() <= options_.max_message_size) return SendWhole(std::move(metadata), *compressed, sink);
  return SendChunks(std::move(metadata), *compressed, sink);
}

// Says in `metadata` what it did.
absl::StatusOr<std::string_view> EntryProducerState::Compressed(std::string_view payload, MessageMetadata* metadata) {
  metadata->compression = Compression::kNone;
  if (options_.compression == Compression::kNone) return payload;
  const absl::Span<char> room = Room(MaxCompressedSize(options_.compression, payload.size()), &compressed_);
  absl::StatusOr<std::string_view> compressed = compressor_.Compress(options_.compression, payload, room);
  if (!compressed.ok()) return compressed;
  if (compressed->size() >= payload.size()) return payload;
  metadata->compression = options_.compression;
  return compressed;
}

absl::Status EntryProducerState::SendWhole(MessageMetadata metadata, std::string_view payload, const EntrySink& sink) {
  metadata.chunk_uuid.clear();
  metadata.num_chunks = metadata.chunk_id = metadata.total_chunk_size = 0;
  const std::string serialized = metadata.Serialize();
  if (absl::Status status = CheckMetadata(serialized.size(), FieldsSize()); !status.ok()) return status;
  const absl::StatusOr<Sealed> sealed = Seal(payload);
  if (!sealed.ok()) return sealed.status();
  // Recipients may have been added meanwhile.
  if (absl::Status status = CheckMetadata(serialized.size(), sealed->fields.size()); !status.ok()) return status;
  return sink({serialized, sealed->fields, sealed->payload, sealed->encrypted});
}

absl::StatusOr<Sealed> EntryProducerState::Seal(std::string_view payload) {
  if (encryptor_ == nullptr) return Sealed{payload, {}, false};
  MakeRoom(payload.size() + MessageEncryptor::kPayloadOverhead, &ciphertext_);
  return encryptor_->Encrypt(payload, &ciphertext_, &fields_);
}

absl::Status EntryProducerState::SendChunks(MessageMetadata metadata, std::string_view message, const EntrySink& sink) {
  if (metadata.chunk_uuid.empty()) {
    metadata.chunk_uuid = absl::StrCat(metadata.producer_name, "-", metadata.sequence_id);
  }
  metadata.total_chunk_size = static_cast<int32_t>(message.size());
  const size_t metadata_size = ChunkMetadataSize(metadata);
  absl::StatusOr<Chunks> chunks = Cut(message, metadata_size);
  for (int i = 1; i < kAttempts && chunks.status().code() == absl::StatusCode::kFailedPrecondition; ++i) {
    chunks = Cut(message, metadata_size);
  }
  if (!chunks.ok()) return chunks.status();

  metadata.num_chunks = chunks->count;
  absl::Status status;
  for (metadata.chunk_id = 0; metadata.chunk_id < metadata.num_chunks && status.ok(); ++metadata.chunk_id) {
    const size_t place = static_cast<size_t>(metadata.chunk_id) * chunks->fields_size;
    status = sink({metadata.Serialize(), chunks->fields.substr(place, chunks->fields_size),
                   ChunkAt(chunks->payloads, chunks->size, metadata.chunk_id), encryptor_ != nullptr,
                   metadata.num_chunks, metadata.chunk_id});
  }
  return status;
}

absl::StatusOr<Chunks> EntryProducerState::Cut(std::string_view message, size_t metadata_size) {
  const size_t fields_size = FieldsSize();
  if (absl::Status status = CheckMetadata(metadata_size, fields_size); !status.ok()) return status;
  const size_t overhead = encryptor_ == nullptr ? 0 : MessageEncryptor::kPayloadOverhead;
  const size_t around = metadata_size + fields_size + overhead;
  if (around >= options_.max_message_size) return Misuse("message: its metadata leaves no room for a chunk");
  const size_t chunk_size = options_.max_message_size - around;
  const absl::StatusOr<int32_t> count = CountChunks(message.size(), chunk_size);
  if (!count.ok()) return count.status();
  if (encryptor_ == nullptr) return Chunks{*count, chunk_size, 0, message, {}};
  return EncryptChunks(message, chunk_size, *count, fields_size);
}

// Into ciphertext_ and fields_.
absl::StatusOr<Chunks> EntryProducerState::EncryptChunks(std::string_view message, size_t chunk_size, int32_t count,
                                                         size_t fields_size) {
  const absl::StatusOr<PinnedKey> key = encryptor_->Pin(count);
  if (!key.ok()) return key.status();
  if (key->fields_size() != fields_size) {
    return Misuse("the recipients were changed while the message was being cut", absl::StatusCode::kFailedPrecondition);
  }
  const size_t sealed_size = chunk_size + MessageEncryptor::kPayloadOverhead;
  const size_t all_sealed = message.size() + static_cast<size_t>(count) * MessageEncryptor::kPayloadOverhead;
  MakeRoom(all_sealed, &ciphertext_);
  ciphertext_.resize(all_sealed);
  fields_.resize(static_cast<size_t>(count) * fields_size);
  for (int32_t id = 0; id < count; ++id) {
    const auto place = static_cast<size_t>(id);
    const absl::StatusOr<Sealed> sealed = encryptor_->Encrypt(*key, ChunkAt(message, chunk_size, id),
                                                              absl::MakeSpan(ciphertext_).subspan(place * sealed_size),
                                                              absl::MakeSpan(fields_).subspan(place * fields_size));
    if (!sealed.ok()) return sealed.status();
  }
  return Chunks{count, sealed_size, fields_size, ciphertext_, fields_};
}

EntryProducer::EntryProducer(MessageEncryptor& encryptor, EntryProducerOptions options)
    : EntryProducer(std::make_unique<EntryProducerState>(&encryptor, options)) {}

EntryProducer::EntryProducer(std::unique_ptr<EntryProducerState> state) : state_(std::move(state)) {}

EntryProducer EntryProducer::InClear(EntryProducerOptions options) {
  return EntryProducer(std::make_unique<EntryProducerState>(nullptr, options));
}

EntryProducer::~EntryProducer() = default;

absl::Status EntryProducer::Send(MessageMetadata metadata, std::string_view payload, const EntrySink& sink) {
  return state_->Send(std::move(metadata), payload, sink);
}

absl::Status EntryProducer::SendBatch(MessageMetadata metadata, absl::Span<const SingleMessage> messages,
                                      const EntrySink& sink) {
  return state_->SendBatch(std::move(metadata), messages, sink);
}

}  // namespace pulseal::framing
