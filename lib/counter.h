// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_COUNTER_H_
#define PULSEAL_LIB_COUNTER_H_

#include <atomic>
#include <cstdint>

namespace pulseal {

// Added to by one thread at a time, without the locked instruction that a shared counter needs; read by any.
class Counter {
 public:
  void Add(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_COUNTER_H_
