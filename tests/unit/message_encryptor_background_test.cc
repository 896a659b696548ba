// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "pulseal/error.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/encryptor_fixture.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"

namespace pulseal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeKeyWrapper;
using ::testing::HasSubstr;
using testing::ManualBackground;
using testing::MessageEncryptorTest;

TEST_F(MessageEncryptorTest, TheDefaultBackgroundAndClockWorkWithEvents) {
  EncryptorOptions options = Options();
  options.background = Background();
  options.rotation.messages = options.rotation.hard_messages = 1;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  Send(*encryptor);
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kHardLimit), 1u);
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
  background_.Advance(seconds(64));  // key_timeout, and all but a second of a minute
  EXPECT_EQ(Send(*encryptor).data_key, first);
  background_.Advance(seconds(1));
  Send(*encryptor);
  background_.RunDue();
  EXPECT_NE(Send(*encryptor).data_key, first);

  throws = true;
  while (encryptor->Encrypt("x", &out_, &fields_).ok()) {
  }
  throws = false;
  background_.Advance(seconds(65));
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);  // and asks for a key
  EXPECT_THAT(std::string(Refused(*encryptor).message()), HasSubstr("the background did not"));
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
  encryptor->SetKeyNamesAsync({"lost"}, [](const absl::Status&) { ADD_FAILURE() << "its work was lost"; });
  throws = true;
  background_.RunDue();  // takes its turn, and can't go on
  throws = false;
  EXPECT_TRUE(encryptor->SetKeyNames({"billing"}).ok());
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("billing"));
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
  options.background.executor = [executor = options.background.executor](auto delay, auto work) {
    if (delay > seconds(0)) return executor(delay, std::move(work));
    work();
  };
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  EXPECT_EQ(Send(*encryptor).data_key, first);
  EXPECT_NE(Send(*encryptor).data_key, first) << "the next key took over while this message was being encrypted";
  absl::Status answer = absl::UnknownError("not called");
  encryptor->SetKeyNamesAsync({"billing"}, [&answer](absl::Status status) { answer = std::move(status); });
  EXPECT_TRUE(answer.ok()) << answer;
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("billing"));
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
