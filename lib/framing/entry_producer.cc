// SPDX-License-Identifier: Apache-2.0
//
// PRODUCER: batch -> compress -> encrypt, or compress -> split -> encrypt each
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

// The longest metadata that a chunk of the message may have.
size_t ChunkMetadataSize(MessageMetadata metadata) {
  metadata.num_chunks = metadata.chunk_id = kMostChunks;
  return metadata.Serialize().size();
}

}  // namespace

// An EntryProducer's scratch memory, and what it does there.
class EntryProducerState {
 public:
  EntryProducerState(MessageEncryptor& encryptor, const EntryProducerOptions& options)
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
  absl::StatusOr<size_t> EncryptChunks(std::string_view message, size_t metadata_size);

  MessageEncryptor& encryptor_;
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
  if (absl::Status status = CheckMetadata(serialized.size(), encryptor_.fields_size()); !status.ok()) return status;
  MakeRoom(payload.size() + MessageEncryptor::kPayloadOverhead, &ciphertext_);
  const absl::StatusOr<Sealed> sealed = encryptor_.Encrypt(payload, &ciphertext_, &fields_);
  if (!sealed.ok()) return sealed.status();
  // Recipients may have been added meanwhile.
  if (absl::Status status = CheckMetadata(serialized.size(), sealed->fields.size()); !status.ok()) return status;
  return sink({serialized, sealed->fields, sealed->payload, sealed->encrypted});
}

absl::Status EntryProducerState::SendChunks(MessageMetadata metadata, std::string_view message, const EntrySink& sink) {
  if (metadata.chunk_uuid.empty()) {
    metadata.chunk_uuid = absl::StrCat(metadata.producer_name, "-", metadata.sequence_id);
  }
  metadata.total_chunk_size = static_cast<int32_t>(message.size());
  const size_t metadata_size = ChunkMetadataSize(metadata);
  absl::StatusOr<size_t> chunk_size = EncryptChunks(message, metadata_size);
  for (int i = 1; i < kAttempts && chunk_size.status().code() == absl::StatusCode::kFailedPrecondition; ++i) {
    chunk_size = EncryptChunks(message, metadata_size);
  }
  if (!chunk_size.ok()) return chunk_size.status();

  metadata.num_chunks = *CountChunks(message.size(), *chunk_size);
  const size_t fields_size = fields_.size() / static_cast<size_t>(metadata.num_chunks);
  const size_t sealed_size = *chunk_size + MessageEncryptor::kPayloadOverhead;
  absl::Status status;
  for (metadata.chunk_id = 0; metadata.chunk_id < metadata.num_chunks && status.ok(); ++metadata.chunk_id) {
    const auto id = static_cast<size_t>(metadata.chunk_id);
    const std::string_view fields = std::string_view(fields_).substr(id * fields_size, fields_size);
    status = sink({metadata.Serialize(), fields, ChunkAt(ciphertext_, sealed_size, metadata.chunk_id), true,
                   metadata.num_chunks, metadata.chunk_id});
  }
  return status;
}

// All chunks of `message` into ciphertext_ and fields_, one behind the other. Returns the size of a chunk's plaintext.
absl::StatusOr<size_t> EntryProducerState::EncryptChunks(std::string_view message, size_t metadata_size) {
  constexpr size_t kOverhead = MessageEncryptor::kPayloadOverhead;
  const size_t fields_size = encryptor_.fields_size();
  if (absl::Status status = CheckMetadata(metadata_size, fields_size); !status.ok()) return status;
  const size_t around = metadata_size + fields_size + kOverhead;
  if (around >= options_.max_message_size) return Misuse("message: its metadata leaves no room for a chunk");
  const size_t chunk_size = options_.max_message_size - around;
  const absl::StatusOr<int32_t> count = CountChunks(message.size(), chunk_size);
  if (!count.ok()) return count.status();
  const absl::StatusOr<PinnedKey> key = encryptor_.Pin(*count);
  if (!key.ok()) return key.status();
  if (key->fields_size() != fields_size) return absl::FailedPreconditionError("recipients have changed");
  const auto chunks = static_cast<size_t>(*count);
  const size_t sealed_size = message.size() + chunks * kOverhead;
  MakeRoom(sealed_size, &ciphertext_);
  ciphertext_.resize(sealed_size);
  fields_.resize(chunks * fields_size);
  for (int32_t id = 0; id < *count; ++id) {
    const auto place = static_cast<size_t>(id);
    const absl::StatusOr<Sealed> sealed = encryptor_.Encrypt(
        *key, ChunkAt(message, chunk_size, id), absl::MakeSpan(ciphertext_).subspan(place * (chunk_size + kOverhead)),
        absl::MakeSpan(fields_).subspan(place * fields_size));
    if (!sealed.ok()) return sealed.status();
  }
  return chunk_size;
}

EntryProducer::EntryProducer(MessageEncryptor& encryptor, EntryProducerOptions options)
    : state_(std::make_unique<EntryProducerState>(encryptor, options)) {}

EntryProducer::~EntryProducer() = default;

absl::Status EntryProducer::Send(MessageMetadata metadata, std::string_view payload, const EntrySink& sink) {
  return state_->Send(std::move(metadata), payload, sink);
}

absl::Status EntryProducer::SendBatch(MessageMetadata metadata, absl::Span<const SingleMessage> messages,
                                      const EntrySink& sink) {
  return state_->SendBatch(std::move(metadata), messages, sink);
}

}  // namespace pulseal::framing
