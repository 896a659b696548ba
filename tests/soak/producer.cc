// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/producer.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"

namespace pulseal::soak {
namespace {

using framing::Compression;

constexpr Compression kCodecs[] = {Compression::kNone, Compression::kLz4, Compression::kZlib, Compression::kZstd,
                                   Compression::kSnappy};

framing::EntryProducerOptions Options(Compression codec) {
  framing::EntryProducerOptions options;
  options.compression = codec;
  options.max_message_size = kMaxEntrySize;
  options.chunks = true;
  return options;
}

}  // namespace

Producer::Producer(uint64_t id, Backend& backend, Topic& topic, Shared& shared, uint64_t seed)
    : id_(id),
      backend_(backend),
      topic_(topic),
      shared_(shared),
      random_(seed),
      attacker_(LocalKeyWrapper(shared.keys)) {
  for (const Compression codec : kCodecs) {
    framing_.push_back(std::make_unique<framing::EntryProducer>(*backend.encryptor, Options(codec)));
  }
}

void Producer::Run(const std::function<bool(uint64_t sent)>& goes_on) {
  while (goes_on(sequence_)) {
    switch (Below(random_, 8)) {
      case 0: SendInChunks(); break;
      case 1:
      case 2: SendBatch(); break;
      case 3:
      case 4: SendAlone(); break;
      default: SendThroughEncryptor();
    }
    if (last_.has_value() && Below(random_, 8) == 0) SendHostile();
  }
  topic_.End();
}

framing::MessageMetadata Producer::Metadata() const {
  framing::MessageMetadata metadata;
  metadata.producer_name = absl::StrCat("producer-", id_);
  metadata.sequence_id = sequence_;
  metadata.publish_time = 1'700'000'000'000;
  return metadata;
}

void Producer::SendThroughEncryptor() {
  const std::string metadata = Metadata().Serialize();
  const std::string message = NextMessage(Below(random_, 1024));
  std::string out, fields;
  UntilSent([&] { return backend_.encryptor->Encrypt(message, &out, &fields).status(); });
  Put(metadata, fields, out, 1, false);
}

void Producer::SendAlone() {
  framing::MessageMetadata metadata = Metadata();
  const std::string message = NextMessage(Below(random_, 4096));
  UntilSent([&] { return AnyFraming().Send(metadata, message, Sink(1)); });
}

void Producer::SendBatch() {
  const framing::MessageMetadata metadata = Metadata();
  std::vector<std::string> messages(1 + Below(random_, 20));
  std::vector<framing::SingleMessage> batch(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    messages[i] = NextMessage(Below(random_, 300));
    batch[i].payload = messages[i];
  }
  UntilSent([&] { return AnyFraming().SendBatch(metadata, batch, Sink(static_cast<int32_t>(batch.size()))); });
}

void Producer::SendInChunks() {
  const framing::MessageMetadata metadata = Metadata();
  const std::string message = NextMessage(kMaxEntrySize + Below(random_, kMaxMessageSize - kMaxEntrySize));
  UntilSent([&] { return AnyFraming().Send(metadata, message, Sink(1)); });
}

void Producer::SendHostile() {
  Entry entry = MakeHostile(*last_, *attacker_, random_);
  ++hostile_[entry.hostile];
  topic_.Push(std::move(entry));
}

framing::EntrySink Producer::Sink(int32_t num_messages) {
  return [this, num_messages](const framing::OutgoingEntry& entry) {
    shared_.violations.Require(entry.encrypted, "a message left in clear");
    Put(entry.metadata, entry.encryption_fields, entry.payload, num_messages, entry.num_chunks > 0);
    return absl::OkStatus();
  };
}

void Producer::Put(std::string_view metadata, std::string_view fields, std::string_view payload, int32_t num_messages,
                   bool is_chunk) {
  shared_.violations.Require(shared_.nonces.Accept(fields), "a nonce came twice under one data key");
  ++backend_.entries;
  Entry entry;
  entry.metadata = absl::StrCat(AsAbsl(metadata), AsAbsl(fields));
  entry.payload = std::string(payload);
  entry.num_messages = num_messages;
  entry.is_chunk = is_chunk;
  if (!is_chunk) last_ = entry;
  topic_.Push(std::move(entry));
}

// "Not now", and recipients that change while chunks are encrypted: nothing was handed over, and the call may be made
// again.
void Producer::UntilSent(const std::function<absl::Status()>& send) {
  absl::Status status = send();
  while (absl::IsUnavailable(status) || absl::IsFailedPrecondition(status)) {
    ++shared_.refused;
    std::this_thread::yield();
    status = send();
  }
  if (!status.ok()) shared_.violations.Add(absl::StrCat("sending: ", status.ToString()));
}

}  // namespace pulseal::soak
