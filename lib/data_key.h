// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_DATA_KEY_H_
#define PULSEAL_LIB_DATA_KEY_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/crypto/aead.h"
#include "pulseal/key_wrapper.h"
#include "pulseal/message_encryptor.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

class DataKeySlot;

// One data key of a producer: what travels with its messages, which nonces are taken, how much of it may still be used.
// Thread-safe. The key's bytes are wiped with the last slot, pin or rotation that refers to it.
class DataKey {
 public:
  struct Config {
    RotationLimits limits;
    bool random_nonces = false;
    std::shared_ptr<const crypto::AeadBackend> aead;
  };

  // `wrapped`: one for each recipient, of `key`. `created`: when the key's bytes were drawn. INVALID_ARGUMENT where a
  // wrapped key is over a limit of encryption_metadata.h.
  static absl::StatusOr<std::shared_ptr<DataKey>> Create(std::shared_ptr<const SecretBytes> key,
                                                         const std::vector<WrappedKey>& wrapped, const Config& config,
                                                         std::chrono::nanoseconds created);

  // Fields 13 and 15 as they are appended to a message's metadata; the nonce takes the last kNonceSize bytes.
  std::string_view fields() const { return fields_; }

  absl::StatusOr<std::unique_ptr<crypto::AeadContext>> NewContext() const {
    return config_.aead->NewContext(key_->view());
  }

  // A slot number that was never handed out before; kLimitReached once all are.
  absl::StatusOr<uint32_t> TakeSlotNumber();

  // Takes from the budgets: `messages` and `bytes`, or up to a block of either where `up_to_a_block` allows more.
  // False, and nothing taken, where a hard limit doesn't leave as much.
  struct Budget {
    uint64_t messages = 0, bytes = 0;
  };
  bool Draw(Budget needed, bool up_to_a_block, Budget* drawn);

  // Whether a soft limit of messages or bytes is reached.
  bool SoftLimitReached() const;

  bool SoftAgeReached(std::chrono::nanoseconds now) const { return now - created_ >= config_.limits.age; }
  bool HardAgeReached(std::chrono::nanoseconds now) const { return now - created_ >= config_.limits.hard_age; }
  // From now until the next of the two ages; zero where the hard one has passed.
  std::chrono::nanoseconds UntilNextAge(std::chrono::nanoseconds now) const;

  bool random_nonces() const { return config_.random_nonces; }

 private:
  DataKey(std::shared_ptr<const SecretBytes> key, std::string fields, const Config& config,
          std::chrono::nanoseconds created);

  const std::shared_ptr<const SecretBytes> key_;
  const std::string fields_;
  const Config config_;
  const std::chrono::nanoseconds created_;
  const Budget block_;

  alignas(128) std::atomic<uint64_t> messages_drawn_{0};
  std::atomic<uint64_t> bytes_drawn_{0};
  std::atomic<uint64_t> next_slot_{0};
};

// A slot number of one data key, a keyed context, and a share of the budgets: all that a thread needs to encrypt
// without touching what other threads touch. One thread at a time.
class DataKeySlot {
 public:
  DataKeySlot() = default;  // of no data key
  static absl::StatusOr<DataKeySlot> Create(std::shared_ptr<DataKey> key);

  const std::shared_ptr<DataKey>& key() const { return key_; }

  // Counts one message of `bytes` against this slot's share. False: the share is used up; Refill it.
  bool Spend(size_t bytes) {
    if (share_.messages == 0 || share_.bytes < bytes) return false;
    --share_.messages;
    share_.bytes -= bytes;
    return true;
  }
  // Undoes the last Spend, of a message that was not encrypted after all.
  void GiveBack(size_t bytes) {
    ++share_.messages;
    share_.bytes += bytes;
  }
  // A new share from the data key, enough for one message of `bytes`. False: a hard limit is reached.
  bool Refill(size_t bytes);

  // Encrypts with this slot's next nonce. out: plaintext.size() + kTagSize; fields: key()->fields().size().
  crypto::AeadResult Seal(std::string_view plaintext, char* out, char* fields);
  // The same with a nonce of another slot of the same data key.
  crypto::AeadResult SealWithNonce(const char* nonce, std::string_view plaintext, char* out, char* fields);

 private:
  std::shared_ptr<DataKey> key_;
  std::unique_ptr<crypto::AeadContext> context_;
  uint64_t counter_ = 0;
  uint32_t number_ = 0;
  DataKey::Budget share_;
};

// Writes kNonceSize bytes: `slot`, then `counter`, both big-endian.
void WriteCounterNonce(uint32_t slot, uint64_t counter, char* nonce);

// Encrypts under `context` with `nonce` and writes `data_key`'s fields for it.
crypto::AeadResult SealMessage(crypto::AeadContext& context, const DataKey& data_key, const char* nonce,
                               std::string_view plaintext, char* out, char* fields);

}  // namespace pulseal

#endif  // PULSEAL_LIB_DATA_KEY_H_
