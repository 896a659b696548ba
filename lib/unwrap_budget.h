// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_UNWRAP_BUDGET_H_
#define PULSEAL_LIB_UNWRAP_BUDGET_H_

#include <algorithm>
#include <chrono>
#include <optional>

#include "lib/mutex.h"

namespace pulseal {

// How many lookups may be begun a second: a token bucket that holds one second's worth, full at first. A lookup takes a
// token when it begins and what it cost beyond that afterwards, into debt if need be, so that a dear one is paid for by
// those behind it. Thread-safe.
class UnwrapBudget {
 public:
  explicit UnwrapBudget(int per_second) : per_second_(per_second), tokens_(per_second) {}

  bool Take(std::chrono::nanoseconds now) {
    MutexLock lock(mutex_);
    if (last_.has_value() && now > *last_) {
      tokens_ = std::min(per_second_, tokens_ + per_second_ * std::chrono::duration<double>(now - *last_).count());
    }
    last_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

  void Charge(int more) {
    MutexLock lock(mutex_);
    tokens_ -= more;
  }

 private:
  const double per_second_;
  Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::chrono::nanoseconds> last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_UNWRAP_BUDGET_H_
