// SPDX-License-Identifier: Apache-2.0
//
// A batch of 100 messages of 1 KiB with each codec: built, compressed and encrypted in one call; decrypted, decompressed
// and split in another. The floor encrypts and decrypts the same bytes and neither builds, compresses nor splits.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/textbook.h"
#include "bench/workload.h"
#include "pulseal/framing/entry_consumer.h"
#include "pulseal/framing/entry_producer.h"

namespace pulseal::bench {
namespace {

using framing::Compression;

constexpr size_t kMessages = 100, kMessageSize = 1024;
constexpr Compression kCodecs[] = {Compression::kNone, Compression::kLz4, Compression::kZlib, Compression::kZstd,
                                   Compression::kSnappy};

const std::vector<framing::SingleMessage>& Messages() {
  static const auto* const text = new std::string(Text(kMessages * kMessageSize));
  static const auto* const messages = [] {
    auto* const made = new std::vector<framing::SingleMessage>(kMessages);
    for (size_t i = 0; i < kMessages; ++i) {
      (*made)[i].payload = std::string_view(*text).substr(i * kMessageSize, kMessageSize);
    }
    return made;
  }();
  return *messages;
}

framing::MessageMetadata BatchMetadata() {
  framing::MessageMetadata metadata;
  metadata.producer_name = "standalone-0-17";
  metadata.publish_time = 1'700'000'000'000;
  return metadata;
}

std::unique_ptr<framing::EntryProducer> ProducerWith(MessageEncryptor& encryptor, Compression codec) {
  framing::EntryProducerOptions options;
  options.compression = codec;
  return std::make_unique<framing::EntryProducer>(encryptor, options);
}

SealedMessage SealBatch(Compression codec) {
  const auto encryptor = NewEncryptor<OpenSslBackend>();
  SealedMessage batch;
  const absl::Status sent = ProducerWith(*encryptor, codec)
                                ->SendBatch(BatchMetadata(), Messages(), [&batch](const framing::OutgoingEntry& entry) {
                                  batch.metadata = std::string(entry.metadata) + std::string(entry.encryption_fields);
                                  batch.payload = entry.payload;
                                  return absl::OkStatus();
                                });
  if (!sent.ok()) std::abort();
  return batch;
}

template <typename Backend>
void Encrypt(benchmark::State& state, Compression codec) {
  const auto encryptor = NewEncryptor<Backend>();
  const auto producer = ProducerWith(*encryptor, codec);
  const framing::MessageMetadata metadata = BatchMetadata();
  Repeat(state, [&] {
    return producer->SendBatch(metadata, Messages(), [](const framing::OutgoingEntry&) { return absl::OkStatus(); })
        .ok();
  });
}

bool ReadsAll(const framing::Consumed& consumed) {
  if (consumed.outcomes.size() != 1) return false;
  framing::MessageReader messages(consumed.outcomes[0]);
  framing::SingleMessage message;
  size_t count = 0;
  while (messages.Next(&message)) ++count;
  return count == kMessages;
}

template <typename Backend>
void Decrypt(benchmark::State& state, Compression codec) {
  const auto decryptor = NewDecryptor<Backend>();
  framing::EntryConsumer consumer(*decryptor);
  const SealedMessage batch = SealBatch(codec);
  Repeat(state, [&] {
    return ReadsAll(consumer.Consume(batch.metadata, batch.payload, /*cookie=*/0, std::chrono::nanoseconds(0)));
  });
}

template <typename Backend>
void FloorEncrypt(benchmark::State& state, Compression codec) {
  Repeat(state, FloorSealing<Backend>(SealBatch(codec).payload.size() - kTagSize));
}

template <typename Backend>
void FloorDecrypt(benchmark::State& state, Compression codec) {
  Repeat(state, FloorOpening<Backend>(SealBatch(codec).payload.size() - kTagSize));
}

// With a new string and a new codec state for each batch.
void TextbookEncrypt(benchmark::State& state, Compression codec) {
  TextbookClient client(OneRecipient(), OneName());
  Repeat(state, [&] {
    std::string batch, compressed, sealed, fields;
    for (const framing::SingleMessage& message : Messages()) {
      if (!framing::AppendToBatch(message, &batch).ok()) return false;
    }
    return framing::Compress(codec, batch, &compressed).ok() && client.Encrypt(compressed, &sealed, &fields);
  });
}

void TextbookDecrypt(benchmark::State& state, Compression codec) {
  TextbookClient client(OneRecipient());
  const SealedMessage sealed = SealBatch(codec);
  const uint32_t size = framing::ParseMessageMetadata(sealed.metadata)->uncompressed_size;
  Repeat(state, [&] {
    std::string compressed, batch;
    if (!client.Decrypt(sealed.metadata, sealed.payload, &compressed) ||
        !framing::Decompress(codec, compressed, size, &batch).ok()) {
      return false;
    }
    framing::BatchReader messages(batch, kMessages);
    framing::SingleMessage message;
    while (messages.Next(&message)) benchmark::DoNotOptimize(std::string(message.payload));
    return messages.status().ok();
  });
}

const bool registered = [] {
  for (const Compression codec : kCodecs) {
    const std::string parameter = framing::CompressionName(codec);
    ForEachBackend([&](auto backend) {
      using Backend = decltype(backend);
      const auto add = [&](const char* case_name, const char* way, void (*run)(benchmark::State&, Compression)) {
        Register(Name(case_name, way, Backend::kName, parameter), [run, codec](auto& s) { run(s, codec); });
      };
      add("batch-encrypt", "pulseal", Encrypt<Backend>);
      add("batch-decrypt", "pulseal", Decrypt<Backend>);
      add("batch-encrypt", "floor", FloorEncrypt<Backend>);
      add("batch-decrypt", "floor", FloorDecrypt<Backend>);
    });
    Register(Name("batch-encrypt", "textbook", "openssl", parameter), [codec](auto& s) { TextbookEncrypt(s, codec); });
    Register(Name("batch-decrypt", "textbook", "openssl", parameter), [codec](auto& s) { TextbookDecrypt(s, codec); });
  }
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
