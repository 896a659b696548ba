// SPDX-License-Identifier: Apache-2.0
//
// Who does the work that no message may wait for: preparing the next data key, unwrapping for Resolve, expiry by age.
#ifndef PULSEAL_BACKGROUND_H_
#define PULSEAL_BACKGROUND_H_

#include <chrono>
#include <functional>

namespace pulseal {

// Runs `work` once, `delay` from now or a little later, on any thread; never inside the call itself. It may run several
// pieces of work at the same time, and it may throw, or destroy work that has not run, when it is full or shuts down:
// nothing is lost but what that work would have done. Whoever waits for an answer of that work gets it then, on the
// thread that destroys it, which is the caller's own where the executor throws: UNAVAILABLE (kKeyServiceUnavailable),
// or what had come out already. Called from any thread, sometimes while a message is being encrypted: it must not block.
// Work that reads keys (delay zero) blocks for as long as the key reader does; work with a delay never blocks. It can't be
// taken back: a time-out that was not needed (key_timeout, one for each Resolve that had to ask) stays until it runs.
using Executor = std::function<void(std::chrono::nanoseconds delay, std::function<void()> work)>;

// Time since some fixed point: monotonic, and counting the time that the machine was suspended. Thread-safe; must not throw.
using Clock = std::function<std::chrono::nanoseconds()>;

struct Background {
  enum class Mode {
    // Threads of the object's own, started when first needed: one that waits for the next deadline, and up to four that
    // call the key reader or wrapper, each of which ends when it has nothing to do for ten seconds. All block every
    // signal. Destruction never waits for them: a thread that is stuck in a key reader is left to finish by itself and
    // touches nothing of yours afterwards but the reader; exit(), which takes OpenSSL down, waits for it a second at most.
    // Work for which no thread can be started waits for the next work that finds one.
    kOwnThread,
    // `executor` does everything; no thread is started.
    kExecutor,
    // Nothing happens by itself: the client calls Maintain() from a timer of its own, at least once a second for ages
    // to be exact to a second. SetKeyNamesAsync, RotateAsync and Resolve answer from inside it.
    kMaintain,
  };
  Mode mode = Mode::kOwnThread;
  Executor executor;  // kExecutor only, and required there; set with another mode it is INVALID_ARGUMENT (kMisuse)
  Clock clock;        // for tests; empty means CLOCK_BOOTTIME
};

}  // namespace pulseal

#endif  // PULSEAL_BACKGROUND_H_
