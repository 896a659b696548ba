// SPDX-License-Identifier: Apache-2.0
#include "lib/event_sink.h"

#include <utility>

#include "lib/status.h"

namespace pulseal {
namespace {

constexpr std::chrono::seconds kInterval{1};

}  // namespace

EventSink::EventSink(EventCallback callback, Clock clock) : callback_(std::move(callback)), clock_(std::move(clock)) {}

void EventSink::Emit(CryptoEvent::Kind kind, std::string_view key_name, const absl::Status& status) {
  if (!callback_) return;
  const std::optional<uint64_t> suppressed = Admit(kind);
  if (!suppressed.has_value()) return;
  try {
    CryptoEvent event;
    event.kind = kind;
    event.key_name = Escaped(key_name);
    event.status = status;
    event.suppressed = *suppressed;
    if (!stopped_.load(std::memory_order_seq_cst)) callback_(event);
  } catch (...) {  // NOLINT(bugprone-empty-catch): the embedder's, and there is nobody to tell
  }
}

std::optional<uint64_t> EventSink::Admit(CryptoEvent::Kind kind) {
  if (kind == CryptoEvent::Kind::kRotated) return 0;
  const std::chrono::nanoseconds now = clock_();
  MutexLock lock(mutex_);
  Throttle& throttle = throttles_[static_cast<size_t>(kind)];
  if (throttle.last.has_value() && now - *throttle.last < kInterval) {
    ++throttle.suppressed;
    return std::nullopt;
  }
  throttle.last = now;
  return std::exchange(throttle.suppressed, 0);
}

}  // namespace pulseal
