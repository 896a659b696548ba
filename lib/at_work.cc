// SPDX-License-Identifier: Apache-2.0
#include "lib/at_work.h"

#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "lib/crypto/openssl_end.h"

namespace pulseal {
namespace {

// Atomics, since a lock might be held for ever in a child that was forked meanwhile.
std::atomic<int> threads{0};
std::atomic<pid_t> process{0};  // whose they are: a forked child has none of its parent's
std::atomic<bool> is_ending{false};

void Pause(std::chrono::milliseconds time) {
  const timespec pause = {0, std::chrono::nanoseconds(time).count()};
  nanosleep(&pause, nullptr);
}

void WaitForThreads() {
  is_ending.store(true);
  if (process.load() != getpid()) return;
  const auto give_up = std::chrono::steady_clock::now() + AtWork::kLongestWait;
  while (threads.load() > 0 && std::chrono::steady_clock::now() < give_up) Pause(std::chrono::milliseconds(1));
}

void CountForThisProcess() {
  const pid_t self = getpid();
  pid_t before = process.load();
  if (before != self && process.compare_exchange_strong(before, self)) threads.store(0);
}

}  // namespace

void AtWork::MakeExitWait() {
  static const bool is_waited_for = crypto::CallBeforeOpenSslEnds(WaitForThreads);
  (void)is_waited_for;  // without memory for that exit is as it would be without us
}

AtWork::AtWork() {
  CountForThisProcess();
  threads.fetch_add(1);
  if (!is_ending.load()) return;
  threads.fetch_sub(1);
  while (true) Pause(std::chrono::milliseconds(999));
}

AtWork::~AtWork() { threads.fetch_sub(1); }

}  // namespace pulseal
