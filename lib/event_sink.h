// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_EVENT_SINK_H_
#define PULSEAL_LIB_EVENT_SINK_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "lib/mutex.h"
#include "pulseal/background.h"
#include "pulseal/crypto_event.h"

namespace pulseal {

// Hands events to an embedder's callback as crypto_event.h promises: at most one a second of each kind but kRotated, no
// lock held, exceptions dropped, none begun after Stop. Thread-safe.
class EventSink {
 public:
  EventSink(EventCallback callback, Clock clock);  // one that never goes back: BackgroundWorker::Now

  // `key_name` as it came from outside: it is escaped here. Cheap where the callback is empty.
  void Emit(CryptoEvent::Kind kind, std::string_view key_name, const absl::Status& status);
  void Stop() { stopped_.store(true, std::memory_order_seq_cst); }

 private:
  // The number held back since the last one, or nothing where this one is to be held back.
  std::optional<uint64_t> Admit(CryptoEvent::Kind kind);

  static constexpr size_t kKinds = static_cast<size_t>(CryptoEvent::Kind::kKeyUnavailable) + 1;
  struct Throttle {
    std::optional<std::chrono::nanoseconds> last;
    uint64_t suppressed = 0;
  };

  const EventCallback callback_;
  const Clock clock_;
  std::atomic<bool> stopped_{false};
  Mutex mutex_;
  std::array<Throttle, kKinds> throttles_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_EVENT_SINK_H_
