// SPDX-License-Identifier: Apache-2.0
#include "lib/background_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "lib/mutex.h"
#include "pulseal/error.h"
#include "tests/support/no_threads.h"

namespace pulseal {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::NoThreads;
using Mode = Background::Mode;
using Work = std::function<void()>;

// Counts up; others wait until it has come so far.
class Count {
 public:
  void Up() {
    MutexLock lock(mutex_);
    ++count_;
    changed_.NotifyAll();  // under the lock: whoever waits may destroy this next
  }
  // False where that takes so long that something must be wrong.
  bool WaitFor(int count) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    MutexLock lock(mutex_);
    while (count_ < count && std::chrono::steady_clock::now() < give_up) changed_.WaitUntil(mutex_, give_up);
    return count_ >= count;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Calls `at_the_end` when the last copy of it is gone.
std::shared_ptr<void> Guard(Work at_the_end) {
  return {nullptr, [at_the_end = std::move(at_the_end)](void*) { at_the_end(); }};
}

Background Options(Mode mode, Clock clock = {}) {
  Background options;
  options.mode = mode;
  options.clock = std::move(clock);
  return options;
}

TEST(BackgroundWorker, AnExecutorBelongsToItsModeAndToNoOther) {
  const auto code = [](Mode mode, Executor executor) {
    Background options = Options(mode);
    options.executor = std::move(executor);
    const absl::Status status = BackgroundWorker::Validate(options);
    EXPECT_EQ(ReasonOf(status), status.ok() ? Reason::kNone : Reason::kMisuse);
    return status.code();
  };
  const Executor executor = [](nanoseconds, const Work&) {};
  EXPECT_EQ(code(Mode::kExecutor, executor), absl::StatusCode::kOk);
  EXPECT_EQ(code(Mode::kExecutor, nullptr), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Mode::kOwnThread, nullptr), absl::StatusCode::kOk);
  EXPECT_EQ(code(Mode::kOwnThread, executor), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Mode::kMaintain, nullptr), absl::StatusCode::kOk);
  EXPECT_EQ(code(Mode::kMaintain, executor), absl::StatusCode::kInvalidArgument);
}

TEST(BackgroundWorker, TimeIsTheInjectedClocksOrGoesOnByItself) {
  EXPECT_EQ(BackgroundWorker::Create(Options(Mode::kMaintain, [] { return seconds(42); }))->Now(), seconds(42));
  const auto worker = BackgroundWorker::Create(Options(Mode::kMaintain));
  const nanoseconds before = worker->Now();
  EXPECT_GT(before, seconds(0));
  EXPECT_GE(worker->Now(), before);
}

TEST(BackgroundWorker, TimeStandsStillWhereTheClockGoesBackAndGoesOnFromThere) {
  nanoseconds clock = seconds(100);
  const auto worker = BackgroundWorker::Create(Options(Mode::kMaintain, [&clock] { return clock; }));
  EXPECT_EQ(worker->Now(), seconds(100));
  clock = seconds(99);  // as between processors that disagree: soon caught up
  EXPECT_EQ(worker->Now(), seconds(100));
  clock = seconds(101);
  EXPECT_EQ(worker->Now(), seconds(101));
  clock = -hours(1);
  EXPECT_EQ(worker->Now(), seconds(101));
  clock += seconds(5);
  EXPECT_EQ(worker->Now(), seconds(106));
  clock += hours(1);
  EXPECT_EQ(worker->Now(), seconds(106) + hours(1));
}

TEST(BackgroundWorker, MaintainRunsWhatIsDueThoughTheClockWentBack) {
  nanoseconds clock = hours(2);
  int ran = 0;
  const auto worker = BackgroundWorker::Create(Options(Mode::kMaintain, [&clock] { return clock; }));
  worker->After(seconds(10), [&ran] { ++ran; });
  clock -= hours(1);
  worker->Maintain();
  clock += seconds(9);
  worker->Maintain();
  EXPECT_EQ(ran, 0);
  clock += seconds(1);
  worker->Maintain();
  EXPECT_EQ(ran, 1);
}

// ---- the embedder's executor

class ExecutorTest : public ::testing::Test {
 protected:
  ExecutorTest() {
    Background options = Options(Mode::kExecutor);
    options.executor = [this](nanoseconds delay, Work work) {
      if (throws_) throw std::runtime_error("the executor is full");
      handed_.emplace_back(delay, std::move(work));
    };
    worker_ = BackgroundWorker::Create(std::move(options));
  }

  bool throws_ = false;
  std::vector<std::pair<nanoseconds, Work>> handed_;
  std::shared_ptr<BackgroundWorker> worker_;
  int ran_ = 0;
};

TEST_F(ExecutorTest, GetsEveryWorkWithItsDelay) {
  worker_->Run([this] { ++ran_; });
  worker_->After(seconds(3), [this] { ++ran_; });
  worker_->Maintain();
  EXPECT_EQ(ran_, 0) << "inside the call";
  ASSERT_EQ(handed_.size(), 2u);
  EXPECT_EQ(handed_[0].first, seconds(0));
  EXPECT_EQ(handed_[1].first, seconds(3));
  for (const auto& [delay, work] : handed_) work();
  EXPECT_EQ(ran_, 2);
}

TEST_F(ExecutorTest, StopDropsWhatHasNotBegunAndWhatComesLater) {
  worker_->Run([this] { ++ran_; });
  worker_->Stop();
  worker_->Run([this] { ++ran_; });
  ASSERT_EQ(handed_.size(), 1u);
  handed_[0].second();
  EXPECT_EQ(ran_, 0);
}

TEST_F(ExecutorTest, NoExceptionGetsOut) {
  worker_->Run([] { throw std::runtime_error("work"); });
  handed_[0].second();
  throws_ = true;
  worker_->Run([this] { ++ran_; });
  worker_->After(seconds(1), [this] { ++ran_; });
  throws_ = false;
  worker_->Run([this] { ++ran_; });
  handed_.back().second();
  EXPECT_EQ(ran_, 1);
}

TEST_F(ExecutorTest, WorkThatIsLostIsMissedOnceWhereverThatHappens) {
  const std::pair<const char*, Executor> losing[] = {
      {"thrown away", [](nanoseconds, const Work&) { throw std::runtime_error("the queue is full"); }},
      {"dropped at once", [](nanoseconds, const Work&) {}},
      {"dropped later", [this](nanoseconds, Work work) { handed_.emplace_back(0, std::move(work)); }},
  };
  for (const auto& [manner, executor] : losing) {
    Background options = Options(Mode::kExecutor);
    options.executor = executor;
    const auto worker = BackgroundWorker::Create(options);
    int ran = 0, missed = 0;
    worker->Run(worker->OrElse([&] { ++ran; }, [&] { ++missed; }));
    worker->After(seconds(1), worker->OrElse([&] { ++missed; }));
    handed_.clear();
    EXPECT_EQ(ran, 0) << manner;
    EXPECT_EQ(missed, 2) << manner;
  }
}

TEST_F(ExecutorTest, WorkThatRanOrWasStoppedIsNotMissed) {
  int ran = 0, missed = 0;
  const auto work = [&] { worker_->Run(worker_->OrElse([&] { ++ran; }, [&] { ++missed; })); };
  work();
  for (const auto& [delay, waits] : handed_) waits();
  handed_.clear();
  EXPECT_EQ(ran, 1);
  work();
  worker_->Stop();
  handed_.clear();
  work();
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(missed, 0);
}

TEST_F(ExecutorTest, WorkThatWaitsThereKeepsNoWorkerAlive) {
  const std::weak_ptr<BackgroundWorker> worker = worker_;
  worker_->Run([this] { ++ran_; });
  worker_.reset();
  EXPECT_TRUE(worker.expired());
  handed_[0].second();
  EXPECT_EQ(ran_, 1) << "it was not stopped";
}

TEST(BackgroundWorker, AnExecutorThatRunsWorkInsideTheCallAgainstItsContractRunsIt) {
  Background options = Options(Mode::kExecutor);
  options.executor = [](nanoseconds, const Work& work) { work(); };
  const auto worker = BackgroundWorker::Create(std::move(options));
  int ran = 0;
  worker->Run([&] { worker->Run([&] { ++ran; }); });
  EXPECT_EQ(ran, 1);
}

// ---- the client's timer

class MaintainTest : public ::testing::Test {
 protected:
  ~MaintainTest() override {
    if (worker_ != nullptr) worker_->Stop();  // as every owner does: work that is dropped may ask for more
  }

  Work Say(const char* word) {
    return [this, word] { said_.emplace_back(word); };
  }

  nanoseconds now_ = seconds(100);
  std::vector<std::string> said_;
  std::shared_ptr<BackgroundWorker> worker_ =
      BackgroundWorker::Create(Options(Mode::kMaintain, [this] { return now_; }));
};

TEST_F(MaintainTest, RunsWhatIsDueInOrderOfItsTime) {
  worker_->After(seconds(2), Say("second"));
  worker_->After(seconds(9), Say("fourth"));
  worker_->After(seconds(2), Say("third"));
  worker_->Run(Say("first"));
  EXPECT_TRUE(said_.empty());
  now_ += seconds(2);
  worker_->Maintain();
  EXPECT_THAT(said_, ElementsAre("first", "second", "third"));
  worker_->Maintain();
  EXPECT_EQ(said_.size(), 3u) << "twice";
  now_ += seconds(7);
  worker_->Maintain();
  EXPECT_EQ(said_.back(), "fourth");
}

TEST_F(MaintainTest, WhatWorkAsksForWaitsForTheNextCall) {
  worker_->Run([this] { worker_->Run(Say("later")); });
  worker_->Maintain();
  EXPECT_TRUE(said_.empty());
  worker_->Maintain();
  EXPECT_THAT(said_, ElementsAre("later"));
}

TEST_F(MaintainTest, WorkThatThrowsHarmsItselfAlone) {
  worker_->Run([] { throw 1; });
  worker_->Run(Say("next"));
  worker_->Maintain();
  EXPECT_THAT(said_, ElementsAre("next"));
}

TEST_F(MaintainTest, StopDropsWhatHasNotBegunAndWhatComesLater) {
  worker_->Run([this] { worker_->Stop(); });
  worker_->Run(Say("behind it"));
  worker_->After(seconds(0), Say("timer"));
  worker_->Maintain();
  worker_->Run(Say("later"));
  worker_->Maintain();
  EXPECT_TRUE(said_.empty());
}

TEST_F(MaintainTest, WorkMayDropTheLastReference) {
  BackgroundWorker* const worker = worker_.get();
  worker->Run([this] { worker_.reset(); });
  worker->Run(Say("next"));
  worker->Maintain();
  EXPECT_THAT(said_, ElementsAre("next"));
}

TEST_F(MaintainTest, WorkIsForgottenWhenWhatNeedsItIsGone) {
  const auto mark = std::make_shared<int>(), needed = std::make_shared<int>();
  for (int i = 0; i < 10000; ++i) {
    worker_->AfterUnlessGone(std::make_shared<int>(), seconds(1), [mark, this] { Say("not needed")(); });
    if (i % 1000 == 0) worker_->AfterUnlessGone(needed, seconds(1), Say("needed"));
    ASSERT_LT(mark.use_count(), 200);
  }
  now_ += seconds(1);
  worker_->Maintain();
  EXPECT_EQ(std::count(said_.begin(), said_.end(), "needed"), 10);
}

TEST_F(MaintainTest, WhatIsForgottenGoesWithNoLockHeld) {
  for (int i = 0; i < 100; ++i) {
    worker_->AfterUnlessGone({}, seconds(1), [guard = Guard([this] { worker_->Run(Say("gone")); })] {});
  }
  worker_->Maintain();
  EXPECT_FALSE(said_.empty());
}

TEST_F(MaintainTest, StopLetsDroppedWorkGoWithNoLockHeld) {
  worker_->Run([guard = Guard([this] { worker_->Run(Say("later")); })] {});
  worker_->Stop();
  worker_->Maintain();
  EXPECT_TRUE(said_.empty());
}

// ---- own threads

class OwnThreadTest : public ::testing::Test {
 protected:
  ~OwnThreadTest() override {
    if (worker_ == nullptr) return;
    worker_->Stop();
    worker_.reset();
    EXPECT_TRUE(gone_->WaitFor(1)) << "a thread keeps running after Stop";
  }

  void Advance(nanoseconds by) { now_->store(now_->load() + by); }

  // Lives as long as the worker, and so as long as its threads.
  Clock MakeClock() {
    return [now = now_, guard = Guard([gone = gone_] { gone->Up(); })] { return now->load(); };
  }

  std::shared_ptr<std::atomic<nanoseconds>> now_ = std::make_shared<std::atomic<nanoseconds>>(seconds(100));
  std::shared_ptr<Count> gone_ = std::make_shared<Count>();
  std::shared_ptr<BackgroundWorker> worker_ = BackgroundWorker::Create(Options(Mode::kOwnThread, MakeClock()));
  Count ran_;
};

TEST_F(OwnThreadTest, RunsWhatIsDueThoughTheClockWentBack) {
  worker_->After(seconds(10), [&] { ran_.Up(); });
  Advance(-hours(1));
  worker_->Now();
  Advance(seconds(10));
  EXPECT_TRUE(ran_.WaitFor(1));
}

TEST_F(OwnThreadTest, RunsWorkOnAnotherThread) {
  std::thread::id thread;
  worker_->Run([&] {
    thread = std::this_thread::get_id();
    ran_.Up();
  });
  ASSERT_TRUE(ran_.WaitFor(1));
  EXPECT_NE(thread, std::this_thread::get_id());
  worker_->Maintain();  // nothing
}

TEST_F(OwnThreadTest, RunsFourPiecesOfBlockingWorkAtOnceAndAFifthWhenOneIsDone) {
  Count begun, open;
  for (int i = 0; i < 4; ++i) {
    worker_->Run([&] {
      begun.Up();
      open.WaitFor(1);
      ran_.Up();
    });
  }
  EXPECT_TRUE(begun.WaitFor(4));
  worker_->Run([&] { ran_.Up(); });
  worker_->After(seconds(0), [&] { begun.Up(); });
  EXPECT_TRUE(begun.WaitFor(5)) << "timers wait for no reader";
  open.Up();
  EXPECT_TRUE(ran_.WaitFor(5));
}

TEST_F(OwnThreadTest, TimersRunInOrderOfTheirTimeAndNotBefore) {
  Count open;
  std::vector<std::string> said;
  const auto say = [&](const char* word) {
    return [&, word] {
      said.emplace_back(word);
      ran_.Up();
    };
  };
  worker_->After(seconds(2), say("second"));
  worker_->After(seconds(1), say("first"));
  worker_->After(seconds(2), say("third"));
  worker_->After(seconds(0), [&] { open.Up(); });
  ASSERT_TRUE(open.WaitFor(1));
  worker_->After(seconds(0), [&] { open.Up(); });
  ASSERT_TRUE(open.WaitFor(2));
  EXPECT_TRUE(said.empty());
  Advance(seconds(2));
  ASSERT_TRUE(ran_.WaitFor(3));
  EXPECT_THAT(said, ElementsAre("first", "second", "third"));
}

TEST_F(OwnThreadTest, WorkIsForgottenWhenWhatNeedsItIsGone) {
  const auto mark = std::make_shared<int>();
  for (int i = 0; i < 10000; ++i) {
    worker_->AfterUnlessGone(std::make_shared<int>(), seconds(3600), [mark] {});
    ASSERT_LT(mark.use_count(), 200);
  }
}

TEST_F(OwnThreadTest, ATimerThreadThatEndedIsStartedAgain) {
  for (int i = 1; i <= 20; ++i) {
    worker_->After(seconds(0), [&] { ran_.Up(); });
    ASSERT_TRUE(ran_.WaitFor(i));
  }
}

TEST_F(OwnThreadTest, NoWakeUpIsLost) {
  constexpr int kThreads = 4, kEach = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        worker_->Run([&] { ran_.Up(); });
        worker_->After(seconds(0), [&] { ran_.Up(); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(ran_.WaitFor(2 * kThreads * kEach));
}

TEST_F(OwnThreadTest, WorkThatThrowsHarmsItselfAlone) {
  worker_->Run([] { throw std::runtime_error("work"); });
  worker_->After(seconds(0), [] { throw 1; });
  worker_->Run([&] { ran_.Up(); });
  worker_->After(seconds(0), [&] { ran_.Up(); });
  EXPECT_TRUE(ran_.WaitFor(2));
}

TEST_F(OwnThreadTest, BlocksEverySignalInItsThreadsAndNoneInTheCallers) {
  const auto blocked = [] {
    sigset_t set;
    pthread_sigmask(SIG_BLOCK, nullptr, &set);
    int count = 0;
    for (int signal = 1; signal < 32; ++signal) count += sigismember(&set, signal);
    return count;
  };
  const int in_caller = blocked();
  std::atomic<int> in_runner{0}, in_timer{0};
  worker_->Run([&] {
    in_runner = blocked();
    ran_.Up();
  });
  worker_->After(seconds(0), [&] {
    in_timer = blocked();
    ran_.Up();
  });
  ASSERT_TRUE(ran_.WaitFor(2));
  EXPECT_EQ(in_runner, 29) << "all but SIGKILL and SIGSTOP";
  EXPECT_EQ(in_timer, 29);
  EXPECT_EQ(blocked(), in_caller);
}

TEST_F(OwnThreadTest, StopDropsWhatHasNotBegunAndWaitsForNothing) {
  Count begun, open;
  std::atomic<int> dropped{0};
  for (int i = 0; i < 4; ++i) {
    worker_->Run([&] {
      begun.Up();
      open.WaitFor(1);
      ran_.Up();
    });
  }
  ASSERT_TRUE(begun.WaitFor(4));
  // Dropped work is let go with no lock held: its end may call the worker.
  const auto guard = [&] {
    return Guard([&] {
      worker_->Run([] {});
      ++dropped;
    });
  };
  worker_->Run([&, guard = guard()] { ADD_FAILURE() << "ran after Stop"; });
  worker_->After(seconds(1), [&, guard = guard()] { ADD_FAILURE() << "ran after Stop"; });
  worker_->Stop();
  EXPECT_EQ(dropped, 2);
  worker_->Run([] { ADD_FAILURE() << "ran after Stop"; });
  worker_->After(seconds(0), [] { ADD_FAILURE() << "ran after Stop"; });
  Advance(seconds(5));
  open.Up();
  EXPECT_TRUE(ran_.WaitFor(4));
}

TEST_F(OwnThreadTest, WorkMayStopItAndDropTheLastReference) {
  Count have_it;
  worker_->Run([&, worker = worker_]() mutable {
    have_it.WaitFor(1);
    worker->Stop();
    worker.reset();
  });
  worker_.reset();
  have_it.Up();
  EXPECT_TRUE(gone_->WaitFor(1));
}

TEST_F(OwnThreadTest, WorkForWhichNoThreadCouldBeStartedIsDoneWithTheNext) {
  {
    const NoThreads no_threads;
    EXPECT_THROW(std::thread([] {}), std::system_error) << "the test shows nothing";
    worker_->Run([&] { ran_.Up(); });
    worker_->After(seconds(0), [&] { ran_.Up(); });
  }
  worker_->Run([&] { ran_.Up(); });
  EXPECT_TRUE(ran_.WaitFor(3));
}

TEST_F(OwnThreadTest, WorkForWhichNoThreadCouldBeStartedIsDoneAfterTheNextDeadline) {
  Count begun, open;
  worker_->After(seconds(0), [&] {
    begun.Up();
    open.WaitFor(1);
  });
  ASSERT_TRUE(begun.WaitFor(1));
  {
    const NoThreads no_threads;
    worker_->Run([&] { ran_.Up(); });
  }
  open.Up();
  EXPECT_TRUE(ran_.WaitFor(1));
}

TEST_F(OwnThreadTest, WorkForWhichNoThreadCameIsMissedWhenTheWorkerGoes) {
  bool missed = false;
  const NoThreads no_threads;
  worker_->Run(worker_->OrElse([] { ADD_FAILURE() << "there is no thread"; }, [&] { missed = true; }));
  EXPECT_FALSE(missed);
  worker_.reset();
  EXPECT_TRUE(missed);
}

TEST_F(OwnThreadTest, AThreadThatCouldNotBeStartedLeavesTheCallersSignalsAsTheyWere) {
  sigset_t before, after;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  const NoThreads no_threads;
  worker_->Run([] {});
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  EXPECT_EQ(sigismember(&after, SIGUSR1), sigismember(&before, SIGUSR1));
}

}  // namespace
}  // namespace pulseal
