// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_BACKGROUND_WORKER_H_
#define PULSEAL_LIB_BACKGROUND_WORKER_H_

#include <chrono>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "pulseal/background.h"

namespace pulseal {

// Runs work where Background says. Thread-safe. Whatever work captures must keep itself alive (a shared or weak
// pointer): work may run, or be destroyed, long after whoever asked for it is gone. Exceptions out of work are caught
// and dropped.
class BackgroundWorker {
 public:
  // INVALID_ARGUMENT (kMisuse): mode kExecutor without an executor, or the reverse.
  static absl::Status Validate(const Background& options);
  static std::shared_ptr<BackgroundWorker> Create(Background options);  // validated options
  virtual ~BackgroundWorker() = default;

  // Soon; may block, as readers do. Never runs inside this call.
  virtual void Run(std::function<void()> work) = 0;
  // `delay` from now; must not block. Never runs inside this call.
  virtual void After(std::chrono::nanoseconds delay, std::function<void()> work) = 0;
  // Mode kMaintain: runs what is due, on this thread. Elsewhere nothing.
  virtual void Maintain() = 0;
  // Drops all work that has not begun, and all that comes later. Never waits.
  virtual void Stop() = 0;

  // By the injected clock, or CLOCK_BOOTTIME.
  std::chrono::nanoseconds Now() const { return clock_(); }

 protected:
  explicit BackgroundWorker(Clock clock);

 private:
  const Clock clock_;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_BACKGROUND_WORKER_H_
