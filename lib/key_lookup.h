// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_KEY_LOOKUP_H_
#define PULSEAL_LIB_KEY_LOOKUP_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "lib/background_worker.h"
#include "lib/data_key_cache.h"
#include "lib/event_sink.h"
#include "lib/failure.h"
#include "lib/mutex.h"
#include "lib/unwrap_budget.h"
#include "pulseal/key_wrapper.h"
#include "pulseal/message_decryptor.h"

namespace pulseal {

class KeyLookup;

// What one lookup brought. Immutable; holds nothing of the decryptor's alive but the data key.
struct ResolvedState {
  std::weak_ptr<const KeyLookup> made_by;
  std::string asked_for;           // JoinIdentities of the message's wrapped keys
  std::shared_ptr<CachedKey> key;  // null: `failure` says why
  Failure failure;
};

// A message's wrapped keys as one string, which no other list of wrapped keys gives.
std::string JoinIdentities(absl::Span<const std::string_view> identities);

// The way from a message's wrapped keys to its data key: one lookup at a time for the same list of wrapped keys,
// whoever asks, each within the budget, asking the wrapper for one wrapped key after the other. Thread-safe. Answers
// that come after it is gone do nothing.
class KeyLookup : public std::enable_shared_from_this<KeyLookup> {
 public:
  struct Limits {
    int max_wrapped_keys = 64;
    int max_private_key_operations = 8;
    int unwraps_per_second = 1000;
    std::chrono::nanoseconds key_timeout{0};
    bool require_256_bit_data_keys = false;
  };
  using Result = std::shared_ptr<const ResolvedState>;

  // `on_learnt` is called after something came into the cache.
  KeyLookup(Limits limits, std::shared_ptr<KeyWrapper> wrapper, std::shared_ptr<DataKeyCache> cache,
            std::shared_ptr<BackgroundWorker> worker, std::shared_ptr<EventSink> events,
            std::function<void()> on_learnt);

  // Bytes of wrapped keys: minted ones may be large, and a wrapper silent.
  static constexpr size_t kMostHeld = size_t{64} << 20;

  // Calls the wrapper on this thread, or joins a lookup that is under way, and waits up to key_timeout.
  Result Await(absl::Span<const std::string_view> identities);
  // In the background; `done` once, though where it throws std::bad_alloc it has not been told; on whatever thread ends
  // the lookup, inside the call where it has just ended. Null, inside the call, where the lookups that a wrapper still
  // owes an answer hold kMostHeld already.
  void Start(absl::Span<const std::string_view> identities, std::function<void(Result)> done);
  // Nobody joins the lookups that are under way any more.
  void Forget();

  uint64_t unwraps() const { return unwraps_.load(std::memory_order_relaxed); }

 private:
  friend class Flight;

  // Null where a new one would take the bytes held above `most`.
  std::shared_ptr<class Flight> Join(absl::Span<const std::string_view> identities, size_t most);
  void Leave(const class Flight& flight);

  const Limits limits_;
  const std::shared_ptr<KeyWrapper> wrapper_;
  const std::shared_ptr<DataKeyCache> cache_;
  const std::shared_ptr<BackgroundWorker> worker_;
  const std::shared_ptr<EventSink> events_;
  const std::function<void()> on_learnt_;
  UnwrapBudget budget_;
  std::atomic<uint64_t> unwraps_{0};
  const std::shared_ptr<std::atomic<size_t>> held_ = std::make_shared<std::atomic<size_t>>(0);
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<class Flight>> flights_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_KEY_LOOKUP_H_
