// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "pulseal/error.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/encryptor_fixture.h"
#include "tests/support/sealed_message.h"

namespace pulseal {
namespace {

using std::chrono::hours;
using testing::MessageEncryptorTest;
using testing::OpenedMessage;
using testing::OpenMessage;

TEST_F(MessageEncryptorTest, APinKeepsItsDataKeyAcrossASoftRotation) {
  EncryptorOptions options = Options();
  options.rotation.messages = 4;
  const auto encryptor = Make(std::move(options));
  const auto pin = encryptor->Pin(3);
  ASSERT_TRUE(pin.ok());
  std::string out(100, '\0'), fields(pin->fields_size(), '\0');
  std::set<std::string> keys, nonces;
  const auto encrypt = [&] {
    const auto sealed = encryptor->Encrypt(*pin, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    EXPECT_EQ(sealed->fields.size(), pin->fields_size());
    const OpenedMessage opened = OpenMessage(*sealed);
    EXPECT_EQ(opened.plaintext, "chunk");
    keys.insert(opened.data_key);
    nonces.insert(opened.nonce);
  };
  encrypt();
  nonces.insert(Send(*encryptor).nonce);
  background_.RunDue();
  EXPECT_EQ(encryptor->counters().rotations, 2u);
  encrypt();
  encrypt();
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_EQ(nonces.size(), 4u);
  const auto fourth = encryptor->Encrypt(*pin, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
  EXPECT_EQ(fourth.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(fourth.status()), Reason::kMisuse);
}

TEST_F(MessageEncryptorTest, APinEndsWithItsRecipients) {
  const auto encryptor = Make(Options());
  std::string out(100, '\0'), fields(encryptor->fields_size(), '\0');
  const auto use = [&](const PinnedKey& pin) {
    return encryptor->Encrypt(pin, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields)).status();
  };
  const auto expect_ended = [&](const PinnedKey& pin, Reason reason) {
    const absl::Status status = use(pin);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(ReasonOf(status), reason) << status;
  };
  const auto before_names = encryptor->Pin(2);
  ASSERT_TRUE(encryptor->SetKeyNames({"audit"}).ok());
  expect_ended(*before_names, Reason::kMisuse);
  const auto before_rotate = encryptor->Pin(2);
  EXPECT_TRUE(use(*before_rotate).ok());
  ASSERT_TRUE(encryptor->Rotate().ok());
  expect_ended(*before_rotate, Reason::kMisuse);
  const auto before_hard_age = encryptor->Pin(2);
  background_.SetNow(background_.now() + hours(24));
  EXPECT_EQ(encryptor->counters().messages_refused, 0u);
  expect_ended(*before_hard_age, Reason::kLimitReached);
  EXPECT_EQ(encryptor->counters().messages_refused, 1u);
}

TEST_F(MessageEncryptorTest, APinOfAnotherEncryptorOrOfNoneIsMisuse) {
  const auto one = Make(Options()), other = Make(Options());
  std::string out(100, '\0'), fields(500, '\0');
  const auto pin = one->Pin(1);
  for (const PinnedKey& wrong : {*pin, PinnedKey()}) {
    const auto sealed = other->Encrypt(wrong, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
    EXPECT_EQ(sealed.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(sealed.status()), Reason::kMisuse);
  }
  EXPECT_EQ(PinnedKey().fields_size(), 0u);
}

TEST_F(MessageEncryptorTest, PinsDrawOnTheHardLimits) {
  EncryptorOptions options = Options();
  options.rotation.messages = options.rotation.hard_messages = 10;
  options.rotation.bytes = options.rotation.hard_bytes = 10;
  const auto encryptor = Make(std::move(options));
  EXPECT_EQ(encryptor->Pin(0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(encryptor->Pin(1000001).status().code(), absl::StatusCode::kInvalidArgument);
  const auto pin = encryptor->Pin(9);
  ASSERT_TRUE(pin.ok());
  std::string out(100, '\0'), fields(500, '\0');
  EXPECT_TRUE(encryptor->Encrypt(*pin, "12345678", absl::MakeSpan(out), absl::MakeSpan(fields)).ok());
  EXPECT_EQ(encryptor->Encrypt(*pin, "9ab", absl::MakeSpan(out), absl::MakeSpan(fields)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(encryptor->counters().messages_refused, 1u);
  background_.RunDue();
  EXPECT_EQ(encryptor->Pin(11).status().code(), absl::StatusCode::kInvalidArgument);  // no data key could hold them
  EXPECT_TRUE(encryptor->Pin(10).ok());
  EXPECT_EQ(encryptor->Pin(1).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageEncryptorTest, APinMayOutliveItsEncryptor) {
  auto encryptor = Make(Options());
  const auto pin = encryptor->Pin(2);
  encryptor.reset();
  EXPECT_GT(pin->fields_size(), 0u);
}

}  // namespace
}  // namespace pulseal
