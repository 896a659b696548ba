// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/error.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/counted.h"
#include "tests/support/encryptor_fixture.h"
#include "tests/support/events_told.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/losing_executor.h"
#include "tests/support/manual_background.h"
#include "tests/support/no_threads.h"

namespace pulseal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Counted;
using ::testing::ElementsAre;
using testing::FakeKeyWrapper;
using ::testing::HasSubstr;
using testing::LosingExecutor;
using testing::Loss;
using testing::ManualBackground;
using testing::MessageEncryptorTest;
using testing::NoThreads;
using testing::Told;

// `later`, but for work without a delay, which it runs against its contract.
Executor RunningInsideTheCall(Executor later) {
  return [later = std::move(later)](auto delay, auto work) {
    if (delay > seconds(0)) return later(delay, std::move(work));
    work();
  };
}

// `executor`, but while it is shut down.
Executor ThrowingWhen(const bool& shut_down, Executor executor) {
  return [&shut_down, executor = std::move(executor)](auto delay, auto work) {
    if (shut_down) throw std::runtime_error("shut down");
    executor(delay, std::move(work));
  };
}

TEST_F(MessageEncryptorTest, TheDefaultBackgroundAndClockWorkWithEvents) {
  EncryptorOptions options = Options();
  options.background = Background();
  options.rotation.messages = options.rotation.hard_messages = 1;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  Send(*encryptor);
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kHardLimit), 1u);
  // Its end doesn't wait for an event that is being told, which needs the fixture.
  while (CountEvents(CryptoEvent::Kind::kRotationFailed) == 0) std::this_thread::yield();
}

TEST_F(MessageEncryptorTest, HoweverAWrapperAnswersARotationIsCountedAndToldOnce) {
  using Manner = FakeKeyWrapper::Manner;
  struct Case {
    Manner manner;
    const char* told;
  };
  for (const Case& c : {Case{Manner::kTwice, "kRotated"}, Case{Manner::kAnswerAndThrow, "kRotated"},
                        Case{Manner::kThrow, "kRotationFailed orders UNAVAILABLE"},
                        Case{Manner::kNever, "kRotationFailed orders DEADLINE_EXCEEDED"},
                        Case{Manner::kDropped, "kRotationFailed orders DEADLINE_EXCEEDED"}}) {
    SCOPED_TRACE(c.told);
    wrapper_->SetManner(Manner::kInside);
    EncryptorOptions options = Options();
    options.rotation.messages = 1;
    options.rotation.hard_messages = 2;
    const auto encryptor = Make(std::move(options));
    EXPECT_EQ(Told(events_), std::vector<std::string>{"kRotated"});
    wrapper_->SetManner(c.manner);
    Send(*encryptor);
    background_.Advance(seconds(5));  // key_timeout
    EXPECT_EQ(Told(events_), std::vector<std::string>{c.told});
    const bool rotated = std::string(c.told) == "kRotated";
    EXPECT_EQ(Counted(encryptor->counters()),
              rotated ? "messages_encrypted 1, bytes_encrypted 5, rotations 2"
                      : "messages_encrypted 1, bytes_encrypted 5, rotations 1, rotations_failed 1");
    wrapper_->SetManner(Manner::kInside);
    background_.Advance(seconds(2));
    Send(*encryptor);
    EXPECT_EQ(encryptor->counters().rotations, 2u);
    EXPECT_EQ(Told(events_), std::vector<std::string>(rotated ? 0 : 1, "kRotated"));
  }
}

TEST_F(MessageEncryptorTest, AWrapperThatNeverAnswersDelaysNoMessage) {
  EncryptorOptions options = Options();
  options.rotation.messages = 2;
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Send(*encryptor).data_key, first);
    background_.RunDue();
  }
  background_.Advance(seconds(5));  // key_timeout
  EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  background_.Advance(seconds(2));
  EXPECT_NE(Send(*encryptor).data_key, first);
}

TEST_F(MessageEncryptorTest, BackgroundWorkThatTheExecutorLosesIsAskedForAgainByLaterMessages) {
  bool throws = false;
  EncryptorOptions options = Options();
  options.rotation.messages = 2;
  options.rotation.hard_messages = 100;
  options.background.executor = [&throws, executor = options.background.executor](auto delay, auto work) {
    if (throws) throw std::runtime_error("the queue is full");
    executor(delay, std::move(work));
  };
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  throws = true;
  Send(*encryptor);
  throws = false;
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kRotationFailed), 1u);
  background_.Advance(seconds(60));  // the retry was lost too: it is a minute late only after 1 s and up to half of it
  EXPECT_EQ(Send(*encryptor).data_key, first);
  background_.Advance(milliseconds(1500));
  Send(*encryptor);
  background_.RunDue();
  EXPECT_NE(Send(*encryptor).data_key, first);

  throws = true;
  while (encryptor->Encrypt("x", &out_, &fields_).ok()) {
  }
  throws = false;
  background_.Advance(seconds(65));
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);  // and asks for a key
  EXPECT_THAT(std::string(Refused(*encryptor).message()), HasSubstr("did not do the work"));
  background_.RunDue();
  Send(*encryptor);
}

TEST_F(MessageEncryptorTest, AChangeThatTheExecutorLosesHoldsUpNoOther) {
  bool throws = false;
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds(50);
  options.background.executor = [&throws, executor = options.background.executor](auto delay, auto work) {
    if (throws) throw std::runtime_error("the queue is full");
    executor(delay, std::move(work));
  };
  const auto encryptor = Make(std::move(options));
  absl::Status lost;
  encryptor->SetKeyNamesAsync({"lost"}, [&lost](absl::Status status) { lost = std::move(status); });
  throws = true;
  background_.RunDue();  // takes its turn, and can't go on
  throws = false;
  EXPECT_EQ(lost.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(encryptor->SetKeyNames({"billing"}).ok());
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("billing"));
}

TEST_F(MessageEncryptorTest, CreateAsyncAnswersOnceWhereItsWorkIsLost) {
  int answers = 0;
  const auto expect_unavailable = [&](const absl::StatusOr<std::unique_ptr<MessageEncryptor>>& made) {
    ++answers;
    EXPECT_EQ(made.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(made.status()), Reason::kKeyServiceUnavailable);
    EXPECT_THAT(std::string(made.status().message()), HasSubstr("options.background"));
  };
  for (const Loss loss : {Loss::kThrown, Loss::kDropped}) {
    EncryptorOptions options = Options();
    options.background.executor = LosingExecutor(nullptr, loss, /*nth=*/0);
    MessageEncryptor::CreateAsync(std::move(options), expect_unavailable);
  }
  EXPECT_EQ(answers, 2);
  MessageEncryptor::CreateAsync(Options(), expect_unavailable);
  EXPECT_EQ(answers, 2);
  background_.DropAll();
  EXPECT_EQ(answers, 3);
  EncryptorOptions own_thread = Options();
  own_thread.background = Background();
  const NoThreads no_threads;
  MessageEncryptor::CreateAsync(std::move(own_thread), expect_unavailable);
  EXPECT_EQ(answers, 4);
}

// Whichever piece of its work is lost: the first, the timer, the wrapping, the answer.
TEST_F(MessageEncryptorTest, AChangeAnswersOnceWhereItsWorkIsLost) {
  for (const Loss loss : {Loss::kThrown, Loss::kDropped}) {
    for (int nth = 1; nth <= 5; ++nth) {
      Executor executor = Options().background.executor;
      EncryptorOptions options = Options();
      options.rotation.age = options.rotation.hard_age;
      options.background.executor = [&executor](auto delay, auto work) { executor(delay, std::move(work)); };
      const auto encryptor = Make(std::move(options));
      executor = LosingExecutor(std::move(executor), loss, nth);
      std::vector<absl::Status> answers;
      encryptor->SetKeyNamesAsync({"billing"}, [&](absl::Status status) { answers.push_back(std::move(status)); });
      background_.Advance(seconds(5));
      ASSERT_EQ(answers.size(), 1u) << nth;
      const bool is_done = nth == 2 || nth >= 4;
      EXPECT_EQ(answers[0].code(), is_done ? absl::StatusCode::kOk : absl::StatusCode::kUnavailable) << nth;
      EXPECT_THAT(Send(*encryptor).key_names.front(), is_done ? "billing" : "orders");
      EXPECT_TRUE(encryptor->Rotate().ok()) << "its turn has ended";
      const bool was_begun = nth > 1;
      EXPECT_EQ(Counted(encryptor->counters()),
                absl::StrCat("messages_encrypted 1, bytes_encrypted 5, rotations ", is_done ? "3" : "2",
                             was_begun && !is_done ? ", rotations_failed 1" : ""))
          << nth;
      EXPECT_EQ(Told(events_), std::vector<std::string>(is_done ? 3 : 2, "kRotated")) << nth;
    }
  }
}

TEST_F(MessageEncryptorTest, ARefusedChangeAnswersOnceWhereItsWorkIsLost) {
  EncryptorOptions options = Options();
  bool loses = false;
  options.background.executor = [&loses, executor = options.background.executor](auto delay, auto work) {
    if (!loses) executor(delay, std::move(work));
  };
  const auto encryptor = Make(std::move(options));
  loses = true;
  std::vector<absl::Status> answers;
  encryptor->SetKeyNamesAsync({}, [&](absl::Status status) { answers.push_back(std::move(status)); });
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Counted(encryptor->counters()), "rotations 1");
  EXPECT_EQ(Told(events_), std::vector<std::string>{"kRotated"});
}

TEST_F(MessageEncryptorTest, AnAgeTimerThatTheExecutorLosesIsSetAgainWithTheNextKey) {
  EncryptorOptions options = Options();
  options.rotation.age = hours(4);
  const auto encryptor = Make(std::move(options));
  background_.DropAll();
  background_.SetNow(background_.now() + hours(4) + seconds(61));
  ASSERT_TRUE(encryptor->Rotate().ok());
  EXPECT_EQ(background_.waiting(), 1u);
  background_.Advance(hours(4));
  EXPECT_EQ(encryptor->counters().rotations, 3u);
}

TEST_F(MessageEncryptorTest, AnExecutorThatRunsWorkInsideTheCallIsSlowButBreaksNothing) {
  EncryptorOptions options = Options();
  options.rotation.messages = 3;
  options.background.executor = RunningInsideTheCall(options.background.executor);
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  EXPECT_EQ(Send(*encryptor).data_key, first);
  EXPECT_NE(Send(*encryptor).data_key, first) << "the next key took over while this message was being encrypted";
  absl::Status answer = absl::UnknownError("not called");
  encryptor->SetKeyNamesAsync({"billing"}, [&answer](absl::Status status) { answer = std::move(status); });
  EXPECT_TRUE(answer.ok()) << answer;
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("billing"));
}

TEST_F(MessageEncryptorTest, AnExecutorThatRunsWorkInsideTheCallHoldsTheHardAge) {
  EncryptorOptions options = Options();
  options.rotation.hard_age = hours(24);
  options.background.executor = RunningInsideTheCall(options.background.executor);
  const auto encryptor = Make(std::move(options));
  wrapper_->SetStatus("orders", absl::UnavailableError("down"));
  background_.Advance(hours(24));
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kHardLimit), 1u);
}

TEST_F(MessageEncryptorTest, AnExecutorThatMakesEveryNextKeyInsideTheCallEndsInARefusal) {
  EncryptorOptions options = Options();
  options.rotation.messages = 1;
  options.failure_action = ProducerCryptoFailureAction::kSend;
  options.background.executor = RunningInsideTheCall(options.background.executor);
  const auto encryptor = Make(std::move(options));
  for (uint64_t refused = 1; refused <= 3; ++refused) {
    const absl::Status status = Refused(*encryptor);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(status), Reason::kLimitReached);
    EXPECT_THAT(std::string(status.message()), HasSubstr("rotation.messages"));
    EXPECT_EQ(encryptor->counters().messages_refused, refused);
  }
  EXPECT_LE(encryptor->counters().rotations, 31u);
}

// One after the other, and not one inside the other: the stack would not last.
TEST_F(MessageEncryptorTest, AnyNumberOfChangesMayWaitForAnExecutorThatShutsDown) {
  constexpr int kChanges = 20000;
  bool shut_down = false;
  EncryptorOptions options = Options();
  options.background.executor = ThrowingWhen(shut_down, options.background.executor);
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  for (const char* name : {"orders", "audit"}) wrapper_->SetStatus(name, absl::UnavailableError("down"));
  int unavailable = 0;
  for (int i = 0; i < kChanges; ++i) {
    encryptor->RotateAsync([&unavailable](const absl::Status& status) { unavailable += absl::IsUnavailable(status); });
  }
  background_.RunDue();
  shut_down = true;
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  while (wrapper_->held() > 0) wrapper_->Release();
  EXPECT_EQ(unavailable, kChanges);
  shut_down = false;
  for (const char* name : {"orders", "audit"}) wrapper_->SetStatus(name, absl::OkStatus());
  EXPECT_TRUE(encryptor->Rotate().ok()) << "it is nobody's turn any more";
}

// Whoever is told that his change was lost may ask for another, and wait for it.
TEST_F(MessageEncryptorTest, AChangeMayBeWaitedForWhereOneIsToldToBeLost) {
  bool shut_down = false;
  EncryptorOptions options = Options();
  options.background.executor = ThrowingWhen(shut_down, options.background.executor);
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  encryptor->RotateAsync([](const absl::Status&) {});
  std::vector<absl::Status> waited;
  for (int i = 0; i < 3; ++i)
    encryptor->RotateAsync([&](const absl::Status&) { waited.push_back(encryptor->Rotate()); });
  background_.RunDue();
  shut_down = true;
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  while (wrapper_->held() > 0) wrapper_->Release();
  EXPECT_THAT(waited, ElementsAre(absl::OkStatus(), absl::OkStatus(), absl::OkStatus()));
}

TEST_F(MessageEncryptorTest, ChangesThatTimedOutWaitingLeaveNothingBehind) {
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds(1);
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  encryptor->RotateAsync([](const absl::Status&) {});
  background_.RunDue();
  const auto time_out = [&encryptor](int times) {
    for (int i = 0; i < times; ++i) EXPECT_EQ(encryptor->Rotate().code(), absl::StatusCode::kDeadlineExceeded);
  };
  time_out(10);
  const size_t before = mallinfo2().uordblks;
  time_out(500);
  EXPECT_LT(mallinfo2().uordblks, before + 20'000);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  while (wrapper_->held() > 0) wrapper_->Release();
  background_.RunDue();
  EXPECT_TRUE(encryptor->Rotate().ok());
}

TEST_F(MessageEncryptorTest, EventsNeedNoInjectedClock) {
  EncryptorOptions options = Options();
  options.background = Background();
  options.rotation.messages = options.rotation.hard_messages = 1;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  Send(*encryptor);
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kHardLimit), 1u);
}

TEST_F(MessageEncryptorTest, AKeyTimeoutMayBeAsLongAsItsTypeAllows) {
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds::max();
  const auto encryptor = Make(std::move(options));
  ASSERT_NE(encryptor, nullptr);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  absl::Status answer = absl::UnknownError("not called");
  encryptor->RotateAsync([&answer](absl::Status status) { answer = std::move(status); });
  background_.RunDue();
  EXPECT_EQ(answer.message(), "not called");
  wrapper_->Release();
  background_.RunDue();
  wrapper_->Release();
  background_.RunDue();
  EXPECT_TRUE(answer.ok()) << answer;
}

TEST_F(MessageEncryptorTest, AKeyTimeoutMayBeTiny) {
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds(1);
  ASSERT_NE(Make(options), nullptr) << "a wrapper that answers inside the call is in time";
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  EXPECT_EQ(MessageEncryptor::Create(options).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(MessageEncryptorTest, MaintainDoesWhatIsDue) {
  ManualBackground time;
  EncryptorOptions options = Options();
  options.background = Background();
  options.background.mode = Background::Mode::kMaintain;
  options.background.clock = time.options().clock;
  options.rotation.age = seconds(10);
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  time.SetNow(time.now() + seconds(10));
  EXPECT_EQ(Send(*encryptor).data_key, first);
  encryptor->Maintain();  // notices the age
  encryptor->Maintain();  // makes the key
  EXPECT_NE(Send(*encryptor).data_key, first);
}

}  // namespace
}  // namespace pulseal
