// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_TICKETS_H_
#define PULSEAL_LIB_TICKETS_H_

#include <atomic>
#include <cstddef>
#include <memory>

namespace pulseal {

// Lets so many do something at the same time. Thread-safe.
class Tickets {
 public:
  explicit Tickets(size_t most) : most_(most) {}

  size_t most() const { return most_; }

  // Null where all are taken. Given back with its last copy, which may outlive this.
  std::shared_ptr<void> Take() const {
    if (taken_->fetch_add(1, std::memory_order_relaxed) >= most_) {
      taken_->fetch_sub(1, std::memory_order_relaxed);
      return nullptr;
    }
    return std::shared_ptr<void>(taken_.get(),
                                 [taken = taken_](void*) { taken->fetch_sub(1, std::memory_order_relaxed); });
  }

 private:
  const size_t most_;
  const std::shared_ptr<std::atomic<size_t>> taken_ = std::make_shared<std::atomic<size_t>>(0);
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_TICKETS_H_
