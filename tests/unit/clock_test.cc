// SPDX-License-Identifier: Apache-2.0
//
// Clocks that jump forward, jump back and stand still, and executors that run work late or backwards: messages go on, nothing
// is lost, and all is as before once they are right again. CLOCK_BOOTTIME jumps forward where a machine was suspended; back
// only where somebody injects such a one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pulseal/error.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/encryptor_fixture.h"
#include "tests/support/events_told.h"
#include "tests/support/made_message.h"
#include "tests/support/manual_background.h"

namespace pulseal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeKeyWrapper;
using testing::MadeMessage;
using testing::Seal;
using testing::Told;
using Action = Decision::Action;

constexpr hours kYears{10 * 365 * 24};

// Its clock may be wrong; the executor's timers are right.
class EncryptorClock : public testing::MessageEncryptorTest {
 protected:
  EncryptorOptions Options() {
    EncryptorOptions options = MessageEncryptorTest::Options();
    options.background.clock = [this, right = options.background.clock] {
      return stopped_at_ == nanoseconds(0) ? right() + wrong_by_ : stopped_at_;
    };
    options.rotation.messages = 1000;  // shares of one message, so that each asks for the time
    options.rotation.age = hours(4);
    options.rotation.hard_age = hours(24);
    return options;
  }
  nanoseconds wrong_by_{0}, stopped_at_{0};
};

TEST_F(EncryptorClock, AJumpForwardMakesOneNewDataKey) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  EXPECT_THAT(Told(events_), ElementsAre("kRotated"));
  for (uint64_t jumps = 1; jumps <= 3; ++jumps) {
    wrong_by_ += kYears;
    EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached) << "the hard age is over";
    background_.RunDue();
    for (int i = 0; i < 100; ++i) {
      EXPECT_NE(Send(*encryptor).data_key, first);
      background_.Advance(milliseconds(10));
    }
    EXPECT_EQ(encryptor->counters().rotations, 1 + jumps);
    EXPECT_EQ(encryptor->counters().messages_refused, jumps);
    EXPECT_THAT(Told(events_), ElementsAre("kHardLimit UNAVAILABLE", "kRotated"));
  }
  EXPECT_EQ(encryptor->counters().rotations_failed, 0u);
}

TEST_F(EncryptorClock, AJumpBackStopsNoMessageAndNoRotationByMessages) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  wrong_by_ = -kYears;
  std::string last = first;
  for (int i = 0; i < 3000; ++i) {
    last = Send(*encryptor).data_key;
    background_.RunDue();
  }
  EXPECT_NE(last, first);
  EXPECT_GE(encryptor->counters().rotations, 3u);
  const uint64_t rotations = encryptor->counters().rotations;

  EXPECT_THAT(Told(events_), ::testing::Each("kRotated"));

  wrong_by_ = nanoseconds(0);  // what was made meanwhile looks too old to be used
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  background_.RunDue();
  EXPECT_THAT(Told(events_), ElementsAre("kHardLimit UNAVAILABLE", "kRotated"));
  EXPECT_NE(Send(*encryptor).data_key, last);
  EXPECT_EQ(encryptor->counters().rotations, rotations + 1);
  // From here on by age, as ever.
  background_.Advance(hours(4));
  Send(*encryptor);
  background_.RunDue();
  Send(*encryptor);
  EXPECT_EQ(encryptor->counters().rotations, rotations + 2);
  EXPECT_EQ(encryptor->counters().rotations_failed, 0u);
}

TEST_F(EncryptorClock, AfterAJumpBackAgesGoOn) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  wrong_by_ = -kYears;
  EXPECT_EQ(Send(*encryptor).data_key, first);
  background_.Advance(hours(4));
  EXPECT_EQ(encryptor->counters().rotations, 2u) << "though no message came";
  EXPECT_NE(Send(*encryptor).data_key, first);
  background_.Advance(hours(4));
  EXPECT_EQ(encryptor->counters().rotations, 3u);
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  background_.Advance(hours(24));
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
}

TEST_F(EncryptorClock, AJumpBackSilencesNoEvent) {
  const auto encryptor = Make(Options());
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  EXPECT_THAT(Told(events_), ElementsAre("kRotated"));
  background_.Advance(hours(4));
  EXPECT_THAT(Told(events_), ElementsAre("kRotationFailed audit UNAVAILABLE"));
  wrong_by_ = -kYears;
  Send(*encryptor);
  background_.Advance(seconds(2));
  EXPECT_THAT(Told(events_), ElementsAre("kRotationFailed audit UNAVAILABLE"));
  EXPECT_EQ(encryptor->counters().rotations_failed, 2u);
}

// A retry that the executor loses is made up for a minute after it should have been over, also if the clock goes back then.
TEST_F(EncryptorClock, AfterAJumpBackLostWorkIsDoneAnew) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  background_.SetNow(background_.now() + hours(4));
  Send(*encryptor);
  while (background_.waiting() > 0) background_.DropAll();  // the work, and the retry that it asks for where it is lost
  wrong_by_ = -kYears;
  Send(*encryptor);
  background_.Advance(std::chrono::minutes(3));
  Send(*encryptor);
  background_.RunDue();
  EXPECT_NE(Send(*encryptor).data_key, first);
  EXPECT_EQ(encryptor->counters().rotations, 2u);
}

TEST_F(EncryptorClock, AClockThatStandsStillStopsNoMessageAndNoRetry) {
  EncryptorOptions options = Options();
  options.rotation.messages = options.rotation.hard_messages = 10;
  stopped_at_ = hours(1);
  const auto encryptor = Make(std::move(options));
  for (int i = 0; i < 10; ++i) Send(*encryptor);
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  background_.RunDue();
  EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
  EXPECT_THAT(Told(events_), ElementsAre("kRotated", "kHardLimit UNAVAILABLE", "kRotationFailed audit UNAVAILABLE"));
  wrapper_->SetStatus("audit", absl::OkStatus());
  background_.Advance(seconds(2));
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  for (int i = 0; i < 100; ++i) {
    Send(*encryptor);
    background_.RunDue();
  }
  EXPECT_GE(encryptor->counters().rotations, 10u);
}

// Later than it could be answered, by that clock: it is asked for anew, and what the first one brings is not used.
TEST_F(EncryptorClock, AJumpForwardWhileTheNextKeyIsBeingMadeMakesItOnce) {
  EncryptorOptions options = Options();
  options.rotation.hard_age = hours(24);
  const auto encryptor = Make(std::move(options));
  Send(*encryptor);
  const size_t wraps = wrapper_->wraps();
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  wrong_by_ = hours(5);
  Send(*encryptor);
  background_.RunDue();
  EXPECT_EQ(wrapper_->wraps(), wraps + 2);
  wrong_by_ = hours(6);
  Send(*encryptor);
  background_.RunDue();
  EXPECT_EQ(wrapper_->wraps(), wraps + 4);
  wrapper_->Release();
  background_.RunDue();
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  for (int i = 0; i < 10; ++i) {
    Send(*encryptor);
    background_.Advance(seconds(10));
  }
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  EXPECT_EQ(encryptor->counters().rotations_failed, 0u);
}

// Time-outs are the executor's: a wrong clock neither makes them early nor late.
TEST_F(EncryptorClock, KeyTimeoutIsTheExecutors) {
  EncryptorOptions options = Options();
  options.rotation.messages = 1;
  options.rotation.hard_messages = 1000;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  Send(*encryptor);
  background_.RunDue();
  wrong_by_ = -kYears;
  background_.Advance(milliseconds(4999));
  EXPECT_EQ(encryptor->counters().rotations_failed, 0u);
  background_.Advance(milliseconds(1));
  EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
}

class DecryptorClock : public testing::DecryptorFixture {
 protected:
  size_t UnwrapsOf(const MadeMessage& message, Action action) {
    const size_t before = wrapper_->unwraps();
    EXPECT_EQ(Decrypt(message).action, action);
    return wrapper_->unwraps() - before;
  }
  void Jump(nanoseconds by) {
    now_ += by;
    Maintain();
  }
  const MadeMessage good_ = Seal("hello", {"orders"}), bad_ = Seal("hello", {"nobody"});
};

TEST_F(DecryptorClock, AJumpForwardForgetsWhatItsTimeIsOverFor) {
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(UnwrapsOf(good_, Action::kDeliver), 1u);
    EXPECT_EQ(UnwrapsOf(bad_, Action::kFail), 1u);
    EXPECT_EQ(UnwrapsOf(good_, Action::kDeliver) + UnwrapsOf(bad_, Action::kFail), 0u);
    EXPECT_THAT(Told(events_), ElementsAre("kKeyFailed nobody NOT_FOUND"));
    Jump(kYears);
    EXPECT_EQ(decryptor().counters().keys_cached + decryptor().counters().failures_remembered, 0u);
  }
}

TEST_F(DecryptorClock, AJumpBackLosesNothing) {
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  UnwrapsOf(good_, Action::kDeliver);
  UnwrapsOf(bad_, Action::kFail);
  const Answers answers = Resolve(Seal("hello", {"later"}));
  Jump(-kYears);
  EXPECT_EQ(UnwrapsOf(good_, Action::kDeliver) + UnwrapsOf(bad_, Action::kFail), 0u);
  EXPECT_EQ(UnwrapsOf(Seal("hello", {"another"}), Action::kDeliver), 1u);
  ASSERT_EQ(answers->size(), 1u) << "Resolve waits until no clock has caught up";
  EXPECT_EQ(TryDecrypt(*answers->at(0), Seal("hello", {"later"})).payload, "hello");
  wrapper_->SetStatus("nobody", absl::OkStatus());
  decryptor().Forget();
  EXPECT_EQ(UnwrapsOf(bad_, Action::kDeliver), 1u);
  EXPECT_THAT(Told(events_), ElementsAre("kKeyFailed nobody NOT_FOUND"));
}

TEST_F(DecryptorClock, ATickThatIsLostIsMadeUpForByTheNextMessage) {
  testing::ManualBackground background;
  options_.background = background.options();
  options_.cache_ttl = hours(1);
  EXPECT_EQ(UnwrapsOf(good_, Action::kDeliver), 1u);
  background.DropAll();
  EXPECT_EQ(UnwrapsOf(good_, Action::kDeliver), 0u);
  background.Advance(hours(1));
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);
  EXPECT_EQ(UnwrapsOf(good_, Action::kDeliver), 1u);
  decryptor_.reset();  // before its executor
}

TEST_F(DecryptorClock, AfterAJumpBackTimesGoOn) {
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  UnwrapsOf(good_, Action::kDeliver);
  UnwrapsOf(bad_, Action::kFail);
  Jump(-kYears);
  for (int i = 0; i < 61; ++i) Jump(seconds(1));
  EXPECT_EQ(decryptor().counters().failures_remembered, 0u);
  EXPECT_EQ(decryptor().counters().keys_cached, 1u);
  EXPECT_EQ(UnwrapsOf(bad_, Action::kFail), 1u);
  EXPECT_THAT(Told(events_), ElementsAre("kKeyFailed nobody NOT_FOUND", "kKeyFailed nobody NOT_FOUND"));
  Jump(options_.cache_ttl);
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);

  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  const Answers answers = Resolve(good_);
  Maintain();
  Jump(-kYears);
  Jump(options_.key_timeout);
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(TryDecrypt(*answers->at(0), good_).status.code(), absl::StatusCode::kDeadlineExceeded);
}

// What a wrapper can do meanwhile is looked at once a second, whatever the clock did.
TEST_F(DecryptorClock, AfterAJumpBackANewGenerationForgetsFailures) {
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  UnwrapsOf(bad_, Action::kFail);
  Jump(-kYears);
  wrapper_->SetStatus("nobody", absl::OkStatus());
  wrapper_->SetGeneration(1);
  Jump(seconds(1));
  EXPECT_EQ(UnwrapsOf(bad_, Action::kDeliver), 1u);
}

TEST_F(DecryptorClock, AClockThatStandsStillHoldsTheBudgetAndNothingElse) {
  options_.unwraps_per_second = 3;
  options_.failure_action = ConsumerCryptoFailureAction::kDiscard;
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(UnwrapsOf(Seal("hello", {name}), Action::kDeliver), 1u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(UnwrapsOf(good_, Action::kFail), 0u) << "not now: neither asked for nor discarded";
    EXPECT_EQ(UnwrapsOf(Seal("hello", {"a"}), Action::kDeliver), 0u);
    Maintain();
  }
  EXPECT_THAT(Told(events_), ElementsAre("kKeyUnavailable RESOURCE_EXHAUSTED"));
  Jump(seconds(1));
  EXPECT_EQ(UnwrapsOf(good_, Action::kDeliver), 1u);
}

// A budget that was saved up for ten years is still one second's worth.
TEST_F(DecryptorClock, AJumpForwardAndBackGivesNoMoreThanOneSecondsUnwraps) {
  options_.unwraps_per_second = 3;
  int opened = 0;
  for (int i = 0; i < 20; ++i) {
    if (i == 5) Jump(kYears);
    if (i == 10) Jump(-kYears);
    opened += Decrypt(Seal("hello", {"name" + std::to_string(i)})).action == Action::kDeliver;
  }
  EXPECT_EQ(opened, 6);
}

// ---- executors

TEST_F(EncryptorClock, AnExecutorThatIsADayLateRefusesAndThenMakesOneDataKey) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  background_.SetNow(background_.now() + hours(4));
  EXPECT_EQ(Send(*encryptor).data_key, first);
  background_.SetNow(background_.now() + hours(24));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  background_.RunDue();
  EXPECT_NE(Send(*encryptor).data_key, first);
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  EXPECT_EQ(encryptor->counters().messages_refused, 3u);
}

// Keeps what it is handed, to be run in any order.
struct Kept {
  std::vector<std::function<void()>> work;

  Executor executor() {
    return [this](nanoseconds, std::function<void()> piece) { work.push_back(std::move(piece)); };
  }
  // The last first, time-outs before the work that they limit, and so what that asks for; so many pieces at most, because
  // some timers set themselves again.
  void RunBackwards() {
    for (int piece = 0; piece < 20 && !work.empty(); ++piece) {
      const std::function<void()> last = std::move(work.back());
      work.pop_back();
      last();
    }
  }
};

TEST_F(EncryptorClock, AnExecutorThatRunsTimeOutsBeforeTheWorkAnswersOnce) {
  Kept kept;
  int answers = 0;
  EncryptorOptions options = Options();
  options.background.executor = kept.executor();
  const auto encryptor = Make(std::move(options));
  kept.work.clear();
  for (int i = 1; i <= 3; ++i) {
    encryptor->RotateAsync([&answers](const absl::Status&) { ++answers; });
    kept.RunBackwards();
    EXPECT_EQ(answers, i);
    Send(*encryptor);
  }
}

TEST_F(DecryptorClock, AnExecutorThatRunsTimeOutsBeforeTheWorkAnswersOnce) {
  Kept kept;
  options_.background.mode = Background::Mode::kExecutor;
  options_.background.executor = kept.executor();
  const Answers answers = Resolve(good_);
  ASSERT_FALSE(kept.work.empty());
  kept.RunBackwards();
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(Decrypt(good_).payload, "hello");
  EXPECT_EQ(TryDecrypt(good_).payload, "hello");
}

}  // namespace
}  // namespace pulseal
