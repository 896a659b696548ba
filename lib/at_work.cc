// SPDX-License-Identifier: Apache-2.0
#include "lib/at_work.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "lib/crypto/openssl_end.h"

namespace pulseal {
namespace {

// Atomics, since a lock might be held for ever in a child that was forked meanwhile. The upper half of the first says whose
// the threads are that the lower half counts: a forked child has none of its parent's.
std::atomic<uint64_t> at_work{0};
std::atomic<bool> is_ending{false};

constexpr int kCountBits = 32;
uint64_t NobodyHere() { return static_cast<uint64_t>(getpid()) << kCountBits; }
bool IsOf(uint64_t process, uint64_t count) { return count >> kCountBits == process >> kCountBits; }

void Enter() {
  const uint64_t nobody = NobodyHere();
  uint64_t before = at_work.load();
  while (!at_work.compare_exchange_weak(before, (IsOf(nobody, before) ? before : nobody) + 1)) {
  }
}

void Leave() {
  const uint64_t nobody = NobodyHere();
  uint64_t before = at_work.load();
  while (IsOf(nobody, before) && !at_work.compare_exchange_weak(before, before - 1)) {
  }
}

void Pause(std::chrono::milliseconds time) {
  const timespec pause = {0, std::chrono::nanoseconds(time).count()};
  nanosleep(&pause, nullptr);
}

void WaitForThreads() {
  is_ending.store(true);
  const uint64_t nobody = NobodyHere();
  const auto give_up = std::chrono::steady_clock::now() + AtWork::kLongestWait;
  const auto somebody_is = [nobody] { return IsOf(nobody, at_work.load()) && at_work.load() != nobody; };
  while (somebody_is() && std::chrono::steady_clock::now() < give_up) Pause(std::chrono::milliseconds(1));
}

}  // namespace

void AtWork::MakeExitWait() {
  static const bool is_waited_for = crypto::CallBeforeOpenSslEnds(WaitForThreads);
  (void)is_waited_for;  // without memory for that exit is as it would be without us
}

AtWork::AtWork() {
  Enter();
  if (!is_ending.load()) return;
  Leave();
  while (true) Pause(std::chrono::milliseconds(999));
}

AtWork::~AtWork() { Leave(); }

}  // namespace pulseal
