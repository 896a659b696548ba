// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_BACKGROUND_WORKER_H_
#define PULSEAL_LIB_BACKGROUND_WORKER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "pulseal/background.h"

namespace pulseal {

// Longer times in options are taken as this: they would overflow a clock.
inline constexpr std::chrono::hours kLongestWait{24 * 365 * 100};

// Runs work where Background says. Thread-safe. Whatever work captures must keep itself alive (a shared or weak
// pointer): work may run, or be destroyed, long after whoever asked for it is gone. Exceptions out of work are caught
// and dropped.
class BackgroundWorker {
 public:
  // INVALID_ARGUMENT (kMisuse): mode kExecutor without an executor, or the reverse.
  static absl::Status Validate(const Background& options);
  static std::shared_ptr<BackgroundWorker> Create(Background options);  // validated options
  virtual ~BackgroundWorker() = default;

  // Work that there is no memory to keep is lost, as by an executor that drops it.

  // Soon; may block, as readers do. Never runs inside this call.
  virtual void Run(std::function<void()> work) = 0;
  // `delay` from now; must not block. Never runs inside this call.
  void After(std::chrono::nanoseconds delay, std::function<void()> work) {
    Schedule(delay, std::move(work), stopped_);  // needed as long as there is a worker
  }
  // The same for work that is of no use once `needed_by` is gone. Those of which that is so are forgotten long before their
  // time, so that any number of them takes no more memory than twice the others do; an executor has them until then.
  void AfterUnlessGone(std::weak_ptr<const void> needed_by, std::chrono::nanoseconds delay,
                       std::function<void()> work) {
    Schedule(delay, std::move(work), std::move(needed_by));
  }
  // Mode kMaintain: runs what is due, on this thread. Elsewhere nothing.
  virtual void Maintain() = 0;
  // Drops all work that has not begun, and all that comes later. Never waits.
  virtual void Stop() { stopped_->store(true, std::memory_order_release); }

  // For Run and After: `work`, or `if_lost` where it is destroyed without having run though nobody called Stop, as by an
  // executor that throws or drops it, or with a worker that got no thread. That runs wherever the work is lost, which
  // may be inside Run or After: it must not block. Without it, `work` itself runs there. Where this call throws, neither
  // runs.
  std::function<void()> OrElse(std::function<void()> work, std::function<void()> if_lost = nullptr) const;

  // By the injected clock, or CLOCK_BOOTTIME. Never goes back, even where the clock does.
  std::chrono::nanoseconds Now() const { return clock_(); }

 protected:
  using Flag = std::shared_ptr<std::atomic<bool>>;

  explicit BackgroundWorker(Clock clock);

  // Outlives the worker with whatever work needs it.
  const Flag& stopped() const { return stopped_; }

 private:
  virtual void Schedule(std::chrono::nanoseconds delay, std::function<void()> work,
                        std::weak_ptr<const void> needed_by) = 0;

  const Flag stopped_ = std::make_shared<std::atomic<bool>>(false);
  const Clock clock_;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_BACKGROUND_WORKER_H_
