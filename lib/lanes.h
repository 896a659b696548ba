// SPDX-License-Identifier: Apache-2.0
//
// State that each message needs for itself, without a lock and without a cache line that threads share: one copy for
// each processor, taken for the length of a call.
#ifndef PULSEAL_LIB_LANES_H_
#define PULSEAL_LIB_LANES_H_

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "lib/mutex.h"

namespace pulseal {

// T is default-constructible. A thread takes the lane of the processor it runs on; where a preempted thread still holds
// that one, the next free one; where all are held, a spare, which alone costs a lock: nobody ever waits for a message.
// -Wthread-safety can't check `taken`: it follows a lock within a function, and a lease is handed on to its caller.
template <typename T>
class Lanes {
  struct Lane;

 public:
  static constexpr size_t kSpare = ~size_t{0};

  Lanes() : count_(CountForThisMachine()), lanes_(new Lane[count_]) {}

  class Lease {
   public:
    Lease(Lease&& other) noexcept : lane_(std::exchange(other.lane_, nullptr)), index_(other.index_) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (lane_ != nullptr) lane_->taken.store(false, std::memory_order_release);
    }

    T& operator*() const { return lane_->value; }
    T* operator->() const { return &lane_->value; }
    // Below count(), and nobody else's while the lease lasts; kSpare for a spare.
    size_t index() const { return index_; }

   private:
    friend class Lanes;
    Lease(Lane* lane, size_t index) : lane_(lane), index_(index) {}

    Lane* lane_;
    size_t index_;
  };

  Lease Take() {
    size_t first = static_cast<size_t>(sched_getcpu());  // -1 where it isn't known
    if (first >= count_) first %= count_;
    if (TryTake(lanes_[first])) return Lease(&lanes_[first], first);
    return TakeAfter(first);
  }

  // Calls visit(T&) for each lane that nobody holds at that moment, holding it meanwhile; returns how many were held by
  // others. Spares included.
  template <typename Visitor>
  size_t VisitFree(Visitor visit) {
    size_t held = 0;
    const auto visit_one = [&](Lane& lane) {
      if (!TryTake(lane)) {
        ++held;
        return;
      }
      visit(lane.value);
      lane.taken.store(false, std::memory_order_release);
    };
    for (size_t i = 0; i < count_; ++i) visit_one(lanes_[i]);
    MutexLock lock(mutex_);
    for (const auto& spare : spares_) visit_one(*spare);
    return held;
  }

  // Calls visit(const T&) for every lane, held or not: for members of T that are atomic. Spares included.
  template <typename Visitor>
  void ReadAll(Visitor visit) const {
    for (size_t i = 0; i < count_; ++i) visit(static_cast<const T&>(lanes_[i].value));
    MutexLock lock(mutex_);
    for (const auto& spare : spares_) visit(static_cast<const T&>(spare->value));
  }

  size_t count() const { return count_; }

 private:
  struct alignas(128) Lane {  // two lines: the adjacent-line prefetcher fetches them in pairs
    std::atomic<bool> taken{false};
    T value;
  };

  static bool TryTake(Lane& lane) {
    return !lane.taken.load(std::memory_order_relaxed) && !lane.taken.exchange(true, std::memory_order_acquire);
  }

  Lease TakeAfter(size_t first) {
    for (size_t i = 1; i < count_; ++i) {
      const size_t index = first + i < count_ ? first + i : first + i - count_;
      if (TryTake(lanes_[index])) return Lease(&lanes_[index], index);
    }
    return TakeSpare();
  }

  Lease TakeSpare() {
    MutexLock lock(mutex_);
    for (const auto& spare : spares_) {
      if (TryTake(*spare)) return Lease(spare.get(), kSpare);
    }
    spares_.push_back(std::make_unique<Lane>());
    spares_.back()->taken.store(true, std::memory_order_relaxed);
    return Lease(spares_.back().get(), kSpare);
  }

  static size_t CountForThisMachine() {
    constexpr long kFewest = 4, kMost = 256;  // NOLINT(google-runtime-int): sysconf's type
    return static_cast<size_t>(std::clamp(sysconf(_SC_NPROCESSORS_CONF), kFewest, kMost));
  }

  const size_t count_;
  const std::unique_ptr<Lane[]> lanes_;
  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Lane>> spares_ ABSL_GUARDED_BY(mutex_);  // as many as were ever needed at once
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_LANES_H_
