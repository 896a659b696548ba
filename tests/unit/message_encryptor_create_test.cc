// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "pulseal/error.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/encryptor_fixture.h"
#include "tests/support/fake_key_wrapper.h"

namespace pulseal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeKeyWrapper;
using ::testing::HasSubstr;
using testing::MessageEncryptorTest;

TEST(EncryptorOptionsTest, DefaultsAreThoseOfTheDocumentation) {
  const EncryptorOptions options;
  EXPECT_EQ(options.failure_action, ProducerCryptoFailureAction::kFail);
  EXPECT_FALSE(options.random_nonces);
  EXPECT_EQ(options.key_timeout, seconds(30));
  EXPECT_EQ(options.rotation.age, hours(4));
  EXPECT_EQ(options.rotation.hard_age, hours(24));
  EXPECT_EQ(options.rotation.messages, uint64_t{1} << 31);
  EXPECT_EQ(options.rotation.hard_messages, uint64_t{1} << 32);
  EXPECT_EQ(options.rotation.bytes, uint64_t{1} << 36);
  EXPECT_EQ(options.rotation.hard_bytes, uint64_t{1} << 38);
}

TEST_F(MessageEncryptorTest, RefusesOptionsThatBreakARule) {
  const auto refused = [&](auto change, const char* named) {
    EncryptorOptions options = Options();
    change(options);
    const absl::Status status = MessageEncryptor::Create(std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << named;
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse) << named;
    EXPECT_THAT(std::string(status.message()), HasSubstr(named));
  };
  refused([](EncryptorOptions& o) { o.key_names.clear(); }, "key_names");
  refused([](EncryptorOptions& o) { o.key_names = {"a", "b", "a"}; }, "\"a\" twice");
  refused([](EncryptorOptions& o) { o.key_names = {""}; }, "empty name");
  refused([](EncryptorOptions& o) { o.key_names = {std::string(1025, 'x')}; }, "1024");
  refused(
      [](EncryptorOptions& o) {
        o.key_names.clear();
        for (int i = 0; i < 65; ++i) o.key_names.push_back(std::to_string(i));
      },
      "65 names");
  refused([](EncryptorOptions& o) { o.key_wrapper = nullptr; }, "exactly one");
  refused([](EncryptorOptions& o) { o.rotation.messages = 0; }, "rotation.messages");
  refused([](EncryptorOptions& o) { o.rotation.messages = o.rotation.hard_messages + 1; }, "rotation.messages");
  refused([](EncryptorOptions& o) { ++o.rotation.hard_messages; }, "rotation.messages");
  refused([](EncryptorOptions& o) { ++o.rotation.hard_bytes; }, "rotation.bytes");
  refused([](EncryptorOptions& o) { o.rotation.age = seconds(0); }, "rotation.age");
  refused([](EncryptorOptions& o) { o.rotation.hard_age = hours(25); }, "rotation.age");
  refused([](EncryptorOptions& o) { o.key_timeout = milliseconds(0); }, "key_timeout");
  refused([](EncryptorOptions& o) { o.background.executor = nullptr; }, "executor");
  refused([](EncryptorOptions& o) { o.background.mode = Background::Mode::kOwnThread; }, "executor");
}

TEST_F(MessageEncryptorTest, CreateFailsNamingTheKeyUnderSendAsUnderFail) {
  wrapper_->SetStatus("audit", absl::NotFoundError("no such key"));
  for (const auto action : {ProducerCryptoFailureAction::kFail, ProducerCryptoFailureAction::kSend}) {
    EncryptorOptions options = Options();
    options.failure_action = action;
    const absl::Status status = MessageEncryptor::Create(std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(ReasonOf(status), Reason::kKeyNotFound);
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"audit\""));
  }
}

TEST_F(MessageEncryptorTest, CreateGivesUpOnAWrapperThatNeverAnswers) {
  for (const auto manner : {FakeKeyWrapper::Manner::kNever, FakeKeyWrapper::Manner::kDropped}) {
    wrapper_->SetManner(manner);
    EncryptorOptions options = Options();
    options.key_timeout = milliseconds(20);
    const absl::Status status = MessageEncryptor::Create(std::move(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(ReasonOf(status), Reason::kKeyServiceUnavailable);
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"orders\""));
  }
}

TEST_F(MessageEncryptorTest, CreateTakesAnswersOfEveryManner) {
  using Manner = FakeKeyWrapper::Manner;
  for (const auto manner : {Manner::kInside, Manner::kTwice, Manner::kOtherThread, Manner::kAnswerAndThrow}) {
    wrapper_->SetManner(manner);
    const auto encryptor = Make(Options());
    ASSERT_NE(encryptor, nullptr) << static_cast<int>(manner);
    EXPECT_THAT(Send(*encryptor).key_names, ElementsAre("orders", "audit"));
  }
  wrapper_->SetManner(Manner::kThrow);
  EXPECT_EQ(MessageEncryptor::Create(Options()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageEncryptorTest, CreateAsyncAnswersInTheBackground) {
  std::unique_ptr<MessageEncryptor> made;
  MessageEncryptor::CreateAsync(Options(), [&](absl::StatusOr<std::unique_ptr<MessageEncryptor>> result) {
    ASSERT_TRUE(result.ok());
    made = *std::move(result);
  });
  EXPECT_EQ(made, nullptr);
  background_.RunDue();
  ASSERT_NE(made, nullptr);
  Send(*made);
}

}  // namespace
}  // namespace pulseal
