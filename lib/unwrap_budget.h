// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_UNWRAP_BUDGET_H_
#define PULSEAL_LIB_UNWRAP_BUDGET_H_

#include <algorithm>
#include <chrono>
#include <optional>

#include "lib/mutex.h"

namespace pulseal {

// How many wrapped keys may be asked for a second: a token bucket that holds one second's worth, full at first. A lookup
// begins with a token; what it asks for beyond that may be owed, so that a dear one is paid for by those behind it. No
// more than `most_owed` is: the lookups that are under way at once, or answers that come all together, would otherwise
// shut out good ones for as long as they please. Thread-safe.
class UnwrapBudget {
 public:
  UnwrapBudget(int per_second, int most_owed) : per_second_(per_second), most_owed_(most_owed), tokens_(per_second) {}

  // Pays for a lookup's first wrapped key, or says no.
  bool Begin(std::chrono::nanoseconds now) { return Take(now, 0); }

  // Pays for a further one.
  bool GoOn(std::chrono::nanoseconds now) { return Take(now, -most_owed_); }

  // For what an answer turned out to cost. Forgives what would be owed beyond the most.
  void Charge(int more) {
    MutexLock lock(mutex_);
    tokens_ = std::max(tokens_ - more, -most_owed_);
  }

 private:
  bool Take(std::chrono::nanoseconds now, double least) {
    MutexLock lock(mutex_);
    if (last_.has_value() && now > *last_) {
      tokens_ = std::min(per_second_, tokens_ + per_second_ * std::chrono::duration<double>(now - *last_).count());
    }
    last_ = now;
    if (tokens_ - 1 < least) return false;
    tokens_ -= 1;
    return true;
  }

  const double per_second_, most_owed_;
  Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::chrono::nanoseconds> last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_UNWRAP_BUDGET_H_
