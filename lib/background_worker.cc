// SPDX-License-Identifier: Apache-2.0
#include "lib/background_worker.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

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

// Work that throws harms itself alone: what it was to achieve is missing, and is noticed and tried again by whoever
// needs it.
void RunCatching(const Work& work) {
  try {
    work();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

// Work that is missed where it is destroyed before it has run.
class MissedWork {
 public:
  MissedWork(Work work, Work if_lost, std::shared_ptr<const std::atomic<bool>> stopped)
      : work_(std::move(work)), if_lost_(std::move(if_lost)), stopped_(std::move(stopped)) {}
  ~MissedWork() {
    if (work_ == nullptr || stopped_->load(std::memory_order_acquire)) return;
    RunCatching(if_lost_ == nullptr ? work_ : if_lost_);
  }
  MissedWork(const MissedWork&) = delete;
  MissedWork& operator=(const MissedWork&) = delete;

  void Run() {
    if (const Work work = std::exchange(work_, nullptr)) work();
  }

 private:
  Work work_;
  const Work if_lost_;
  const std::shared_ptr<const std::atomic<bool>> stopped_;
};

// Work in order of its due time.
class Agenda {
 public:
  void Add(nanoseconds due, Work work) {
    const auto later = std::upper_bound(items_.begin(), items_.end(), due,
                                        [](nanoseconds time, const Item& item) { return time < item.due; });
    items_.insert(later, Item{due, std::move(work)});
  }
  bool empty() const { return items_.empty(); }
  nanoseconds next_due() const { return items_.front().due; }
  bool IsDue(nanoseconds now) const { return !items_.empty() && items_.front().due <= now; }
  Work Take() {
    Work work = std::move(items_.front().work);
    items_.pop_front();
    return work;
  }
  void swap(Agenda& other) { items_.swap(other.items_); }

 private:
  struct Item {
    nanoseconds due;
    Work work;
  };
  std::deque<Item> items_;
};

// Handed to the embedder's executor; the worker only remembers whether it was stopped. What waits in the executor keeps
// that alone alive: the worker holds the executor, which would then hold itself.
class ExecutorWorker final : public BackgroundWorker {
 public:
  explicit ExecutorWorker(Background options)
      : BackgroundWorker(std::move(options.clock)), executor_(std::move(options.executor)) {}

  void Run(Work work) override { After(nanoseconds(0), std::move(work)); }

  void After(nanoseconds delay, Work work) override {
    if (stopped()->load(std::memory_order_acquire)) return;
    RunCatching([&] {
      executor_(delay, [stopped = stopped(), work = std::move(work)] {
        if (!stopped->load(std::memory_order_acquire)) RunCatching(work);
      });
    });
  }

  void Maintain() override {}

 private:
  const Executor executor_;
};

// Kept until the client's timer calls.
class MaintainWorker final : public BackgroundWorker, public std::enable_shared_from_this<MaintainWorker> {
 public:
  explicit MaintainWorker(Background options) : BackgroundWorker(std::move(options.clock)) {}

  void Run(Work work) override { After(nanoseconds(0), std::move(work)); }

  void After(nanoseconds delay, Work work) override {
    const nanoseconds due = Now() + delay;
    MutexLock lock(mutex_);
    if (!stopped_) agenda_.Add(due, std::move(work));
  }

  // What becomes due while other work runs waits for the next call, so that this one ends.
  void Maintain() override {
    const auto self = shared_from_this();  // work may drop the last other reference
    std::vector<Work> due;
    const nanoseconds now = Now();
    {
      MutexLock lock(mutex_);
      while (agenda_.IsDue(now)) due.push_back(agenda_.Take());
    }
    for (const Work& work : due) {
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
  Mutex mutex_;
  Agenda agenda_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// Threads of its own, all detached and all holding a reference to it, so that one that is stuck in a key reader keeps
// alive what it will touch when it comes back.
class ThreadWorker final : public BackgroundWorker, public std::enable_shared_from_this<ThreadWorker> {
 public:
  explicit ThreadWorker(Background options) : BackgroundWorker(std::move(options.clock)) {}

  void Run(Work work) override {
    {
      MutexLock lock(mutex_);
      if (stopped_) return;
      ready_.push_back(std::move(work));
    }
    changed_.NotifyAll();
    StartMissingThreads();
  }

  void After(nanoseconds delay, Work work) override {
    const nanoseconds due = Now() + delay;
    {
      MutexLock lock(mutex_);
      if (stopped_) return;
      agenda_.Add(due, std::move(work));
    }
    changed_.NotifyAll();
    StartMissingThreads();
  }

  void Maintain() override {}

  void Stop() override {
    BackgroundWorker::Stop();
    Agenda dropped_agenda;
    std::deque<Work> dropped_ready;
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

  // A thread that can't be started now is still missing at the next call, and after the next deadline.
  void StartMissingThreads() {
    if (NeedsRunner() && !StartThread([self = shared_from_this()] { self->RunUntilIdle(); })) {
      MutexLock lock(mutex_);
      --runners_;
      --free_runners_;
    }
    if (NeedsTimer() && !StartThread([self = shared_from_this()] { self->WaitForDeadlines(); })) {
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
  template <typename Body>
  static bool StartThread(Body body) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = true;
    try {
      std::thread(std::move(body)).detach();
    } catch (...) {
      started = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
  }

  void RunUntilIdle() {
    while (Work work = NextReady()) {
      RunCatching(work);
      work = nullptr;  // gone before this thread waits again, with whatever it kept alive
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
      RunCatching(work);
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
  std::deque<Work> ready_ ABSL_GUARDED_BY(mutex_);
  size_t runners_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t free_runners_ ABSL_GUARDED_BY(mutex_) = 0;  // that run no work
  bool timer_runs_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

BackgroundWorker::BackgroundWorker(Clock clock) : clock_(clock ? std::move(clock) : Clock(BootTime)) {}

Work BackgroundWorker::OrElse(Work work, Work if_lost) const {
  return [once = std::make_shared<MissedWork>(std::move(work), std::move(if_lost), stopped_)] { once->Run(); };
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
