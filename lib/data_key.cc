// SPDX-License-Identifier: Apache-2.0
//
// Nonces. A nonce is the number of a slot (32 bits), unique within the data key, and that slot's own counter (64 bits),
// which starts at zero and is used by one thread at a time: no two messages of a data key can have the same one,
// whatever threads do (the deterministic construction of NIST SP 800-38D section 8.2.1). Slot numbers are never reused.
// A counter can't wrap: the hard limit of messages ends the data key long before.
//
// Ceilings. A slot draws its share of the budgets in blocks, so that the shared counters are touched once in a thousand
// messages. What has been drawn counts as used: a hard limit is never passed, and may be reached a few blocks early.
//
// Reclaiming. A slot holds a reference to its data key, and a lane of the encryptor holds the slot. When a data key is
// retired, the lanes that nobody is using drop theirs at once; a lane in use drops its slot when its thread takes it
// the next time, or when the encryptor sweeps again a moment later. The last reference wipes the key; nobody ever waits
// for it.
#include "lib/data_key.h"

#include <endian.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "lib/crypto/random.h"
#include "lib/metadata_fields.h"
#include "lib/status.h"

namespace pulseal {
namespace {

// A block is at most this, and at most a thousandth of the soft limit, so that small limits are kept closely.
constexpr uint64_t kMostMessagesInBlock = 1024;
constexpr uint64_t kMostBytesInBlock = uint64_t{64} << 20;
constexpr uint64_t kBlocksPerLimit = 1024;

uint64_t BlockOf(uint64_t soft_limit, uint64_t most) {
  return std::clamp<uint64_t>(soft_limit / kBlocksPerLimit, 1, most);
}

// Adds to `drawn` as much as `limit` leaves, up to `most` and at least `needed`; returns what it added, or zero where
// it can't.
uint64_t DrawFrom(std::atomic<uint64_t>& drawn, uint64_t limit, uint64_t needed, uint64_t most) {
  uint64_t before = drawn.load(std::memory_order_relaxed);
  uint64_t amount = 0;
  do {
    const uint64_t left = limit - before;
    if (left < needed) return 0;
    amount = std::min(left, most);
  } while (!drawn.compare_exchange_weak(before, before + amount, std::memory_order_relaxed));
  return amount;
}

}  // namespace

void WriteCounterNonce(uint32_t slot, uint64_t counter, char* nonce) {
  // Two stores: the cipher reads the nonce at once, and would wait for many small ones.
  const uint32_t big_endian_slot = htobe32(slot);
  const uint64_t big_endian_counter = htobe64(counter);
  memcpy(nonce, &big_endian_slot, sizeof slot);
  memcpy(nonce + sizeof slot, &big_endian_counter, sizeof counter);
}

crypto::AeadResult SealMessage(crypto::AeadContext& context, const DataKey& data_key, const char* nonce,
                               std::string_view plaintext, char* out, char* fields) {
  const crypto::AeadResult result = context.Seal(nonce, /*associated_data=*/{}, plaintext, out);
  if (result != crypto::AeadResult::kOk) return result;
  const size_t without_nonce = data_key.fields().size() - kNonceSize;
  memcpy(fields, data_key.fields().data(), without_nonce);
  memcpy(fields + without_nonce, nonce, kNonceSize);
  return result;
}

DataKey::DataKey(std::shared_ptr<const SecretBytes> key, std::string fields, const Config& config,
                 std::chrono::nanoseconds created)
    : key_(std::move(key)),
      fields_(std::move(fields)),
      config_(config),
      created_(created),
      block_{BlockOf(config.limits.messages, kMostMessagesInBlock), BlockOf(config.limits.bytes, kMostBytesInBlock)} {}

absl::StatusOr<std::shared_ptr<DataKey>> DataKey::Create(std::shared_ptr<const SecretBytes> key,
                                                         const std::vector<WrappedKey>& wrapped, const Config& config,
                                                         std::chrono::nanoseconds created) {
  absl::StatusOr<std::string> fields = SerializeFieldsWithoutNonce(wrapped);
  if (!fields.ok()) return fields.status();
  return std::shared_ptr<DataKey>(new DataKey(std::move(key), *std::move(fields), config, created));
}

absl::StatusOr<uint32_t> DataKey::TakeSlotNumber() {
  const uint64_t number = next_slot_.fetch_add(1, std::memory_order_relaxed);
  if (number <= UINT32_MAX) return static_cast<uint32_t>(number);
  return MakeStatus(absl::StatusCode::kResourceExhausted, Reason::kLimitReached, "the data key has no nonces left");
}

bool DataKey::Draw(Budget needed, bool up_to_a_block, Budget* drawn) {
  const auto most = [&](uint64_t need, uint64_t block) {
    return up_to_a_block && need > 0 ? std::max(need, block) : need;
  };
  const uint64_t messages =
      DrawFrom(messages_drawn_, config_.limits.hard_messages, needed.messages, most(needed.messages, block_.messages));
  if (messages < needed.messages) return false;
  const uint64_t bytes =
      DrawFrom(bytes_drawn_, config_.limits.hard_bytes, needed.bytes, most(needed.bytes, block_.bytes));
  if (bytes < needed.bytes) {
    messages_drawn_.fetch_sub(messages, std::memory_order_relaxed);
    return false;
  }
  *drawn = {messages, bytes};
  return true;
}

bool DataKey::SoftLimitReached() const {
  return messages_drawn_.load(std::memory_order_relaxed) >= config_.limits.messages ||
         bytes_drawn_.load(std::memory_order_relaxed) >= config_.limits.bytes;
}

std::chrono::nanoseconds DataKey::UntilNextAge(std::chrono::nanoseconds now) const {
  const std::chrono::nanoseconds age = now - created_;
  if (age < config_.limits.age) return config_.limits.age - age;
  return std::max(config_.limits.hard_age - age, std::chrono::nanoseconds(0));
}

absl::StatusOr<DataKeySlot> DataKeySlot::Create(std::shared_ptr<DataKey> key) {
  absl::StatusOr<uint32_t> number = key->TakeSlotNumber();
  if (!number.ok()) return number.status();
  absl::StatusOr<std::unique_ptr<crypto::AeadContext>> context = key->NewContext();
  if (!context.ok()) return context.status();
  DataKeySlot slot;
  slot.key_ = std::move(key);
  slot.context_ = *std::move(context);
  slot.number_ = *number;
  return slot;
}

bool DataKeySlot::Refill(size_t bytes) {
  // What is left of the share is kept: it was drawn, and drawing it twice would bring the limit nearer than it is.
  const DataKey::Budget missing = {share_.messages > 0 ? 0u : 1u, bytes > share_.bytes ? bytes - share_.bytes : 0};
  DataKey::Budget drawn;
  if (!key_->Draw(missing, /*up_to_a_block=*/true, &drawn)) return false;
  share_.messages += drawn.messages;
  share_.bytes += drawn.bytes;
  return true;
}

crypto::AeadResult DataKeySlot::Seal(std::string_view plaintext, char* out, char* fields) {
  std::array<char, kNonceSize> nonce;
  if (!key_->random_nonces()) {
    WriteCounterNonce(number_, counter_++, nonce.data());
  } else if (!crypto::FillFromKernel(absl::MakeSpan(nonce)).ok()) {
    return crypto::AeadResult::kBackendFailed;
  }
  return SealWithNonce(nonce.data(), plaintext, out, fields);
}

crypto::AeadResult DataKeySlot::SealWithNonce(const char* nonce, std::string_view plaintext, char* out, char* fields) {
  return SealMessage(*context_, *key_, nonce, plaintext, out, fields);
}

}  // namespace pulseal
