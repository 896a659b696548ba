// SPDX-License-Identifier: Apache-2.0
#include "lib/recipient_wrapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>

#include "lib/status.h"
#include "pulseal/encryption_metadata.h"
#include "tests/support/fake_key_wrapper.h"

namespace pulseal {
namespace {

using testing::FakeKeyWrapper;
using ::testing::HasSubstr;
using Manner = FakeKeyWrapper::Manner;
using Outcome = RecipientWrapping::Outcome;

// Answers each call as a function of the test's says.
class ScriptedWrapper final : public KeyWrapper {
 public:
  using Done = std::function<void(absl::StatusOr<WrappedKey>)>;
  explicit ScriptedWrapper(std::function<void(const std::string&, const Done&)> wrap) : wrap_(std::move(wrap)) {}
  void Wrap(std::string key_name, std::shared_ptr<const SecretBytes> data_key, Done done) override {
    EXPECT_EQ(data_key->view(), "data key");
    wrap_(key_name, done);
  }
  void Unwrap(WrappedKey, int, std::function<void(absl::StatusOr<Unwrapped>)>) override { FAIL(); }

 private:
  const std::function<void(const std::string&, const Done&)> wrap_;
};

class RecipientWrappingTest : public ::testing::Test {
 protected:
  std::shared_ptr<RecipientWrapping> Make() {
    auto data_key = std::make_shared<const SecretBytes>(SecretBytes::CopyOf("data key"));
    data_key_ = data_key;
    return RecipientWrapping::Create({"orders", "audit"}, std::move(data_key),
                                     [this](Outcome outcome) { outcomes_.push_back(std::move(outcome)); });
  }

  void ExpectWrappedOnce() {
    ASSERT_EQ(outcomes_.size(), 1u);
    EXPECT_TRUE(outcomes_[0].status.ok()) << outcomes_[0].status;
    EXPECT_EQ(outcomes_[0].failed_key_name, "");
    ASSERT_EQ(outcomes_[0].wrapped.size(), 2u);
    EXPECT_EQ(outcomes_[0].wrapped[0].key_name, "orders");
    EXPECT_EQ(outcomes_[0].wrapped[1].key_name, "audit");
    EXPECT_EQ(outcomes_[0].wrapped[1].bytes, FakeKeyWrapper::WrappedBytes("data key"));
    EXPECT_TRUE(data_key_.expired()) << "the data key is kept after the end";
  }

  void ExpectFailedOnce(absl::StatusCode code, Reason reason, const std::string& key_name, const std::string& words) {
    ASSERT_EQ(outcomes_.size(), 1u);
    EXPECT_EQ(outcomes_[0].status.code(), code) << outcomes_[0].status;
    EXPECT_EQ(ReasonOf(outcomes_[0].status), reason);
    EXPECT_EQ(outcomes_[0].failed_key_name, key_name);
    EXPECT_THAT(std::string(outcomes_[0].status.message()), HasSubstr(Quoted(key_name)));
    EXPECT_THAT(std::string(outcomes_[0].status.message()), HasSubstr(words));
    EXPECT_TRUE(outcomes_[0].wrapped.empty());
    EXPECT_TRUE(data_key_.expired()) << "the data key is kept after the end";
  }

  FakeKeyWrapper wrapper_;
  std::vector<Outcome> outcomes_;
  std::weak_ptr<const SecretBytes> data_key_;
};

// ---- manners of a wrapper

TEST_F(RecipientWrappingTest, AnswersInsideTheCallOrTwiceOrWithAnExceptionBehindThemAreOneOutcome) {
  for (const Manner manner : {Manner::kInside, Manner::kTwice, Manner::kAnswerAndThrow}) {
    outcomes_.clear();
    wrapper_.SetManner(manner);
    Make()->Start(wrapper_);
    ExpectWrappedOnce();
  }
}

TEST_F(RecipientWrappingTest, AnswersThatComeLaterKeepItAlive) {
  wrapper_.SetManner(Manner::kHeld);
  Make()->Start(wrapper_);
  EXPECT_TRUE(wrapper_.ReleaseOne());
  EXPECT_TRUE(outcomes_.empty()) << "one recipient is missing";
  wrapper_.Release();
  ExpectWrappedOnce();
}

TEST_F(RecipientWrappingTest, AnswersMayComeInAnyOrderAndOnAnyThread) {
  {
    FakeKeyWrapper wrapper;
    wrapper.SetManner(Manner::kOtherThread);
    Make()->Start(wrapper);
  }  // waits for the threads
  ExpectWrappedOnce();

  outcomes_.clear();
  std::vector<std::function<void()>> answers;
  ScriptedWrapper scripted([&](const std::string& name, const ScriptedWrapper::Done& done) {
    answers.push_back([=] { done(WrappedKey{name, FakeKeyWrapper::WrappedBytes("data key"), {}}); });
  });
  Make()->Start(scripted);
  answers[1]();
  answers[0]();
  ExpectWrappedOnce();
}

TEST_F(RecipientWrappingTest, AWrapperThatThrowsIsUnavailable) {
  wrapper_.SetManner(Manner::kThrow);
  Make()->Start(wrapper_);
  ExpectFailedOnce(absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable, "orders", "threw");
  EXPECT_EQ(wrapper_.wraps(), 1u) << "the others are not asked once it is over";
}

TEST_F(RecipientWrappingTest, AWrapperThatNeverAnswersIsEndedByGiveUp) {
  for (const Manner manner : {Manner::kNever, Manner::kDropped, Manner::kHeld}) {
    outcomes_.clear();
    wrapper_.SetManner(manner);
    const auto wrapping = Make();
    wrapping->Start(wrapper_);
    EXPECT_TRUE(outcomes_.empty());
    wrapping->GiveUp(absl::DeadlineExceededError("too late"));
    wrapping->GiveUp(absl::DeadlineExceededError("too late"));
    wrapper_.Release();
    ExpectFailedOnce(absl::StatusCode::kDeadlineExceeded, Reason::kKeyServiceUnavailable, "orders", "too late");
  }
}

TEST_F(RecipientWrappingTest, GiveUpNamesAKeyWhoseAnswerIsMissing) {
  wrapper_.SetManner(Manner::kHeld);
  const auto wrapping = Make();
  wrapping->Start(wrapper_);
  wrapper_.ReleaseOne();
  wrapping->GiveUp(absl::DeadlineExceededError("too late"));
  ExpectFailedOnce(absl::StatusCode::kDeadlineExceeded, Reason::kKeyServiceUnavailable, "audit", "too late");
}

TEST_F(RecipientWrappingTest, GiveUpBeforeStartAsksNobody) {
  const auto wrapping = Make();
  wrapping->GiveUp(absl::DeadlineExceededError("too late"));
  wrapping->Start(wrapper_);
  EXPECT_EQ(wrapper_.wraps(), 0u);
  EXPECT_EQ(outcomes_.size(), 1u);
}

TEST_F(RecipientWrappingTest, GiveUpAfterTheEndDoesNothing) {
  const auto wrapping = Make();
  wrapping->Start(wrapper_);
  wrapping->GiveUp(absl::DeadlineExceededError("too late"));
  ExpectWrappedOnce();
}

// An answer that comes in the middle of giving up must not make it forget the ones that never will.
TEST_F(RecipientWrappingTest, GiveUpEndsItWhateverAnswersMeanwhile) {
  for (int i = 0; i < 300; ++i) {
    std::atomic<int> outcomes{0};
    ScriptedWrapper::Done first;
    ScriptedWrapper wrapper([&](const std::string& name, const ScriptedWrapper::Done& done) {
      if (name == "orders") first = done;
    });
    const auto wrapping = RecipientWrapping::Create(
        {"orders", "audit"}, std::make_shared<const SecretBytes>(SecretBytes::CopyOf("data key")),
        [&outcomes](const Outcome& outcome) {
          EXPECT_EQ(outcome.status.code(), absl::StatusCode::kDeadlineExceeded);
          ++outcomes;
        });
    wrapping->Start(wrapper);
    std::thread answering([&] { first(WrappedKey{"orders", "bytes", {}}); });
    wrapping->GiveUp(absl::DeadlineExceededError("too late"));
    answering.join();
    ASSERT_EQ(outcomes, 1);
  }
}

TEST_F(RecipientWrappingTest, TheOutcomeIsToldWithNoLockHeld) {
  std::shared_ptr<RecipientWrapping> wrapping;
  int told = 0;
  wrapping = RecipientWrapping::Create({"orders"}, std::make_shared<const SecretBytes>(), [&](const Outcome&) {
    wrapping->GiveUp(absl::DeadlineExceededError("too late"));
    ++told;
  });
  wrapping->Start(wrapper_);
  EXPECT_EQ(told, 1);
}

// ---- failures

TEST_F(RecipientWrappingTest, TheFirstFailureEndsItAndLaterAnswersAreIgnored) {
  wrapper_.SetManner(Manner::kHeld);
  wrapper_.SetStatus("orders", absl::UnavailableError("down"));
  wrapper_.SetStatus("audit", absl::NotFoundError("gone"));
  Make()->Start(wrapper_);
  wrapper_.Release();
  ExpectFailedOnce(absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable, "orders", "down");
}

TEST_F(RecipientWrappingTest, AFailureBehindAnAnswerChangesNothing) {
  ScriptedWrapper scripted([](const std::string& name, const ScriptedWrapper::Done& done) {
    done(WrappedKey{name, FakeKeyWrapper::WrappedBytes("data key"), {}});
    if (name == "orders") done(absl::NotFoundError("after all"));
  });
  Make()->Start(scripted);
  ExpectWrappedOnce();
}

TEST_F(RecipientWrappingTest, AStatusWithoutAReasonGetsTheOneThatItsCodeMeans) {
  const std::vector<std::pair<absl::StatusCode, Reason>> expected = {
      {absl::StatusCode::kNotFound, Reason::kKeyNotFound},
      {absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable},
      {absl::StatusCode::kInvalidArgument, Reason::kKeyUnusable},
      {absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable},
      {absl::StatusCode::kDeadlineExceeded, Reason::kKeyServiceUnavailable},
      {absl::StatusCode::kInternal, Reason::kNone},
  };
  for (const auto& [code, reason] : expected) {
    outcomes_.clear();
    wrapper_.SetStatus("audit", absl::Status(code, "the words"));
    Make()->Start(wrapper_);
    ExpectFailedOnce(code, reason, "audit", "the words");
  }
}

TEST_F(RecipientWrappingTest, AReasonAndANameThatAreThereStay) {
  wrapper_.SetStatus("audit",
                     MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyUnusable, "public key \"audit\": no PEM"));
  Make()->Start(wrapper_);
  ExpectFailedOnce(absl::StatusCode::kNotFound, Reason::kKeyUnusable, "audit", "no PEM");
  EXPECT_EQ(outcomes_[0].status.message(), "public key \"audit\": no PEM");
}

TEST_F(RecipientWrappingTest, AnswersThatNoMessageCouldCarryAreRefused) {
  const auto refused = [this](WrappedKey answer, const char* words) {
    outcomes_.clear();
    ScriptedWrapper scripted([&](const std::string& name, const ScriptedWrapper::Done& done) {
      done(name == "audit" ? answer : WrappedKey{name, "bytes", {}});
    });
    Make()->Start(scripted);
    ExpectFailedOnce(absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable, "audit", words);
  };
  refused({"audit", "", {}}, "without bytes");
  refused({"other\x1b[2J", "bytes", {}}, "for \"other\\x1b[2J\"");
  refused({"audit", std::string(kMaxWrappedKeySize + 1, 'b'), {}}, "4096");
  refused({"audit", "bytes", {{"name", std::string(kMaxKeyMetadataSize, 'v')}}}, "4096");
}

}  // namespace
}  // namespace pulseal
