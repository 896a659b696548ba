// SPDX-License-Identifier: Apache-2.0
#include "lib/background_worker.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <list>
#include <map>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "lib/at_work.h"
#include "lib/crypto/openssl_end.h"
#include "lib/mutex.h"
#include "lib/status.h"

namespace pulseal {
namespace {

using std::chrono::nanoseconds;
using Work = std::function<void()>;

nanoseconds BootTime() {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

// Time by a clock that is monotonic, or should be. One that goes back stands still here, for a second at most, and goes on
// from there: ages, time-outs and limits by the second would otherwise wait until it has caught up.
class InjectedTime {
 public:
  explicit InjectedTime(Clock clock) : clock_(std::move(clock)) {}

  // Reads the clock under the lock, so that what goes back is the clock and not the order of two threads.
  nanoseconds Now() {
    MutexLock lock(mutex_);
    const nanoseconds reading = clock_();
    if (latest_.has_value() && reading + ahead_of_clock_ < *latest_ - kLongestStandstill) {
      ahead_of_clock_ = *latest_ - reading;
    }
    const nanoseconds now = reading + ahead_of_clock_;
    latest_ = std::max(latest_.value_or(now), now);
    return *latest_;
  }

 private:
  static constexpr std::chrono::seconds kLongestStandstill{1};

  const Clock clock_;
  Mutex mutex_;
  nanoseconds ahead_of_clock_ ABSL_GUARDED_BY(mutex_){0};
  std::optional<nanoseconds> latest_ ABSL_GUARDED_BY(mutex_);
};

Clock NeverBack(Clock clock) {
  return [time = std::make_shared<InjectedTime>(std::move(clock))] { return time->Now(); };
}

// Work that throws harms itself alone: what it was to achieve is missing, and is noticed and tried again by whoever
// needs it. No std::function: making one may throw, too.
template <typename Callable>
void RunCatching(const Callable& work) {
  try {
    work();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

// Calls `keep`, which keeps work for later. Without memory for that the work is destroyed by the caller, with no lock held.
template <typename Keep>
void KeepOrLose(Keep keep) {
  try {
    keep();
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
  }
}

// Work that is missed where it is destroyed before it has run.
class MissedWork {
 public:
  explicit MissedWork(std::shared_ptr<const std::atomic<bool>> stopped) : stopped_(std::move(stopped)) {}
  ~MissedWork() {
    if (work_ == nullptr || stopped_->load(std::memory_order_acquire)) return;
    RunCatching(if_lost_ == nullptr ? work_ : if_lost_);
  }
  MissedWork(const MissedWork&) = delete;
  MissedWork& operator=(const MissedWork&) = delete;

  void Set(Work work, Work if_lost) noexcept {
    work_ = std::move(work);
    if_lost_ = std::move(if_lost);
  }
  void Run() {
    if (const Work work = std::exchange(work_, nullptr)) work();
  }

 private:
  Work work_, if_lost_;
  const std::shared_ptr<const std::atomic<bool>> stopped_;
};

// Work in order of its due time. Empty, it asks for no memory, as a std::deque does: Stop must not fail.
class Agenda {
 public:
  using NeededBy = std::weak_ptr<const void>;

  // Moves what isn't needed any more to `dropped`, to be destroyed after the lock is released.
  // Where it throws, `work` is still the caller's: its end may tell somebody, which isn't to happen under the caller's lock.
  void Add(nanoseconds due, Work&& work, NeededBy needed_by, std::vector<Work>* dropped) {
    if (items_.size() >= look_through_at_) LookThrough(dropped);
    const auto item = items_.emplace(due, Item());
    item->second = Item{std::move(work), std::move(needed_by)};
  }
  bool empty() const { return items_.empty(); }
  nanoseconds next_due() const { return items_.begin()->first; }
  bool IsDue(nanoseconds now) const { return !items_.empty() && next_due() <= now; }
  Work Take() {
    Work work = std::move(items_.begin()->second.work);
    items_.erase(items_.begin());
    return work;
  }
  // Asks for no memory: work that got none would be destroyed under the caller's lock.
  void MoveDue(nanoseconds now, Agenda* due) {
    while (IsDue(now)) due->items_.insert(items_.extract(items_.begin()));
  }
  void swap(Agenda& other) { items_.swap(other.items_); }

 private:
  static constexpr size_t kFewestToLookThrough = 64;
  struct Item {
    Work work;
    NeededBy needed_by;
  };

  void LookThrough(std::vector<Work>* dropped) {
    for (auto item = items_.begin(); item != items_.end();) {
      if (!item->second.needed_by.expired()) {
        ++item;
        continue;
      }
      dropped->push_back(std::move(item->second.work));
      item = items_.erase(item);
    }
    look_through_at_ = std::max(kFewestToLookThrough, 2 * items_.size());
  }

  std::multimap<nanoseconds, Item> items_;  // of two that are due at once, the first that came is first
  size_t look_through_at_ = kFewestToLookThrough;
};

// Handed to the embedder's executor; the worker only remembers whether it was stopped. What waits in the executor keeps
// that alone alive: the worker holds the executor, which would then hold itself.
class ExecutorWorker final : public BackgroundWorker {
 public:
  explicit ExecutorWorker(Background options)
      : BackgroundWorker(std::move(options.clock)), executor_(std::move(options.executor)) {}

  void Run(Work work) override { After(nanoseconds(0), std::move(work)); }

  void Maintain() override {}

 private:
  void Schedule(nanoseconds delay, Work work, Agenda::NeededBy /*needed_by*/) override {
    if (stopped()->load(std::memory_order_acquire)) return;
    RunCatching([&] {
      executor_(delay, [stopped = stopped(), work = std::move(work)] {
        if (!stopped->load(std::memory_order_acquire)) RunCatching(work);
      });
    });
  }

  const Executor executor_;
};

// Kept until the client's timer calls.
class MaintainWorker final : public BackgroundWorker, public std::enable_shared_from_this<MaintainWorker> {
 public:
  explicit MaintainWorker(Background options) : BackgroundWorker(std::move(options.clock)) {}

  void Run(Work work) override { After(nanoseconds(0), std::move(work)); }

  // What becomes due while other work runs waits for the next call, so that this one ends.
  void Maintain() override {
    const auto self = shared_from_this();  // work may drop the last other reference
    Agenda due;
    const nanoseconds now = Now();
    {
      MutexLock lock(mutex_);
      agenda_.MoveDue(now, &due);
    }
    while (!due.empty()) {
      const Work work = due.Take();
      if (!stopped()->load(std::memory_order_acquire)) RunCatching(work);
    }
  }

  void Stop() override {
    BackgroundWorker::Stop();
    Agenda dropped;
    MutexLock lock(mutex_);
    stopped_ = true;
    agenda_.swap(dropped);
  }

 private:
  void Schedule(nanoseconds delay, Work work, Agenda::NeededBy needed_by) override {
    const nanoseconds due = Now() + delay;
    std::vector<Work> dropped;
    KeepOrLose([&] {
      MutexLock lock(mutex_);
      if (!stopped_) agenda_.Add(due, std::move(work), std::move(needed_by), &dropped);
    });
  }

  Mutex mutex_;
  Agenda agenda_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// Threads of its own, all detached and all holding a reference to it, so that one that is stuck in a key reader keeps
// alive what it will touch when it comes back.
class ThreadWorker final : public BackgroundWorker, public std::enable_shared_from_this<ThreadWorker> {
 public:
  explicit ThreadWorker(Background options) : BackgroundWorker(std::move(options.clock)) { AtWork::MakeExitWait(); }

  void Run(Work work) override {
    KeepOrLose([&] {
      MutexLock lock(mutex_);
      if (!stopped_) ready_.push_back(std::move(work));
    });
    changed_.NotifyAll();
    StartMissingThreads();
  }

  void Maintain() override {}

  void Stop() override {
    BackgroundWorker::Stop();
    Agenda dropped_agenda;
    std::list<Work> dropped_ready;
    {
      MutexLock lock(mutex_);
      stopped_ = true;
      agenda_.swap(dropped_agenda);
      ready_.swap(dropped_ready);
    }
    changed_.NotifyAll();
  }

 private:
  static constexpr size_t kMostRunners = 4;
  static constexpr std::chrono::seconds kIdle{10};
  // CLOCK_BOOTTIME goes on while the machine sleeps and condition variables don't, so a long wait is looked at again
  // now and then.
  static constexpr std::chrono::milliseconds kLongestWait{500};

  void Schedule(nanoseconds delay, Work work, Agenda::NeededBy needed_by) override {
    const nanoseconds due = Now() + delay;
    std::vector<Work> dropped;
    KeepOrLose([&] {
      MutexLock lock(mutex_);
      if (!stopped_) agenda_.Add(due, std::move(work), std::move(needed_by), &dropped);
    });
    changed_.NotifyAll();
    StartMissingThreads();
  }

  // A thread that can't be started now is still missing at the next call, and after the next deadline.
  void StartMissingThreads() {
    if (NeedsRunner() && !StartThread(&ThreadWorker::RunUntilIdle)) {
      MutexLock lock(mutex_);
      --runners_;
      --free_runners_;
    }
    if (NeedsTimer() && !StartThread(&ThreadWorker::WaitForDeadlines)) {
      MutexLock lock(mutex_);
      timer_runs_ = false;
    }
  }

  // Counts the missing thread as if it were there, so that nobody else starts it too.
  bool NeedsRunner() {
    MutexLock lock(mutex_);
    if (free_runners_ >= ready_.size() || runners_ == kMostRunners) return false;
    ++runners_;
    ++free_runners_;
    return true;
  }

  bool NeedsTimer() {
    MutexLock lock(mutex_);
    return !agenda_.empty() && !std::exchange(timer_runs_, true);
  }

  // Every signal is blocked, so that the embedding program's handlers never run on a thread that it doesn't know.
  bool StartThread(void (ThreadWorker::*body)()) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = true;
    try {
      std::thread([self = shared_from_this(), body]() mutable {
        (*self.*body)();
        EndThread(std::move(self));
      }).detach();
    } catch (...) {
      started = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
  }

  // At work once more: an exit meanwhile waits until nothing of OpenSSL's is left to this thread.
  static void EndThread(std::shared_ptr<ThreadWorker> self) {
    const AtWork at_work;
    self = nullptr;
    crypto::ReleaseThread();
  }

  // The work is gone afterwards, with whatever it kept alive, before its thread waits again.
  static void RunAtWork(Work& work) {
    const AtWork at_work;
    RunCatching(work);
    work = nullptr;
  }

  void RunUntilIdle() {
    while (Work work = NextReady()) {
      RunAtWork(work);
      MutexLock lock(mutex_);
      ++free_runners_;
    }
  }

  // Empty when there was nothing to do for kIdle, or the worker was stopped.
  Work NextReady() {
    const auto idle_until = std::chrono::steady_clock::now() + kIdle;
    MutexLock lock(mutex_);
    while (ready_.empty() && !stopped_ && std::chrono::steady_clock::now() < idle_until) {
      changed_.WaitUntil(mutex_, idle_until);
    }
    --free_runners_;
    if (ready_.empty()) {
      --runners_;
      return nullptr;
    }
    Work work = std::move(ready_.front());
    ready_.pop_front();
    return work;
  }

  void WaitForDeadlines() {
    while (Work work = NextDue()) {
      RunAtWork(work);
      StartMissingThreads();
    }
  }

  Work NextDue() {
    MutexLock lock(mutex_);
    while (!stopped_ && !agenda_.empty()) {
      const nanoseconds now = Now();
      if (agenda_.IsDue(now)) return agenda_.Take();
      const nanoseconds wait = std::min<nanoseconds>(agenda_.next_due() - now, kLongestWait);
      changed_.WaitUntil(mutex_, std::chrono::steady_clock::now() + wait);
    }
    timer_runs_ = false;
    return nullptr;
  }

  Mutex mutex_;
  CondVar changed_;
  Agenda agenda_ ABSL_GUARDED_BY(mutex_);
  std::list<Work> ready_ ABSL_GUARDED_BY(mutex_);
  size_t runners_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t free_runners_ ABSL_GUARDED_BY(mutex_) = 0;  // that run no work
  bool timer_runs_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

BackgroundWorker::BackgroundWorker(Clock clock) : clock_(clock ? NeverBack(std::move(clock)) : Clock(BootTime)) {}

Work BackgroundWorker::OrElse(Work work, Work if_lost) const {
  const auto once = std::make_shared<MissedWork>(stopped_);
  Work run = [once] { once->Run(); };
  once->Set(std::move(work), std::move(if_lost));  // last: where there was no memory, nothing is missed
  return run;
}

absl::Status BackgroundWorker::Validate(const Background& options) {
  const bool wants_executor = options.mode == Background::Mode::kExecutor;
  if (wants_executor == static_cast<bool>(options.executor)) return absl::OkStatus();
  return Misuse(wants_executor ? "background.mode is kExecutor, but background.executor is empty"
                               : "background.executor is set, but background.mode is not kExecutor");
}

std::shared_ptr<BackgroundWorker> BackgroundWorker::Create(Background options) {
  switch (options.mode) {
    case Background::Mode::kExecutor: return std::make_shared<ExecutorWorker>(std::move(options));
    case Background::Mode::kMaintain: return std::make_shared<MaintainWorker>(std::move(options));
    case Background::Mode::kOwnThread: break;
  }
  return std::make_shared<ThreadWorker>(std::move(options));
}

}  // namespace pulseal
