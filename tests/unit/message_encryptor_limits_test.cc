// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "pulseal/error.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/encryptor_fixture.h"

namespace pulseal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::MessageEncryptorTest;

TEST_F(MessageEncryptorTest, ASoftLimitOfMessagesRotatesInOneStepWhileMessagesGoOn) {
  EncryptorOptions options = Options();
  options.rotation.messages = 10;
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  for (int i = 1; i < 30; ++i) EXPECT_EQ(Send(*encryptor).data_key, first);  // the background has not run yet
  background_.RunDue();
  const std::string second = Send(*encryptor).data_key;
  EXPECT_NE(second, first);
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kRotated), 2u);
}

TEST_F(MessageEncryptorTest, ASoftLimitOfBytesRotates) {
  EncryptorOptions options = Options();
  options.rotation.bytes = 1000;
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor, std::string(999, 'x')).data_key;
  background_.RunDue();
  EXPECT_EQ(Send(*encryptor, "x").data_key, first);
  background_.RunDue();
  EXPECT_NE(Send(*encryptor, "x").data_key, first);
}

TEST_F(MessageEncryptorTest, AHardLimitOfMessagesIsHeldExactly) {
  EncryptorOptions options = Options();
  options.rotation.messages = options.rotation.hard_messages = 5;
  const auto encryptor = Make(std::move(options));
  std::set<std::string> keys;
  for (int i = 0; i < 5; ++i) keys.insert(Send(*encryptor).data_key);
  EXPECT_EQ(keys.size(), 1u);
  const absl::Status status = Refused(*encryptor);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), Reason::kLimitReached);
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kHardLimit), 1u);
  EXPECT_EQ(encryptor->counters().messages_refused, 1u);
  background_.RunDue();
  keys.insert(Send(*encryptor).data_key);
  EXPECT_EQ(keys.size(), 2u);
}

TEST_F(MessageEncryptorTest, AHardLimitOfBytesIsHeldExactly) {
  EncryptorOptions options = Options();
  options.rotation.bytes = options.rotation.hard_bytes = 50;
  const auto encryptor = Make(std::move(options));
  Send(*encryptor, std::string(30, 'x'));
  Send(*encryptor, std::string(20, 'x'));
  Send(*encryptor, "");  // no bytes left, none needed
  EXPECT_EQ(Refused(*encryptor).code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageEncryptorTest, ASoftAgeRotatesAndAHardAgeRefuses) {
  EncryptorOptions options = Options();
  options.rotation.age = seconds(10);
  options.rotation.hard_age = seconds(20);
  const auto encryptor = Make(std::move(options));
  const std::string first = Send(*encryptor).data_key;
  background_.Advance(seconds(9));
  EXPECT_EQ(Send(*encryptor).data_key, first);
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  background_.Advance(seconds(1));
  EXPECT_EQ(Send(*encryptor).data_key, first);  // the failed attempt changed nothing
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kRotationFailed), 1u);
  for (int i = 0; i < 9; ++i) background_.Advance(seconds(1));
  EXPECT_EQ(Send(*encryptor).data_key, first);
  background_.Advance(seconds(1));
  const absl::Status status = Refused(*encryptor);
  EXPECT_EQ(ReasonOf(status), Reason::kLimitReached);
  EXPECT_THAT(std::string(status.message()), HasSubstr("down"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"audit\""));
  wrapper_->SetStatus("audit", absl::OkStatus());
  background_.Advance(std::chrono::minutes(10));
  EXPECT_NE(Send(*encryptor).data_key, first);
}

TEST_F(MessageEncryptorTest, EveryFurtherKeyIsRotatedByAgeToo) {
  EncryptorOptions options = Options();
  options.rotation.age = seconds(10);
  const auto encryptor = Make(std::move(options));
  for (uint64_t rotations = 1; rotations < 20; ++rotations) {
    EXPECT_EQ(encryptor->counters().rotations, rotations);
    for (int i = 0; i < 10; ++i) background_.Advance(seconds(1));
  }
  EXPECT_LE(background_.waiting(),
            8u);  // timers don't pile up: one of the age, and the time-outs of attempts long answered
}

TEST_F(MessageEncryptorTest, AHardAgeHoldsEvenWhereTheExecutorLosesTimers) {
  EncryptorOptions options = Options();
  options.rotation.hard_age = hours(24);
  const auto encryptor = Make(std::move(options));
  Send(*encryptor);
  background_.DropAll();
  background_.SetNow(background_.now() + hours(24));
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
}

TEST_F(MessageEncryptorTest, AHardAgeHoldsEvenWhereTheExecutorKeepsNoTimer) {
  EncryptorOptions options = Options();
  options.rotation.hard_age = hours(24);
  options.background.executor = [executor = options.background.executor](auto delay, auto work) {
    if (delay == seconds(0)) executor(delay, std::move(work));
  };
  const auto encryptor = Make(std::move(options));
  for (int i = 0; i < 3; ++i) Send(*encryptor);
  background_.SetNow(background_.now() + hours(24));
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  background_.RunDue();
  for (int i = 0; i < 3; ++i) Send(*encryptor);
}

TEST_F(MessageEncryptorTest, SendLetsMessagesOutInClearOnlyAtAHardLimitWhereNoNextKeyCanBeMade) {
  EncryptorOptions options = Options();
  options.failure_action = ProducerCryptoFailureAction::kSend;
  options.rotation.messages = options.rotation.hard_messages = 1;
  const auto encryptor = Make(std::move(options));
  Send(*encryptor);
  EXPECT_EQ(Refused(*encryptor).code(), absl::StatusCode::kUnavailable);  // the next key is being made
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 0u);
  wrapper_->SetStatus("audit", absl::UnavailableError("down"));
  background_.RunDue();
  absl::StatusOr<Sealed> sealed = encryptor->Encrypt("clear", &out_, &fields_);
  ASSERT_TRUE(sealed.ok());
  EXPECT_FALSE(sealed->encrypted);
  EXPECT_EQ(sealed->payload, "clear");
  EXPECT_EQ(out_, "clear");
  EXPECT_EQ(sealed->fields, "");
  EXPECT_EQ(fields_, "");
  EXPECT_EQ(CountEvents(CryptoEvent::Kind::kSentInClear), 1u);
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 1u);

  std::string out(100, '\0'), fields(500, '\0');
  const std::string payload = "clear again";
  sealed = encryptor->Encrypt(payload, absl::MakeSpan(out), absl::MakeSpan(fields));
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(sealed->payload, payload);
  EXPECT_EQ(encryptor->Encrypt(payload, absl::MakeSpan(out).subspan(90), absl::MakeSpan(fields)).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(encryptor->Pin(1).status().code(), absl::StatusCode::kUnavailable);

  wrapper_->SetStatus("audit", absl::OkStatus());
  background_.Advance(seconds(2));
  Send(*encryptor);
  // One failure of the past doesn't count against the key that came after it.
  EXPECT_EQ(Refused(*encryptor).code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageEncryptorTest, SendLetsNothingOutInClearWhereTheCryptographicLibraryFailsInsideTheWrapper) {
  EncryptorOptions options = Options();
  options.failure_action = ProducerCryptoFailureAction::kSend;
  options.rotation.messages = options.rotation.hard_messages = 1;
  const auto encryptor = Make(std::move(options));
  Send(*encryptor);
  wrapper_->SetStatus("audit", absl::InternalError("no memory"));
  background_.RunDue();
  EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);

  wrapper_->SetStatus("audit", absl::NotFoundError("removed"));
  background_.Advance(seconds(2));
  EXPECT_EQ(encryptor->counters().rotations_failed, 2u);
  EXPECT_FALSE(encryptor->Encrypt("clear", &out_, &fields_)->encrypted) << "this is what kSend is for";

  wrapper_->SetStatus("audit", absl::InternalError("no memory"));
  background_.Advance(seconds(4));
  EXPECT_EQ(encryptor->counters().rotations_failed, 3u);
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 1u);
}

TEST_F(MessageEncryptorTest, SendLetsNothingOutInClearWhereTheRetryIsLateOrLostAfterTheCryptographicLibraryFailed) {
  for (const bool lost : {false, true}) {
    EncryptorOptions options = Options();
    options.failure_action = ProducerCryptoFailureAction::kSend;
    options.rotation.messages = options.rotation.hard_messages = 1;
    wrapper_->SetStatus("audit", absl::OkStatus());
    const auto encryptor = Make(std::move(options));
    Send(*encryptor);
    wrapper_->SetStatus("audit", absl::InternalError("no memory"));
    background_.RunDue();
    EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
    if (lost) background_.DropAll();
    background_.SetNow(background_.now() + seconds(70));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
    background_.RunDue();
    EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
    EXPECT_GE(encryptor->counters().rotations_failed, 2u) << "it was asked again";
    EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 0u);
  }
}

TEST_F(MessageEncryptorTest,
       SendLetsNothingOutInClearWhereTheExecutorLosesTheAttemptAfterTheCryptographicLibraryFailed) {
  bool full = false;
  EncryptorOptions options = Options();
  options.failure_action = ProducerCryptoFailureAction::kSend;
  options.rotation.messages = options.rotation.hard_messages = 1;
  options.background.executor = [&full, executor = options.background.executor](auto delay, auto work) {
    if (!full) executor(delay, std::move(work));
  };
  const auto encryptor = Make(std::move(options));
  Send(*encryptor);
  wrapper_->SetStatus("audit", absl::InternalError("no memory"));
  background_.RunDue();
  full = true;
  background_.Advance(seconds(2));
  EXPECT_EQ(encryptor->counters().rotations_failed, 2u);
  EXPECT_EQ(ReasonOf(Refused(*encryptor)), Reason::kLimitReached);
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 0u);
}

TEST_F(MessageEncryptorTest, FailedAttemptsAreTriedAgainLaterAndLater) {
  EncryptorOptions options = Options();
  options.rotation.messages = 2;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetStatus("orders", absl::UnavailableError("down"));
  for (int i = 0; i < 3; ++i) Send(*encryptor);
  background_.RunDue();
  EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
  background_.Advance(milliseconds(999));
  EXPECT_EQ(encryptor->counters().rotations_failed, 1u);
  background_.Advance(milliseconds(501));  // 1 s and up to half of it
  EXPECT_EQ(encryptor->counters().rotations_failed, 2u);
  background_.Advance(milliseconds(1999));
  EXPECT_EQ(encryptor->counters().rotations_failed, 2u);
  background_.Advance(milliseconds(1001));
  EXPECT_EQ(encryptor->counters().rotations_failed, 3u);
  wrapper_->SetStatus("orders", absl::OkStatus());
  background_.Advance(seconds(6));
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  background_.Advance(hours(1));
  EXPECT_EQ(encryptor->counters().rotations, 2u);
}

}  // namespace
}  // namespace pulseal
