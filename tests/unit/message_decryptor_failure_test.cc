// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "pulseal/message_decryptor.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using testing::MadeMessage;
using testing::Seal;
using Action = Decision::Action;
using Failing = ConsumerCryptoFailureAction;
using ::testing::HasSubstr;

class DecryptFailure : public testing::DecryptorInBothForms {};
INSTANTIATE_TEST_SUITE_P(Forms, DecryptFailure, ::testing::Bool(), testing::FormName);

TEST_P(DecryptFailure, EachFailureOfTheWrapperHasItsReason) {
  struct {
    absl::Status status;
    Reason reason;
    absl::StatusCode code;
    bool again;
  } const cases[] = {
      {absl::NotFoundError("x"), Reason::kKeyNotFound, absl::StatusCode::kNotFound, false},
      {absl::UnauthenticatedError("x"), Reason::kUnwrapFailed, absl::StatusCode::kUnauthenticated, false},
      {absl::FailedPreconditionError("x"), Reason::kKeyUnusable, absl::StatusCode::kFailedPrecondition, false},
      {absl::UnavailableError("x"), Reason::kKeyServiceUnavailable, absl::StatusCode::kUnavailable, true},
      {absl::InternalError("x"), Reason::kKeyServiceUnavailable, absl::StatusCode::kUnavailable, true},
      {absl::DeadlineExceededError("x"), Reason::kKeyServiceUnavailable, absl::StatusCode::kDeadlineExceeded, true},
      {absl::ResourceExhaustedError("x"), Reason::kLimitReached, absl::StatusCode::kResourceExhausted, true},
  };
  for (const auto& c : cases) {
    decryptor_.reset();
    wrapper_->SetStatus("orders", c.status);
    const size_t before = wrapper_->unwraps();
    for (int i = 0; i < 2; ++i) {
      const Decision decision = Decrypt(Seal("hello", {"orders"}));
      EXPECT_EQ(decision.action, Action::kFail);
      EXPECT_EQ(decision.reason, c.reason) << c.status;
      EXPECT_EQ(decision.status.code(), c.code) << c.status;
      EXPECT_EQ(decision.worth_asking_again, c.again) << c.status;
      EXPECT_THAT(std::string(decision.status.message()), HasSubstr("\"orders\""));
    }
    EXPECT_EQ(wrapper_->unwraps() - before, c.again ? 2u : 1u) << "remembered only where permanent: " << c.status;
    EXPECT_EQ(decryptor().counters().failures_remembered, c.again ? 0u : 1u);
  }
}

TEST_P(DecryptFailure, NotNowOfOneWrappedKeyOutweighsTheOthersFailures) {
  wrapper_->SetStatus("a", absl::UnauthenticatedError("x"));
  wrapper_->SetStatus("b", absl::UnavailableError("x"));
  wrapper_->SetStatus("c", absl::NotFoundError("x"));
  const MadeMessage message = Seal("hello", {"a", "b", "c"});
  EXPECT_EQ(Decrypt(message).reason, Reason::kKeyServiceUnavailable);
  EXPECT_EQ(Decrypt(message).reason, Reason::kKeyServiceUnavailable);
  EXPECT_EQ(wrapper_->unwrapped_names(), (std::vector<std::string>{"a", "b", "c", "b"})) << "a and c are remembered";
  wrapper_->SetStatus("b", absl::OkStatus());
  EXPECT_EQ(Decrypt(message).payload, "hello");
}

TEST_P(DecryptFailure, TheFailureThatSaysMostIsTold) {
  wrapper_->SetStatus("a", absl::NotFoundError("x"));
  wrapper_->SetStatus("b", absl::UnauthenticatedError("x"));
  wrapper_->SetStatus("c", absl::FailedPreconditionError("x"));
  for (int i = 0; i < 2; ++i) {
    const Decision decision = Decrypt(Seal("hello", {"a", "b", "c"}));
    EXPECT_EQ(decision.reason, Reason::kUnwrapFailed);
    EXPECT_THAT(std::string(decision.status.message()),
                HasSubstr("none of the 3 wrapped keys (\"a\", \"b\", \"c\") opens; wrapped key 2, for \"b\": x"));
  }
}

TEST_P(DecryptFailure, OfManyWrappedKeysTheFirstAreNamed) {
  std::vector<std::string> names;
  for (int i = 0; i < 64; ++i) {
    names.push_back(std::string(200, '\n') + std::to_string(i));
    wrapper_->SetStatus(names.back(), absl::NotFoundError("x"));
  }
  const std::string message(Decrypt(Seal("hello", names)).status.message());
  EXPECT_THAT(message, HasSubstr("none of the 64 wrapped keys (\"\\x0a"));
  EXPECT_THAT(message, HasSubstr("and 60 more) opens; wrapped key 1, for "));
  EXPECT_LT(message.size(), 3000u);
}

TEST_P(DecryptFailure, KeyNamesAreEscapedInMessagesAndEvents) {
  const std::string hostile = "a\n\x1b[2J\"";
  wrapper_->SetStatus(hostile, absl::NotFoundError("x"));
  const Decision decision = Decrypt(Seal("hello", {hostile}));
  EXPECT_THAT(std::string(decision.status.message()), HasSubstr("a\\x0a\\x1b[2J\\x22"));
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].kind, CryptoEvent::Kind::kKeyFailed);
  EXPECT_EQ(events_[0].key_name, "a\\x0a\\x1b[2J\\x22");
}

TEST_P(DecryptFailure, AnUnavailableKeyRaisesAnEvent) {
  wrapper_->SetStatus("orders", absl::UnavailableError("x"));
  static_cast<void>(Decrypt(Seal("hello", {"orders"})));
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].kind, CryptoEvent::Kind::kKeyUnavailable);
  EXPECT_EQ(events_[0].key_name, "orders");
  EXPECT_EQ(events_[0].status.code(), absl::StatusCode::kUnavailable);
}

TEST_P(DecryptFailure, EachCauseInEachShapeUnderEachActionIsDecidedAsTheTableSays) {
  struct Cause {
    Reason reason;
    bool not_now;
    std::function<void(MadeMessage&)> make;
  };
  const auto status = [this](absl::Status s) { return [this, s](MadeMessage&) { wrapper_->SetStatus("orders", s); }; };
  const Cause causes[] = {
      {Reason::kKeyNotFound, false, status(absl::NotFoundError("x"))},
      {Reason::kKeyUnusable, false, status(absl::FailedPreconditionError("x"))},
      {Reason::kUnwrapFailed, false, status(absl::UnauthenticatedError("x"))},
      {Reason::kKeyServiceUnavailable, true, status(absl::UnavailableError("x"))},
      {Reason::kLimitReached, true, status(absl::ResourceExhaustedError("x"))},
      {Reason::kAuthenticationFailed, false, [](MadeMessage& message) { message.payload[0] ^= 1; }},
      {Reason::kMalformed, false, [](MadeMessage& message) { message.nonce += "!"; }},
  };
  enum Kind { kSingle, kChunk, kBatchOfOne, kBatch };
  int checked = 0;
  for (const Cause& cause : causes) {
    for (const Kind kind : {kSingle, kChunk, kBatchOfOne, kBatch}) {
      for (const Failing action : {Failing::kFail, Failing::kDiscard, Failing::kConsume}) {
        for (const bool whole : {false, true}) {
          for (const bool when_unavailable : {false, true}) {
            wrapper_->SetStatus("orders", absl::OkStatus());
            options_.failure_action = action;
            options_.deliver_whole_batch = whole;
            options_.apply_action_when_unavailable = when_unavailable;
            decryptor_.reset();
            MadeMessage message = Seal("hello", {"orders"});
            if (kind == kChunk) message.num_chunks = 3;
            if (kind == kBatchOfOne) message.num_messages_in_batch = 1;
            if (kind == kBatch) message.num_messages_in_batch = 10;
            cause.make(message);

            Action expected = Action::kFail;
            if (!cause.not_now || when_unavailable) {
              if (action == Failing::kDiscard) expected = Action::kDiscard;
              const bool batch = kind == kBatch || kind == kBatchOfOne;
              if (action == Failing::kConsume && (!batch || whole)) expected = Action::kDeliverEncrypted;
            }
            const Decision decision = Decrypt(message);
            EXPECT_EQ(decision.action, expected) << ReasonName(cause.reason) << kind << static_cast<int>(action);
            EXPECT_EQ(decision.reason, cause.reason) << decision.status;
            EXPECT_EQ(decision.worth_asking_again, cause.not_now);
            EXPECT_EQ(decision.num_messages, kind == kBatch ? 10 : 1);
            EXPECT_TRUE(decision.was_encrypted);
            EXPECT_FALSE(decision.status.ok());
            EXPECT_EQ(decision.payload, expected == Action::kDeliverEncrypted ? message.payload : "");
            ++checked;
          }
        }
      }
    }
  }
  EXPECT_EQ(checked, 7 * 4 * 3 * 2 * 2);
}

TEST_P(DecryptFailure, ANumberOfMessagesBelowOneCountsAsOne) {
  options_.failure_action = Failing::kDiscard;
  wrapper_->SetStatus("orders", absl::NotFoundError("x"));
  for (const int32_t number : {0, -1, INT32_MIN}) {
    MadeMessage message = Seal("hello", {"orders"});
    message.num_messages_in_batch = number;
    EXPECT_EQ(Decrypt(message).num_messages, 1) << number;
  }
}

TEST_P(DecryptFailure, CountersAddUp) {
  options_.failure_action = Failing::kConsume;
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  wrapper_->SetStatus("bad", absl::UnauthenticatedError("x"));
  wrapper_->SetStatus("down", absl::UnavailableError("x"));
  static_cast<void>(Decrypt(Seal("hello", {"orders"})));
  MadeMessage batch = Seal("hello", {"nobody"});
  batch.num_messages_in_batch = 3;
  static_cast<void>(Decrypt(batch));
  for (const char* name : {"nobody", "bad", "down", "down"}) static_cast<void>(Decrypt(Seal("hello", {name})));
  MadeMessage forged = Seal("hello", {"orders"});
  forged.payload[3] ^= 1;
  static_cast<void>(Decrypt(forged));
  const DecryptorCounters counters = decryptor().counters();
  EXPECT_EQ(counters.messages_decrypted, 1u);
  EXPECT_EQ(counters.messages_delivered_encrypted, 3u);
  EXPECT_EQ(counters.messages_failed, 3u);
  EXPECT_EQ(counters.key_not_found, 2u);
  EXPECT_EQ(counters.unwrap_failed, 1u);
  EXPECT_EQ(counters.key_unavailable, 2u);
  EXPECT_EQ(counters.authentication_failed, 1u);
  EXPECT_EQ(counters.key_not_found + counters.key_unusable + counters.key_unavailable + counters.unwrap_failed +
                counters.authentication_failed + counters.malformed + counters.limit_reached + counters.not_encrypted +
                counters.internal,
            counters.messages_delivered_encrypted + counters.messages_discarded + counters.messages_failed);
}

}  // namespace
}  // namespace pulseal
