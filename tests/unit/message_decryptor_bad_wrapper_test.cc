// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pulseal/message_decryptor.h"
#include "tests/support/counted.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/events_told.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using std::chrono::seconds;
using testing::Counted;
using ::testing::ElementsAre;
using testing::FakeKeyWrapper;
using ::testing::IsEmpty;
using testing::MadeMessage;
using testing::Seal;
using testing::Told;
using Action = Decision::Action;
using Manner = FakeKeyWrapper::Manner;

class BadWrapper : public testing::DecryptorFixture {
 protected:
  const MadeMessage message_ = Seal("hello", {"orders"});
};

TEST_F(BadWrapper, ASecondAnswerIsIgnored) {
  wrapper_->SetManner(Manner::kTwice);
  EXPECT_EQ(Decrypt(message_).payload, "hello");
  wrapper_->SetStatus("a", absl::UnauthenticatedError("x"));
  EXPECT_EQ(Decrypt(Seal("hello", {"a", "b"})).payload, "hello");
  EXPECT_EQ(wrapper_->unwrapped_names(), (std::vector<std::string>{"orders", "a", "b"}));
  EXPECT_EQ(Counted(decryptor().counters()), "messages_decrypted 2, bytes_decrypted 10, unwraps 3, keys_cached 2");
  EXPECT_THAT(Told(events_), IsEmpty());
}

TEST_F(BadWrapper, AnExceptionIsUnavailable) {
  wrapper_->SetManner(Manner::kThrow);
  const Decision decision = Decrypt(message_);
  EXPECT_EQ(decision.reason, Reason::kKeyServiceUnavailable);
  EXPECT_TRUE(decision.worth_asking_again);
  wrapper_->SetManner(Manner::kInside);
  EXPECT_EQ(Decrypt(message_).payload, "hello");
  EXPECT_EQ(Counted(decryptor().counters()),
            "messages_decrypted 1, bytes_decrypted 5, messages_failed 1, key_unavailable 1, unwraps 1, keys_cached 1");
  EXPECT_THAT(Told(events_), ElementsAre("kKeyUnavailable orders UNAVAILABLE"));
}

TEST_F(BadWrapper, AnExceptionOutOfGenerationHarmsNoMessage) {
  class ThrowingGeneration final : public KeyWrapper {
    void Wrap(std::string, std::shared_ptr<const SecretBytes>,
              std::function<void(absl::StatusOr<WrappedKey>)>) override {}
    void Unwrap(WrappedKey wrapped, int max_operations, std::function<void(absl::StatusOr<Unwrapped>)> done) override {
      fake_.Unwrap(std::move(wrapped), max_operations, std::move(done));
    }
    uint64_t Generation() override { throw std::runtime_error("no generation"); }
    FakeKeyWrapper fake_;
  };
  options_.key_wrapper = std::make_shared<ThrowingGeneration>();
  EXPECT_EQ(Decrypt(message_).payload, "hello");
  Pass(seconds(1));
  EXPECT_EQ(Decrypt(message_).payload, "hello");
  EXPECT_EQ(Counted(decryptor().counters()), "messages_decrypted 2, bytes_decrypted 10, unwraps 1, keys_cached 1");
  EXPECT_THAT(Told(events_), IsEmpty());
}

TEST_F(BadWrapper, AnExceptionAfterTheAnswerIsIgnored) {
  wrapper_->SetManner(Manner::kAnswerAndThrow);
  EXPECT_EQ(Decrypt(message_).payload, "hello");
  EXPECT_EQ(Counted(decryptor().counters()), "messages_decrypted 1, bytes_decrypted 5, unwraps 1, keys_cached 1");
  EXPECT_THAT(Told(events_), IsEmpty());
}

TEST_F(BadWrapper, OneThatNeverAnswersEndsDecryptInATimeOut) {
  options_.key_timeout = std::chrono::milliseconds(1);
  for (const Manner manner : {Manner::kNever, Manner::kDropped, Manner::kHeld}) {
    wrapper_->SetManner(manner);
    const Decision decision = Decrypt(message_);
    EXPECT_EQ(decision.action, Action::kFail);
    EXPECT_EQ(decision.reason, Reason::kKeyServiceUnavailable);
    EXPECT_EQ(decision.status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_TRUE(decision.worth_asking_again);
    EXPECT_THAT(Told(events_), ElementsAre("kKeyUnavailable orders DEADLINE_EXCEEDED"));
    Pass(seconds(1));  // for the next event
  }
  EXPECT_EQ(wrapper_->unwraps(), 3u) << "nobody joins a lookup that timed out";
  EXPECT_EQ(Counted(decryptor().counters()), "messages_failed 3, key_unavailable 3");
  wrapper_->Release();
  wrapper_->SetManner(Manner::kInside);
  EXPECT_EQ(Decrypt(message_).payload, "hello");
  EXPECT_EQ(Counted(decryptor().counters()),
            "messages_decrypted 1, bytes_decrypted 5, messages_failed 3, key_unavailable 3, unwraps 1, keys_cached 1");
  EXPECT_THAT(Told(events_), IsEmpty());
}

TEST_F(BadWrapper, OneThatNeverAnswersEndsResolveInATimeOut) {
  wrapper_->SetManner(Manner::kNever);
  const Answers answers = Resolve(message_);
  Pass(seconds(29));
  EXPECT_TRUE(answers->empty());
  Pass(seconds(1));
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(TryDecrypt(*answers->at(0), message_).status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Counted(decryptor().counters()), "messages_failed 1, key_unavailable 1");
  EXPECT_THAT(Told(events_), ElementsAre("kKeyUnavailable orders DEADLINE_EXCEEDED"));
}

TEST_F(BadWrapper, AKeyThatComesTooLateServesTheNextCall) {
  wrapper_->SetManner(Manner::kHeld);
  const Answers answers = Resolve(message_);
  Pass(seconds(30));
  ASSERT_EQ(answers->size(), 1u);
  wrapper_->Release();
  Maintain();
  EXPECT_EQ(answers->size(), 1u);
  EXPECT_EQ(TryDecrypt(message_).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), 1u);
  EXPECT_EQ(Counted(decryptor().counters()), "messages_decrypted 1, bytes_decrypted 5, unwraps 1, keys_cached 1");
  EXPECT_THAT(Told(events_), ElementsAre("kKeyUnavailable orders DEADLINE_EXCEEDED"));
}

TEST_F(BadWrapper, AFailureThatComesTooLateChangesNothing) {
  wrapper_->SetStatus("orders", absl::UnauthenticatedError("x"));
  wrapper_->SetManner(Manner::kHeld);
  const Answers answers = Resolve(Seal("hello", {"orders", "audit"}));
  Pass(seconds(30));
  wrapper_->Release();
  Maintain();
  EXPECT_EQ(answers->size(), 1u);
  EXPECT_EQ(wrapper_->unwraps(), 1u);
  EXPECT_EQ(Counted(decryptor().counters()), "unwraps 1") << "neither remembered nor a message's";
  EXPECT_THAT(Told(events_), ElementsAre("kKeyUnavailable DEADLINE_EXCEEDED"));
}

TEST_F(BadWrapper, OneThatAnswersAfterTheDecryptorIsGoneDoesNothing) {
  wrapper_->SetManner(Manner::kHeld);
  const Answers answers = Resolve(message_);
  Maintain();
  decryptor_.reset();
  wrapper_->Release();
  EXPECT_TRUE(answers->empty());
  EXPECT_TRUE(events_.empty());
}

TEST_F(BadWrapper, WhatIsPendingAtDestructionIsDroppedWithoutACall) {
  const Answers not_begun = Resolve(message_);
  wrapper_->SetManner(Manner::kNever);
  decryptor_.reset();
  EXPECT_TRUE(not_begun->empty());
  EXPECT_EQ(wrapper_->unwraps(), 0u);
  EXPECT_EQ(not_begun.use_count(), 1) << "its done function is destroyed";
}

TEST_F(BadWrapper, NoEventComesAfterDestruction) {
  wrapper_->SetStatus("orders", absl::UnavailableError("x"));
  wrapper_->SetManner(Manner::kHeld);
  Resolve(message_);
  Maintain();
  decryptor_.reset();
  wrapper_->Release();
  EXPECT_TRUE(events_.empty());
}

}  // namespace
}  // namespace pulseal
