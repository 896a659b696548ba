// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_LOSING_EXECUTOR_H_
#define PULSEAL_TESTS_SUPPORT_LOSING_EXECUTOR_H_

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>

#include "pulseal/background.h"

namespace pulseal::testing {

enum class Loss { kThrown, kDropped };

// `executor`, but for the `nth` piece of work from now, which is lost. Zero: the first, and all that come after it too.
inline Executor LosingExecutor(Executor executor, Loss loss, int nth) {
  return [executor = std::move(executor), loss, nth, count = std::make_shared<int>(0)](std::chrono::nanoseconds delay,
                                                                                       std::function<void()> work) {
    const bool is_lost = ++*count == nth || nth == 0;
    if (!is_lost) return executor(delay, std::move(work));
    if (loss == Loss::kThrown) throw std::runtime_error("the queue is full");
  };
}

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_LOSING_EXECUTOR_H_
