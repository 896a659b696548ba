// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/message_decryptor.h"
#include "tests/support/counted.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/events_told.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/losing_executor.h"
#include "tests/support/made_message.h"
#include "tests/support/manual_background.h"

namespace pulseal {
namespace {

using std::chrono::seconds;
using testing::Counted;
using ::testing::ElementsAre;
using testing::FakeKeyWrapper;
using ::testing::IsEmpty;
using testing::LosingExecutor;
using testing::Loss;
using testing::MadeMessage;
using testing::ManualBackground;
using testing::Seal;
using testing::Told;
using Action = Decision::Action;
using Failing = ConsumerCryptoFailureAction;
using Manner = FakeKeyWrapper::Manner;

class ResolveMessage : public testing::DecryptorInBothForms {
 protected:
  const MadeMessage message_ = Seal("hello", {"orders"});
};
INSTANTIATE_TEST_SUITE_P(Forms, ResolveMessage, ::testing::Bool(), testing::FormName);

TEST_P(ResolveMessage, TryDecryptIsPendingUntilTheKeyIsThereAndNeverAsks) {
  const Decision decision = TryDecrypt(message_);
  EXPECT_EQ(decision.action, Action::kPending);
  EXPECT_TRUE(decision.was_encrypted);
  EXPECT_TRUE(decision.worth_asking_again);
  EXPECT_EQ(decision.reason, Reason::kNone);
  EXPECT_TRUE(decision.payload.empty());
  EXPECT_FALSE(decision.status.ok());
  Maintain();
  EXPECT_EQ(wrapper_->unwraps(), 0u);
  EXPECT_EQ(decryptor().counters().pending, 1u);
  EXPECT_EQ(decryptor().counters().messages_failed, 0u);

  const ResolvedKey key = ResolveNow(message_);
  EXPECT_EQ(TryDecrypt(key, message_).payload, "hello");
  EXPECT_EQ(TryDecrypt(message_).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), 1u);
  EXPECT_EQ(decryptor().counters().messages_decrypted, 2u);
}

TEST_P(ResolveMessage, AnswersInTheBackgroundAlsoWhereTheKeyIsCached) {
  static_cast<void>(Decrypt(message_));
  const Answers answers = Resolve(message_);
  EXPECT_TRUE(answers->empty());
  Maintain();
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(TryDecrypt(*answers->at(0), message_).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

TEST_P(ResolveMessage, OneLookupServesAllWhoWait) {
  wrapper_->SetManner(Manner::kHeld);
  std::vector<Answers> all;
  for (int i = 0; i < 10; ++i) all.push_back(Resolve(message_));
  Maintain();
  EXPECT_EQ(wrapper_->unwraps(), 1u);
  all.push_back(Resolve(message_));
  wrapper_->Release();
  Maintain();
  for (const Answers& answers : all) {
    ASSERT_EQ(answers->size(), 1u);
    EXPECT_EQ(TryDecrypt(*answers->at(0), message_).payload, "hello");
  }
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

TEST_P(ResolveMessage, DecryptJoinsALookupThatHasNotBegun) {
  const Answers answers = Resolve(message_);
  EXPECT_EQ(Decrypt(message_).payload, "hello") << "nobody maintains while it waits";
  Maintain();
  EXPECT_EQ(answers->size(), 1u);
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

TEST_P(ResolveMessage, AFailureIsInsideTheResolvedKey) {
  wrapper_->SetStatus("orders", absl::UnauthenticatedError("x"));
  const ResolvedKey key = ResolveNow(message_);
  EXPECT_EQ(TryDecrypt(key, message_).reason, Reason::kUnwrapFailed);
  EXPECT_EQ(TryDecrypt(message_).reason, Reason::kUnwrapFailed) << "remembered, so no longer pending";
}

TEST_P(ResolveMessage, ANotNowIsInsideTheResolvedKeyAndTheNextOneAsksAgain) {
  wrapper_->SetStatus("orders", absl::UnavailableError("x"));
  const ResolvedKey key = ResolveNow(message_);
  const Decision decision = TryDecrypt(key, message_);
  EXPECT_EQ(decision.action, Action::kFail);
  EXPECT_TRUE(decision.worth_asking_again);
  EXPECT_EQ(TryDecrypt(message_).action, Action::kPending);
  wrapper_->SetStatus("orders", absl::OkStatus());
  EXPECT_EQ(TryDecrypt(ResolveNow(message_), message_).payload, "hello");
}

TEST_P(ResolveMessage, EndsWithATtlOfZeroAFloodedCacheAndForgetInBetween) {
  for (const int ttl : {0, 1000}) {
    decryptor_.reset();
    options_.cache_ttl = seconds(ttl);
    options_.cache_max_keys = 1;
    options_.unwraps_per_second = 1000000;
    const ResolvedKey key = ResolveNow(message_);
    for (int i = 0; i < 300; ++i) static_cast<void>(Decrypt(Seal("other", {absl::StrCat("k", i)})));
    decryptor().Forget();
    Pass(seconds(5000));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(TryDecrypt(key, message_).payload, "hello");
    EXPECT_EQ(decryptor().counters().keys_cached, 0u) << "resolved before Forget";
  }
}

TEST_P(ResolveMessage, AResolvedKeyServesOtherMessagesOfTheSameWrappedKey) {
  const ResolvedKey key = ResolveNow(message_);
  EXPECT_EQ(TryDecrypt(key, Seal("second", {"orders"})).payload, "second");
}

TEST_P(ResolveMessage, AResolvedKeyOfSomethingElseIsMisuse) {
  options_.failure_action = Failing::kDiscard;
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  const ResolvedKey key = ResolveNow(message_);
  const ResolvedKey failure = ResolveNow(Seal("hello", {"nobody"}));
  auto other_decryptor = std::move(decryptor_);
  const ResolvedKey of_another = ResolveNow(message_);
  other_decryptor.swap(decryptor_);
  const auto expect_misuse = [this](const ResolvedKey& wrong, const MadeMessage& message) {
    const Decision decision = TryDecrypt(wrong, message);
    EXPECT_EQ(decision.action, Action::kFail);
    EXPECT_EQ(decision.reason, Reason::kMisuse);
    EXPECT_EQ(decision.status.code(), absl::StatusCode::kFailedPrecondition);
  };
  expect_misuse(ResolvedKey(), message_);
  expect_misuse(of_another, message_);
  expect_misuse(key, Seal("hello", {"audit"}));
  expect_misuse(failure, message_);
  expect_misuse(failure, Seal("hello", {"nobody", "orders"}));
}

TEST_P(ResolveMessage, OutlivesTheDecryptor) {
  { const ResolvedKey key = ResolveNow(message_); }
  const ResolvedKey key = ResolveNow(message_);
  const ResolvedKey copy = key;
  decryptor_.reset();
  EXPECT_EQ(TryDecrypt(copy, message_).reason, Reason::kMisuse) << "by another decryptor";
}

TEST_P(ResolveMessage, MetadataWithoutAKeyToResolveIsRefusedInTheBackground) {
  MadeMessage plain;
  plain.payload = "plain";
  const Answers not_encrypted = Resolve(plain);
  MadeMessage many = Seal("hello", std::vector<std::string>(65, "k"));
  const Answers malformed = Resolve(many);
  EXPECT_TRUE(not_encrypted->empty());
  Maintain();
  ASSERT_EQ(not_encrypted->size(), 1u);
  ASSERT_EQ(malformed->size(), 1u);
  EXPECT_EQ(not_encrypted->at(0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(not_encrypted->at(0).status()), Reason::kMisuse);
  EXPECT_EQ(malformed->at(0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(malformed->at(0).status()), Reason::kMalformed);
}

TEST_P(ResolveMessage, MoreWrappedKeysThanAllowedAreRefused) {
  options_.max_wrapped_keys = 2;
  const Answers answers = Resolve(Seal("hello", {"a", "b", "c"}));
  Maintain();
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(ReasonOf(answers->at(0).status()), Reason::kMalformed);
  EXPECT_EQ(wrapper_->unwraps(), 0u);
}

TEST_P(ResolveMessage, BeyondMaxPendingItIsRefusedUntilOneIsAnswered) {
  options_.max_pending = 2;
  wrapper_->SetManner(Manner::kHeld);
  const Answers first = Resolve(message_), second = Resolve(Seal("hello", {"audit"})), third = Resolve(message_);
  Maintain();
  ASSERT_EQ(third->size(), 1u);
  EXPECT_EQ(third->at(0).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(third->at(0).status()), Reason::kLimitReached);
  wrapper_->Release();
  Maintain();
  const Answers fourth = Resolve(message_);
  Maintain();
  ASSERT_EQ(fourth->size(), 1u);
  EXPECT_TRUE(fourth->at(0).ok());
  EXPECT_EQ(first->size(), 1u);
  EXPECT_EQ(second->size(), 1u);
}

TEST_P(ResolveMessage, LargeWrappedKeysAreHeldWithinABoundHoweverManyCallsMayWait) {
  const auto minted = [](size_t number) {
    MadeMessage message = Seal("hello", std::vector<std::string>(64, "orders"));
    for (WrappedKey& key : message.keys) key.bytes.assign(kMaxWrappedKeySize, 'x');
    message.keys[0].bytes.replace(0, 8, absl::StrCat(10000000 + number));
    return message;
  };
  constexpr size_t kFit = (64 << 20) / (64 * kMaxWrappedKeySize);  // a few less, since each has a name and sizes
  wrapper_->SetManner(Manner::kHeld);
  size_t accepted = 0, refused = 0;
  for (size_t i = 0; i < kFit; ++i) {
    const Answers answers = Resolve(minted(i));
    Maintain();
    if (answers->empty()) {
      ++accepted;
      continue;
    }
    ++refused;
    EXPECT_EQ(answers->at(0).status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(ReasonOf(answers->at(0).status()), Reason::kLimitReached);
  }
  EXPECT_GT(refused, 0u);
  EXPECT_GT(accepted, kFit / 10 * 9);

  wrapper_->SetManner(Manner::kInside);
  wrapper_->Release();
  Maintain();
  const Answers afterwards = Resolve(minted(kFit));
  Maintain();
  ASSERT_EQ(afterwards->size(), 1u);
  EXPECT_TRUE(afterwards->at(0).ok());
}

// A key service is silent for long, and all its answers come at once.
TEST_P(ResolveMessage, DearLookupsAtOnceShutGoodMessagesOutForSecondsOnly) {
  options_.unwraps_per_second = 4;
  options_.max_wrapped_keys = 8;
  options_.max_private_key_operations = 4;
  std::vector<std::string> nobody;
  for (int i = 0; i < 8; ++i) {
    nobody.push_back(absl::StrCat("nobody", i));
    wrapper_->SetStatus(nobody.back(), absl::NotFoundError("x"));
  }
  wrapper_->SetManner(Manner::kHeld);
  wrapper_->SetOperations(4);
  std::vector<Answers> answers;
  for (int i = 0; i < 400; ++i) {
    MadeMessage dear = Seal("dear", i % 2 == 0 ? nobody : std::vector<std::string>{"orders"});
    dear.keys[0].bytes += std::to_string(i);
    answers.push_back(Resolve(dear));
    Pass(std::chrono::milliseconds(250));
    Maintain();
  }
  while (wrapper_->held() > 0) wrapper_->Release();
  Maintain();
  for (const Answers& answer : answers) ASSERT_EQ(answer->size(), 1u);

  wrapper_->SetManner(Manner::kInside);
  EXPECT_EQ(Decrypt(message_).reason, Reason::kLimitReached);
  Pass(std::chrono::milliseconds(4250));  // until 4 + 8 + 4 are paid, and one more
  EXPECT_EQ(Decrypt(message_).payload, "hello");
}

// Each lookup has a timer for key_timeout. Sanitizers' allocators say nothing.
TEST_P(ResolveMessage, AFloodOfAnsweredLookupsLeavesNothingBehind) {
  options_.unwraps_per_second = 1;
  const std::vector<MadeMessage> flood = {Seal("a", {"a"}), Seal("b", {"b"})};
  const auto flow = [&](int lookups) {
    for (int i = 0; i < lookups; ++i) {
      const Answers answers = Resolve(flood[static_cast<size_t>(i % 2)]);
      Maintain();
      ASSERT_EQ(answers->size(), 1u);
    }
  };
  flow(1000);
  const size_t before = mallinfo2().uordblks;
  flow(10000);
  EXPECT_LT(mallinfo2().uordblks, before + 500'000);
}

// Whichever piece of its work is lost: the lookup, the timer, the answer.
TEST_P(ResolveMessage, AnswersOnceWhereItsWorkIsLost) {
  for (const Loss loss : {Loss::kThrown, Loss::kDropped}) {
    for (int nth = 1; nth <= 3; ++nth) {
      ManualBackground background;
      options_.background = background.options();
      options_.background.executor = LosingExecutor(options_.background.executor, loss, nth);
      options_.max_pending = 1;
      decryptor_.reset();
      const Answers answers = Resolve(message_);
      background.RunDue();
      ASSERT_EQ(answers->size(), 1u) << nth;
      const Decision decision = TryDecrypt(*answers->at(0), message_);
      EXPECT_EQ(decision.action, nth == 1 ? Action::kFail : Action::kDeliver);
      EXPECT_EQ(decision.status.code(), nth == 1 ? absl::StatusCode::kUnavailable : absl::StatusCode::kOk);
      EXPECT_EQ(decision.worth_asking_again, nth == 1);
      const Answers again = Resolve(message_);
      background.RunDue();
      ASSERT_EQ(again->size(), 1u);
      EXPECT_EQ(TryDecrypt(*again->at(0), message_).payload, "hello");
      EXPECT_EQ(Counted(decryptor().counters()),
                nth == 1 ? "messages_decrypted 1, bytes_decrypted 5, messages_failed 1, key_unavailable 1, unwraps 1, "
                           "keys_cached 1"
                         : "messages_decrypted 2, bytes_decrypted 10, unwraps 1, keys_cached 1")
          << nth;
      EXPECT_EQ(Told(events_), std::vector<std::string>(nth == 1 ? 1 : 0, "kKeyUnavailable UNAVAILABLE")) << nth;
    }
  }
}

TEST_P(ResolveMessage, ALookupThatIsLostWasBegunByDecryptAlready) {
  ManualBackground background;
  options_.background = background.options();
  const Answers answers = Resolve(message_);
  EXPECT_EQ(Decrypt(message_).payload, "hello");
  background.DropAll();
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(TryDecrypt(*answers->at(0), message_).payload, "hello");
  EXPECT_EQ(Counted(decryptor().counters()), "messages_decrypted 2, bytes_decrypted 10, unwraps 1, keys_cached 1");
  EXPECT_THAT(Told(events_), IsEmpty());
}

TEST_P(ResolveMessage, ADoneFunctionMayResolveAgainWithinMaxPending) {
  options_.max_pending = 1;
  bool second_is_ok = false;
  decryptor().Resolve(message_.metadata(), [&](absl::StatusOr<ResolvedKey>) {
    decryptor().Resolve(message_.metadata(), [&](absl::StatusOr<ResolvedKey> key) { second_is_ok = key.ok(); });
  });
  Maintain();
  EXPECT_TRUE(second_is_ok);
}

TEST_P(ResolveMessage, ALookupFindsWhatOthersLearntBeforeItBegan) {
  for (const char* name : {"a", "b"}) wrapper_->SetStatus(name, absl::UnauthenticatedError("x"));
  const Answers answers = Resolve(Seal("hello", {"a", "b"}));
  for (const char* name : {"a", "b"}) static_cast<void>(Decrypt(Seal("hello", {name})));
  Maintain();
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(TryDecrypt(*answers->at(0), Seal("hello", {"a", "b"})).reason, Reason::kUnwrapFailed);
  EXPECT_EQ(wrapper_->unwraps(), 2u);
}

// Nobody is left who could end it, so it answers when it is gone.
TEST_P(ResolveMessage, ALookupThatItsWrapperAndForgetDropAnswersAllTheSame) {
  wrapper_->SetManner(Manner::kDropped);
  for (const bool forgets_first : {false, true}) {
    const Answers answers = Resolve(message_);
    if (!forgets_first) Maintain();
    decryptor().Forget();
    EXPECT_TRUE(answers->empty());
    Maintain();
    Maintain();
    ASSERT_EQ(answers->size(), 1u);
    ASSERT_TRUE(answers->at(0).ok()) << answers->at(0).status();
    const Decision decision = TryDecrypt(*answers->at(0), message_);
    EXPECT_EQ(decision.action, Action::kFail);
    EXPECT_TRUE(decision.worth_asking_again);
    EXPECT_EQ(decision.reason, Reason::kKeyServiceUnavailable);
    EXPECT_EQ(decision.status.message(), "the key wrapper dropped a question without an answer; ask again later");
  }
  wrapper_->SetManner(Manner::kInside);
  EXPECT_EQ(TryDecrypt(ResolveNow(message_), message_).payload, "hello");
}

TEST_P(ResolveMessage, ALookupUnderWayWhenForgetIsCalledAnswersAndIsNotCached) {
  wrapper_->SetManner(Manner::kHeld);
  const Answers answers = Resolve(message_);
  Maintain();
  decryptor().Forget();
  const Answers after = Resolve(message_);
  Maintain();
  EXPECT_EQ(wrapper_->unwraps(), 2u) << "whoever asks after Forget gets an answer from after Forget";
  ASSERT_TRUE(wrapper_->ReleaseOne());
  Maintain();
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_TRUE(after->empty());
  EXPECT_EQ(TryDecrypt(*answers->at(0), message_).payload, "hello");
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);
  EXPECT_EQ(TryDecrypt(message_).action, Action::kPending);
  wrapper_->Release();
  Maintain();
  EXPECT_EQ(TryDecrypt(message_).payload, "hello");
}

}  // namespace
}  // namespace pulseal
