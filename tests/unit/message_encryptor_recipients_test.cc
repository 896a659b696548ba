// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "pulseal/message_encryptor.h"
#include "tests/support/encryptor_fixture.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/sealed_message.h"

namespace pulseal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeKeyWrapper;
using testing::MessageEncryptorTest;
using testing::OpenedMessage;

TEST_F(MessageEncryptorTest, SetKeyNamesTakesEffectBeforeItReturnsAlwaysWithANewDataKey) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  ASSERT_TRUE(encryptor->SetKeyNames({"audit", "billing"}).ok());
  const OpenedMessage later = Send(*encryptor);
  EXPECT_THAT(later.key_names, ElementsAre("audit", "billing"));
  EXPECT_NE(later.data_key, first);
  ASSERT_TRUE(encryptor->SetKeyNames({"audit", "billing"}).ok());
  EXPECT_NE(Send(*encryptor).data_key, later.data_key);
}

TEST_F(MessageEncryptorTest, SetKeyNamesIsAllOrNothing) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  wrapper_->SetStatus("missing", absl::NotFoundError("none"));
  EXPECT_EQ(encryptor->SetKeyNames({"billing", "missing"}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(encryptor->SetKeyNames({}).code(), absl::StatusCode::kInvalidArgument);
  const OpenedMessage later = Send(*encryptor);
  EXPECT_THAT(later.key_names, ElementsAre("orders", "audit"));
  EXPECT_EQ(later.data_key, first);
}

TEST_F(MessageEncryptorTest, AKeyThatWasBeingPreparedForTheOldRecipientsIsNeverUsed) {
  EncryptorOptions options = Options();
  options.rotation.messages = 1;
  const auto encryptor = Make(std::move(options));
  Send(*encryptor);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  background_.RunDue();
  ASSERT_EQ(wrapper_->held(), 2u);
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  ASSERT_TRUE(encryptor->SetKeyNames({"billing"}).ok());
  wrapper_->Release();
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("billing"));
}

TEST_F(MessageEncryptorTest, RotateMakesANewDataKeyForTheSameNames) {
  const auto encryptor = Make(Options());
  const std::string first = Send(*encryptor).data_key;
  ASSERT_TRUE(encryptor->Rotate().ok());
  const OpenedMessage later = Send(*encryptor);
  EXPECT_NE(later.data_key, first);
  EXPECT_THAT(later.key_names, ElementsAre("orders", "audit"));
}

TEST_F(MessageEncryptorTest, AnEventMayAskForAChangeInTurn) {
  EncryptorOptions options = Options();
  MessageEncryptor* object = nullptr;
  absl::Status inner = absl::UnknownError("not called");
  options.on_event = [&](const CryptoEvent&) {
    if (object != nullptr) inner = std::exchange(object, nullptr)->Rotate();
  };
  const auto encryptor = Make(std::move(options));
  object = encryptor.get();
  EXPECT_TRUE(encryptor->Rotate().ok());
  EXPECT_TRUE(inner.ok()) << inner;
}

TEST_F(MessageEncryptorTest, AnEndlessTimeOutIsNoShortOne) {
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds::max();
  options.rotation.messages = 1;
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  Send(*encryptor);
  background_.RunDue();
  EXPECT_EQ(encryptor->counters().rotations_failed, 0u);
  wrapper_->Release();
  EXPECT_EQ(encryptor->counters().rotations, 2u);
}

TEST_F(MessageEncryptorTest, AsynchronousChangesTakeTurnsAndAnswerInTheBackground) {
  const auto encryptor = Make(Options());
  wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
  std::vector<std::string> answers;
  encryptor->SetKeyNamesAsync({"first"}, [&](absl::Status status) { answers.push_back("first " + status.ToString()); });
  encryptor->SetKeyNamesAsync({"second"},
                              [&](absl::Status status) { answers.push_back("second " + status.ToString()); });
  encryptor->RotateAsync([&](absl::Status status) { answers.push_back("rotate " + status.ToString()); });
  EXPECT_EQ(wrapper_->held(), 0u);
  while (answers.size() < 3) {
    background_.RunDue();
    EXPECT_LE(wrapper_->held(), 1u);
    wrapper_->Release();
  }
  EXPECT_THAT(answers, ElementsAre("first OK", "second OK", "rotate OK"));
  EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("second"));
}

TEST_F(MessageEncryptorTest, AnAsynchronousChangeThatTimesOutLetsTheNextOneGoOn) {
  const auto encryptor = Make(Options());
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  absl::Status first, second = absl::UnknownError("not called");
  encryptor->RotateAsync([&](absl::Status status) { first = std::move(status); });
  background_.RunDue();
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  encryptor->SetKeyNamesAsync({"later"}, [&](absl::Status status) { second = std::move(status); });
  background_.RunDue();
  EXPECT_EQ(second.message(), "not called");
  background_.Advance(seconds(5));
  EXPECT_EQ(first.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(second.ok()) << second;
}

TEST_F(MessageEncryptorTest, AChangeThatWaitsForItsTurnInVainGivesUp) {
  EncryptorOptions options = Options();
  options.key_timeout = milliseconds(50);
  const auto encryptor = Make(std::move(options));
  wrapper_->SetManner(FakeKeyWrapper::Manner::kNever);
  encryptor->RotateAsync([](const absl::Status&) {});
  background_.RunDue();
  wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
  EXPECT_EQ(encryptor->Rotate().code(), absl::StatusCode::kDeadlineExceeded);
  background_.Advance(
      milliseconds(50));  // ends the one that holds the turn; the turn is handed past the one that gave up
  EXPECT_TRUE(encryptor->Rotate().ok());
}

}  // namespace
}  // namespace pulseal
