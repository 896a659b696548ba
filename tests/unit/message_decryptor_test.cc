// SPDX-License-Identifier: Apache-2.0
#include "pulseal/message_decryptor.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using testing::FakeKeyWrapper;
using testing::MadeMessage;
using testing::Seal;
using testing::ViewOf;
using Action = Decision::Action;

class MessageDecryptorTest : public ::testing::Test {
 protected:
  MessageDecryptorTest() {
    options_.key_wrapper = wrapper_;
    options_.background.mode = Background::Mode::kMaintain;
    options_.background.clock = [this] { return now_; };
    options_.on_event = [this](const CryptoEvent& event) { events_.push_back(event); };
  }

  MessageDecryptor& decryptor() {
    if (decryptor_ == nullptr) decryptor_ = *MessageDecryptor::Create(options_);
    return *decryptor_;
  }

  Decision Decrypt(const MadeMessage& message) {
    metadata_ = message.metadata();
    out_.assign(message.payload.size(), '?');
    return decryptor().Decrypt(metadata_, message.payload, absl::MakeSpan(out_));
  }
  Decision TryDecrypt(const MadeMessage& message) {
    metadata_ = message.metadata();
    out_.assign(message.payload.size(), '?');
    return decryptor().TryDecrypt(metadata_, message.payload, absl::MakeSpan(out_));
  }
  Decision TryDecrypt(const ResolvedKey& key, const MadeMessage& message) {
    metadata_ = message.metadata();
    out_.assign(message.payload.size(), '?');
    return decryptor().TryDecrypt(key, metadata_, message.payload, absl::MakeSpan(out_));
  }
  // Maintains until nothing is due.
  void Maintain() {
    for (int i = 0; i < 4; ++i) decryptor().Maintain();
  }

  std::chrono::nanoseconds now_{std::chrono::hours(1)};
  std::vector<CryptoEvent> events_;
  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  DecryptorOptions options_;
  std::string metadata_, out_;
  std::unique_ptr<MessageDecryptor> decryptor_;
};

TEST_F(MessageDecryptorTest, DecryptsAndUnwrapsOnce) {
  const MadeMessage message = Seal("hello", {"orders"});
  for (int i = 0; i < 3; ++i) {
    const Decision decision = Decrypt(message);
    ASSERT_EQ(decision.action, Action::kDeliver) << decision.status;
    EXPECT_EQ(decision.payload, "hello");
    EXPECT_EQ(decision.payload.data(), out_.data());
    EXPECT_EQ(decision.key_name, "orders");
    EXPECT_TRUE(decision.was_encrypted);
    EXPECT_FALSE(decision.worth_asking_again);
    EXPECT_EQ(decision.reason, Reason::kNone);
    EXPECT_EQ(decision.num_messages, 1);
  }
  EXPECT_EQ(wrapper_->unwraps(), 1u);
  EXPECT_EQ(decryptor().counters().messages_decrypted, 3u);
  EXPECT_EQ(decryptor().counters().bytes_decrypted, 15u);
  EXPECT_EQ(decryptor().counters().unwraps, 1u);
  EXPECT_EQ(decryptor().counters().keys_cached, 1u);
}

TEST_F(MessageDecryptorTest, RemembersAFailure) {
  wrapper_->SetStatus("orders", absl::NotFoundError("no such key"));
  for (int i = 0; i < 3; ++i) {
    const Decision decision = Decrypt(Seal("hello", {"orders"}));
    EXPECT_EQ(decision.action, Action::kFail);
    EXPECT_EQ(decision.reason, Reason::kKeyNotFound);
    EXPECT_EQ(decision.status.code(), absl::StatusCode::kNotFound);
    EXPECT_FALSE(decision.worth_asking_again);
  }
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

TEST_F(MessageDecryptorTest, ResolvesInTheBackground) {
  const MadeMessage message = Seal("hello", {"orders"});
  EXPECT_EQ(TryDecrypt(message).action, Action::kPending);
  std::optional<ResolvedKey> key;
  decryptor().Resolve(message.metadata(), [&](absl::StatusOr<ResolvedKey> resolved) { key = *resolved; });
  EXPECT_FALSE(key.has_value());
  Maintain();
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(TryDecrypt(*key, message).payload, "hello");
  EXPECT_EQ(TryDecrypt(message).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

}  // namespace
}  // namespace pulseal
