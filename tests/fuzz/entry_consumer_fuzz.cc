// SPDX-License-Identifier: Apache-2.0
//
// One EntryConsumer and whatever entries come to it, also from somebody who knows the data key, as all do who have a public
// key. Beside it an account of what each entry brought: each cookie is settled exactly once, or its chunk still waits;
// permits add up; what is delivered is what the entries said, at most max_message_size of it; what is held stays within
// max_held_bytes; and good messages, alone and in chunks, are delivered whole.
//
// Input: one byte of options, then steps (fuzz_steps.h).
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/metadata_fields.h"
#include "pulseal/framing/entry_consumer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_steps.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"
#include "tests/support/wire_fields.h"

namespace pulseal::framing {
namespace {

using Action = Decision::Action;
using std::chrono::nanoseconds;
using testing::Bytes;
using testing::FakeKeyWrapper;
using testing::Varint;

constexpr std::string_view kGoodUuid = "good chunks";
constexpr size_t kOverhead = 256;  // what chunk.h counts for each chunk and each message

// What a step does, by the lowest three bits of `how`, and what it may add.
enum Deed { kEntry, kSealed, kInChunks, kGoOn, kFlush, kForget, kGoodBatch, kGoodChunks };
enum Flag { kUnpack = 8, kCompressed = 16, kBackwards = 32, kWithoutTheFirst = 64 };

// An entry that came.
struct Came {
  MessageMetadata metadata;
  bool is_metadata;
  Action action;  // the decryptor's
  bool was_encrypted;
  std::string payload;  // decrypted, where the action is kDeliver

  bool is_chunk() const { return is_metadata && metadata.num_chunks > 1 && action != Action::kDeliverEncrypted; }

  std::set<std::pair<std::string, std::string>> wrapped_keys() const {
    std::set<std::pair<std::string, std::string>> keys;
    const absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(metadata.encryption_fields);
    if (!context.ok()) return {{"", metadata.encryption_fields}};
    for (const WrappedKey& key : context->keys) keys.emplace(key.key_name, key.bytes);
    return keys;
  }

  bool IsOfOneMessageWith(const Came& other) const {
    const MessageMetadata &a = metadata, &b = other.metadata;
    return a.chunk_uuid == b.chunk_uuid && a.num_chunks == b.num_chunks && a.total_chunk_size == b.total_chunk_size &&
           a.compression == b.compression && a.uncompressed_size == b.uncompressed_size &&
           was_encrypted == other.was_encrypted && wrapped_keys() == other.wrapped_keys();
  }
};

// Of chunks with the same number the first counts.
std::map<int32_t, std::string_view> PartsOf(const std::vector<Came>& chunks) {
  std::map<int32_t, std::string_view> parts;
  for (const Came& chunk : chunks) parts.emplace(chunk.metadata.chunk_id, chunk.payload);
  return parts;
}

std::string Joined(const std::vector<Came>& chunks) {
  std::string joined;
  for (const auto& [chunk_id, payload] : PartsOf(chunks)) joined += payload;
  return joined;
}

class Consumer {
 public:
  explicit Consumer(uint8_t bits)
      : decryptor_(*MessageDecryptor::Create(OptionsFrom(bits))),
        options_(ConsumerOptionsFrom(bits)),
        may_discard_(bits % 4 % 3 == static_cast<int>(ConsumerCryptoFailureAction::kDiscard) ||
                     options_.discard_malformed),
        consumer_(*decryptor_, options_) {
    wrapper_->SetStatus("b", absl::NotFoundError("not held"));
    wrapper_->SetStatus("c", absl::UnavailableError("not now"));
    wrapper_->SetStatus("d", absl::UnauthenticatedError("forged"));
  }

  void Take(const FuzzStep& step) {
    // Anybody may spoil a message whose identity he knows (chunk.h), but not those by which we see that all is well.
    const std::string metadata(step.metadata.find(kGoodUuid) == std::string_view::npos ? step.metadata : "");
    const std::string payload(step.payload);
    switch (step.how & 7) {
      case kEntry: Consume(metadata, payload, step.how); break;
      case kSealed: ConsumeSealed(metadata, Compressed(metadata, payload, step.how), step.how); break;
      case kInChunks: ConsumeInChunks(metadata, payload, step.how); break;
      case kGoOn: GoOn(nanoseconds(step.payload.size())); break;
      case kFlush: Flush(); break;
      case kForget: decryptor_->Forget(); break;
      case kGoodBatch: ConsumeGoodBatch(); break;
      default: ConsumeGoodChunks(step.how);
    }
    CheckHeld();
  }

  void End() {
    ConsumeGoodBatch();
    ConsumeGoodChunks(kBackwards);
    Flush();
  }

 private:
  struct Payload {
    std::string bytes;
    std::string metadata;  // what it adds to the metadata
  };

  DecryptorOptions OptionsFrom(uint8_t bits) const {
    DecryptorOptions options;
    options.key_wrapper = wrapper_;
    options.background.mode = Background::Mode::kMaintain;
    options.background.clock = [] { return nanoseconds(1); };
    options.failure_action = static_cast<ConsumerCryptoFailureAction>(bits % 4 % 3);
    options.require_encryption = bits & 4;
    options.deliver_whole_batch = bits & 8;
    options.apply_action_when_unavailable = bits & 16;
    options.unwraps_per_second = 1'000'000;
    return options;
  }

  static EntryConsumerOptions ConsumerOptionsFrom(uint8_t bits) {
    EntryConsumerOptions options;
    options.max_message_size = 1000;
    options.discard_malformed = bits & 32;
    options.chunks.max_held_bytes = bits & 64 ? 0 : 4000;
    options.chunks.max_open_messages = 3;
    options.chunks.max_age = nanoseconds(50);
    return options;
  }

  // `payload` as the codec that `metadata` names makes it, where `how` says so and it can.
  static Payload Compressed(const std::string& metadata, const std::string& payload, uint8_t how) {
    const absl::StatusOr<MessageMetadata> parsed = ParseMessageMetadata(metadata);
    std::string compressed;
    if ((how & kCompressed) == 0 || !parsed.ok() || parsed->compression == Compression::kNone ||
        !framing::Compress(parsed->compression, payload, &compressed).ok()) {
      return {payload, ""};
    }
    return {compressed, Varint(9, payload.size())};
  }

  std::optional<std::string> ConsumeSealed(const std::string& metadata, const Payload& payload, uint8_t how) {
    const std::string whole = metadata + payload.metadata;
    return Consume(whole, testing::SealPayloadFor(whole, payload.bytes).value_or(payload.bytes), how);
  }

  // In three; returns as Consume for the last one.
  std::optional<std::string> ConsumeInChunks(const std::string& metadata, const std::string& plaintext, uint8_t how) {
    const Payload payload = Compressed(metadata, plaintext, how);
    const size_t total = payload.bytes.size(), chunk_size = std::max<size_t>(1, (total + 2) / 3);
    const absl::StatusOr<int32_t> count = CountChunks(total, chunk_size);
    std::optional<std::string> delivered;
    if (!count.ok()) return delivered;
    for (int32_t i = how & kWithoutTheFirst ? 1 : 0; i < *count; ++i) {
      const int32_t chunk_id = how & kBackwards ? *count - 1 - i : i;
      const std::string nonce(kNonceSize, static_cast<char>('0' + chunk_id));
      const std::string fields = Bytes(15, nonce) + Varint(27, static_cast<uint64_t>(*count)) + Varint(28, total) +
                                 Varint(29, static_cast<uint64_t>(chunk_id));
      const std::string_view chunk = ChunkAt(payload.bytes, chunk_size, chunk_id);
      delivered = ConsumeSealed(metadata, {std::string(chunk), payload.metadata + fields}, how);
    }
    return delivered;
  }

  // The message or batch that was delivered because of this entry.
  std::optional<std::string> Consume(const std::string& metadata, const std::string& payload, uint8_t how) {
    std::string plaintext;
    const Decision decision = decryptor_->Decrypt(metadata, payload, &plaintext);
    absl::StatusOr<MessageMetadata> parsed = ParseMessageMetadata(metadata);
    const bool is_metadata = parsed.ok();
    owed_.emplace(++cookie_, Came{is_metadata ? *std::move(parsed) : MessageMetadata(), is_metadata, decision.action,
                                  decision.was_encrypted, std::string(decision.payload)});
    const Consumed consumed = how & kUnpack ? consumer_.Unpack(decision, metadata, cookie_, now_)
                                            : consumer_.Consume(metadata, payload, cookie_, now_);
    std::optional<std::string> delivered;
    int64_t permits = 0;
    for (const Outcome& outcome : consumed.outcomes) {
      permits += Settle(outcome);
      if (outcome.decision.action == Action::kDeliver) delivered = std::string(outcome.decision.payload);
    }
    FUZZ_CHECK(consumed.permits >= 0 && consumed.permits + permits == decision.num_messages);
    return delivered;
  }

  // How many permits whoever gets it will give back.
  int64_t Settle(const Outcome& outcome) {
    const Decision& decision = outcome.decision;
    FUZZ_CHECK(decision.status.ok() == (decision.action == Action::kDeliver));
    FUZZ_CHECK(ReasonOf(decision.status) == decision.reason);
    FUZZ_CHECK(IsPlain({decision.status.message().data(), decision.status.message().size()}));
    const std::vector<Came> entries = TakeOwed(outcome.cookies);
    switch (decision.action) {
      case Action::kDeliver: return CheckDelivered(outcome, entries);
      case Action::kDeliverEncrypted:
        FUZZ_CHECK(entries.size() == 1 && entries[0].action == decision.action);
        FUZZ_CHECK(decision.payload == entries[0].payload);
        return decision.num_messages;
      default: CheckFailed(outcome, entries); return 0;
    }
  }

  std::vector<Came> TakeOwed(const std::vector<uint64_t>& cookies) {
    FUZZ_CHECK(!cookies.empty() && std::is_sorted(cookies.begin(), cookies.end()));
    std::vector<Came> entries;
    for (const uint64_t cookie : cookies) {
      auto owed = owed_.extract(cookie);
      FUZZ_CHECK(!owed.empty());
      entries.push_back(std::move(owed.mapped()));
      FUZZ_CHECK(cookies.size() == 1 || (entries.back().is_chunk() && entries.back().IsOfOneMessageWith(entries[0])));
    }
    return entries;
  }

  int64_t CheckDelivered(const Outcome& outcome, const std::vector<Came>& entries) const {
    FUZZ_CHECK(outcome.cookies.back() == cookie_ && !outcome.failed_before);
    FUZZ_CHECK(outcome.metadata.Serialize() == entries.back().metadata.Serialize());
    FUZZ_CHECK(outcome.decision.was_encrypted == entries[0].was_encrypted);
    FUZZ_CHECK(std::all_of(entries.begin(), entries.end(),
                           [](const Came& entry) { return entry.action == Action::kDeliver && entry.is_metadata; }));
    const MessageMetadata& metadata = entries[0].metadata;
    FUZZ_CHECK(!entries[0].is_chunk() || PartsOf(entries).size() == static_cast<size_t>(metadata.num_chunks));
    std::string expected = Joined(entries);
    FUZZ_CHECK(!entries[0].is_chunk() || expected.size() == static_cast<size_t>(metadata.total_chunk_size));
    if (metadata.compression != Compression::kNone) {
      const std::string compressed = std::move(expected);
      FUZZ_CHECK(Decompress(metadata.compression, compressed, metadata.uncompressed_size, &expected).ok());
    }
    FUZZ_CHECK(outcome.decision.payload == expected && expected.size() <= options_.max_message_size);
    int64_t messages = 0;
    MessageReader reader(outcome);
    for (SingleMessage message; reader.Next(&message); ++messages) {
      FUZZ_CHECK(IsInside(message.payload, outcome.decision.payload));
    }
    return messages;
  }

  void CheckFailed(const Outcome& outcome, const std::vector<Came>& entries) const {
    const Decision& decision = outcome.decision;
    FUZZ_CHECK(decision.payload.empty() && (decision.action == Action::kFail || may_discard_));
    FUZZ_CHECK(!outcome.failed_before || (entries.size() == 1 && outcome.cookies[0] == cookie_));
    const bool were_readable =
        std::all_of(entries.begin(), entries.end(), [](const Came& entry) { return entry.action == Action::kDeliver; });
    // Given up for others: to be redelivered, whatever else is discarded.
    FUZZ_CHECK(!were_readable || !absl::IsResourceExhausted(decision.status) || decision.action == Action::kFail ||
               outcome.failed_before);
  }

  void GoOn(nanoseconds forward) {
    now_ += forward;
    SettleAll(consumer_.Expire(now_));
  }

  void Flush() {
    SettleAll(consumer_.Flush());
    FUZZ_CHECK(owed_.empty());
  }

  void SettleAll(const std::vector<Outcome>& outcomes) {
    for (const Outcome& outcome : outcomes)
      FUZZ_CHECK(Settle(outcome) == 0 && outcome.decision.action != Action::kDeliver);
  }

  // What wasn't settled waits for more chunks, within the limits.
  void CheckHeld() const {
    std::vector<std::vector<Came>> open;
    for (const auto& [cookie, came] : owed_) {
      FUZZ_CHECK(came.is_chunk() && came.action == Action::kDeliver && !came.payload.empty());
      const auto found = std::find_if(
          open.begin(), open.end(), [&came = came](const auto& chunks) { return came.IsOfOneMessageWith(chunks[0]); });
      found == open.end() ? open.push_back({came}) : found->push_back(came);
    }
    size_t held = 0;
    for (const std::vector<Came>& chunks : open) {
      const MessageMetadata& metadata = chunks[0].metadata;
      FUZZ_CHECK(PartsOf(chunks).size() < static_cast<size_t>(metadata.num_chunks));
      held += Joined(chunks).size() + kOverhead * (1 + chunks.size());
    }
    FUZZ_CHECK(open.size() <= options_.chunks.max_open_messages);
    const size_t two_messages = 2 * MaxCompressedSize(Compression::kSnappy, options_.max_message_size);
    FUZZ_CHECK(held <= std::max(options_.chunks.max_held_bytes, two_messages));
  }

  // The second of its wrapped keys opens it.
  static MessageMetadata GoodMetadata(Compression compression) {
    MessageMetadata metadata;
    metadata.producer_name = "producer";
    metadata.publish_time = 1700000000000;
    metadata.compression = compression;
    const testing::MadeMessage made = testing::Seal("", {"b", "good"});
    metadata.encryption_fields = *SerializeWrappedKeys(made.keys) + Bytes(15, made.nonce);
    return metadata;
  }

  void ConsumeGoodBatch() {
    std::string batch;
    for (const std::string_view payload : {"a good message", "", "and another"}) {
      SingleMessage message;
      message.payload = payload;
      FUZZ_CHECK(AppendToBatch(message, &batch).ok());
    }
    MessageMetadata good = GoodMetadata(Compression::kZstd);
    good.num_messages_in_batch = 3;
    const std::string metadata = good.Serialize();
    FUZZ_CHECK(ConsumeSealed(metadata, Compressed(metadata, batch, kCompressed), 0) == batch);
  }

  void ConsumeGoodChunks(uint8_t how) {
    std::string message;
    for (size_t i = 0; message.size() < 900; ++i) message += "message " + std::to_string(i * i * i) + ", ";
    MessageMetadata good = GoodMetadata(Compression::kLz4);
    good.chunk_uuid = kGoodUuid;
    const auto order = static_cast<uint8_t>(how & (kBackwards | kUnpack));
    FUZZ_CHECK(ConsumeInChunks(good.Serialize(), message, order | kCompressed) == message);
  }

  const std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  const std::unique_ptr<MessageDecryptor> decryptor_;
  const EntryConsumerOptions options_;
  const bool may_discard_;
  EntryConsumer consumer_;
  std::map<uint64_t, Came> owed_;  // by cookie
  uint64_t cookie_ = 0;
  nanoseconds now_{0};
};

}  // namespace
}  // namespace pulseal::framing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  pulseal::framing::Consumer consumer(data[0]);
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (pulseal::FuzzStep step; pulseal::TakeFuzzStep(&rest, &step);) consumer.Take(step);
  consumer.End();
  return 0;
}
