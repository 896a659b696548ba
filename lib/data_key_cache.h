// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_DATA_KEY_CACHE_H_
#define PULSEAL_LIB_DATA_KEY_CACHE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "lib/bounded_table.h"
#include "lib/crypto/aead.h"
#include "lib/failure.h"
#include "lib/metadata_fields.h"
#include "lib/mutex.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

// One unwrapped data key with its keyed contexts, one for each lane. Shared by the cache, the lanes that used it last
// and the ResolvedKeys that carry it; wiped with the last of them.
class CachedKey : public std::enable_shared_from_this<CachedKey> {
 public:
  // `identity`: the wrapped key as it stands on the wire (ScannedMetadata::keys). `lanes`: how many contexts at most.
  CachedKey(std::string_view identity, SecretBytes data_key, size_t lanes, uint64_t epoch)
      : key_name_place_(KeyNamePlaceIn(identity)),
        data_key_(std::move(data_key)),
        epoch_(epoch),
        contexts_(lanes),
        identity_(identity.begin(), identity.end()) {}

  std::string_view identity() const { return {identity_.data(), identity_.size()}; }
  KeyNamePlace key_name_place() const { return key_name_place_; }

  // Opens `payload` into `out` (AeadContext::Open). The caller holds lane `lane`; any other number stands for none, and
  // costs a context of its own.
  crypto::AeadResult Open(size_t lane, const crypto::AeadBackend& backend, const char* nonce, std::string_view payload,
                          char* out) {
    if (lane < contexts_.size() && contexts_[lane] != nullptr) return contexts_[lane]->Open(nonce, {}, payload, out);
    return OpenWithNewContext(lane, backend, nonce, payload, out);
  }

  // In the cache. Whoever keeps it only to save a lookup drops it as soon as it isn't.
  bool cached() const {
    const State state = state_.load(std::memory_order_relaxed);
    return state == State::kIdle || state == State::kUsed;
  }
  bool unverified() const { return state_.load(std::memory_order_relaxed) == State::kUnverified; }
  // Keeps it in the cache for another round. Writes only where nobody has since the last one.
  void MarkUsed() {
    State expected = State::kIdle;
    if (state_.load(std::memory_order_relaxed) == expected) {
      state_.compare_exchange_strong(expected, State::kUsed, std::memory_order_relaxed);
    }
  }

 private:
  friend class DataKeyCache;
  friend class BoundedTable<CachedKey>;
  enum class State : uint8_t {
    kUnverified,  // no payload has authenticated yet
    kIdle,        // not used since the cache last looked for something to evict
    kUsed,
    kRetired,
  };

  crypto::AeadResult OpenWithNewContext(size_t lane, const crypto::AeadBackend& backend, const char* nonce,
                                        std::string_view payload, char* out);
  bool TakeSecondChance();
  void Retire() { state_.store(State::kRetired, std::memory_order_relaxed); }

  const KeyNamePlace key_name_place_;
  const SecretBytes data_key_;
  const uint64_t epoch_;                                                   // DataKeyCache::epoch when its lookup began
  absl::InlinedVector<std::unique_ptr<crypto::AeadContext>, 4> contexts_;  // [i] belongs to the holder of lane i
  std::atomic<State> state_{State::kUnverified};
  std::chrono::nanoseconds expires_{0};            // guarded by the cache's mutex
  const absl::InlinedVector<char, 320> identity_;  // an RSA-2048 wrapped key fits
};

// Data keys and remembered failures by the identity of a wrapped key, in three tables: a data key comes into the one
// that counts with its first verified tag, so a flood of failures or of keys that nothing verified evicts nothing good.
// Whoever holds a public key can still fill it, with valid messages of as many data keys: each costs an unwrap, which
// the budget counts. Thread-safe; no function blocks for longer than a table operation takes. `now` is
// BackgroundWorker::Now.
class DataKeyCache {
 public:
  struct Limits {
    size_t keys = 1000, failures = 10000;
    std::chrono::nanoseconds key_ttl{0}, failure_ttl{0};
  };
  DataKeyCache(Limits limits, size_t lanes);
  ~DataKeyCache();

  struct Known {
    std::shared_ptr<CachedKey> key;  // of the wrapped key at `position`
    size_t position = 0;
    std::optional<Failure> failure;  // none of the wrapped keys can be opened: the most telling failure
  };
  // What is known of a message's wrapped keys; neither where at least one must still be asked for.
  Known Find(absl::Span<const std::string_view> identities);
  std::optional<Failure> FindFailure(std::string_view identity);

  // Changes with every Forget. A lookup hands back the epoch in which it began, and what it brings from a past one
  // isn't kept.
  uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  // Keeps an unwrapped key until a payload has authenticated, or for failure_ttl.
  std::shared_ptr<CachedKey> AddUnverified(std::string identity, SecretBytes data_key, uint64_t epoch,
                                           std::chrono::nanoseconds now);
  // `key` has authenticated a payload for the first time.
  void Admit(const std::shared_ptr<CachedKey>& key, std::chrono::nanoseconds now);
  // `generation`: KeyWrapper::Generation before the wrapper was asked.
  void RememberFailure(std::string identity, Failure failure, uint64_t epoch, uint64_t generation,
                       std::chrono::nanoseconds now);

  void Forget();
  void ForgetFailuresBut(uint64_t generation);
  void Expire(std::chrono::nanoseconds now);

  // How often something was retired: whoever keeps keys outside looks through them when it changes.
  uint64_t retirements() const { return retirements_.load(std::memory_order_acquire); }
  // Has them look though nothing was retired.
  void CallLanes() { retirements_.fetch_add(1, std::memory_order_release); }
  size_t keys() const;
  size_t failures() const;
  bool empty() const;

 private:
  class RememberedFailure;
  using Dropped = std::vector<std::shared_ptr<CachedKey>>;  // to be destroyed after the lock is released

  class Retiring;

  const Limits limits_;
  const size_t lanes_;
  // Each message reads the second; the mutex is written by each message whose key its lane hasn't at hand.
  std::atomic<uint64_t> epoch_{0};
  std::atomic<uint64_t> retirements_{0};
  alignas(128) mutable Mutex mutex_;
  BoundedTable<CachedKey> verified_ ABSL_GUARDED_BY(mutex_);
  BoundedTable<CachedKey> unverified_ ABSL_GUARDED_BY(mutex_);
  BoundedTable<RememberedFailure> failures_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_DATA_KEY_CACHE_H_
