// SPDX-License-Identifier: Apache-2.0
//
// Every order of the steps in the life of a data key at a consumer, five named steps at a time, each as often as it
// comes: lookups that are asked for, begun, joined, answered in any order and timed out; a key that is evicted,
// forgotten, expired, revoked, and brought back; destruction. After each step what the decryptor knows is looked at; at
// the end everything is let run, and the message must be delivered.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pulseal/message_decryptor.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"
#include "tests/support/manual_background.h"
#include "tests/support/shares.h"

namespace pulseal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::FakeKeyWrapper;
using testing::kShares;
using testing::kStride;
using testing::MadeMessage;
using testing::ManualBackground;
using testing::Seal;
using Action = Decision::Action;
using Manner = FakeKeyWrapper::Manner;

constexpr seconds kKeyTimeout{5}, kFailureTtl{20}, kKeyTtl{100};

enum class Step {
  kAsk,           // Resolve, in the background at once
  kAskLater,      // the same, left to kRun
  kRun,           // what is due in the background
  kAnswer,        // of the key service, the oldest that it owes
  kAnswerNewest,  // the newest
  kOpen,          // the message, with what Resolve brought, or else with what is in the cache
  kEvict,         // by another message's key
  kForget,
  kRevoke,   // the key service refuses from now on
  kRestore,  // it has the key again, and a new generation
  kTimeout,  // the time that a lookup may take
  kExpire,   // the time that a key is kept, and a failure is not
  kDestroy
};
constexpr std::array kNameOf = {"ask",    "ask-later", "run",     "answer",  "answer-newest", "open",   "evict",
                                "forget", "revoke",    "restore", "timeout", "expire",        "destroy"};
constexpr size_t kStepsAtATime = 5;

struct Sent {
  std::string metadata, payload;
};

const Sent& Genuine() {
  static const Sent& sent = []() -> const Sent& {
    const MadeMessage message = Seal("hello", {"orders"});
    return *new Sent{message.metadata(), message.payload};
  }();
  return sent;
}

const Sent& Forged() {
  static const Sent& sent = []() -> const Sent& {
    auto* forged = new Sent(Genuine());
    forged->payload[0] = static_cast<char>(forged->payload[0] ^ 1);
    return *forged;
  }();
  return sent;
}

class World {
 public:
  World() {
    DecryptorOptions options;
    options.key_wrapper = wrapper_;
    options.cache_max_keys = 1;
    options.max_wrapped_keys = 1;
    options.cache_max_failures = 1;
    options.cache_ttl = kKeyTtl;
    options.failure_ttl = kFailureTtl;
    options.key_timeout = kKeyTimeout;
    options.unwraps_per_second = 1000000;
    options.background = background_.options();
    options.cipher_backend = CipherBackend::kOpenSsl;
    options.on_event = [this](const CryptoEvent&) { MustBeAlive("event"); };
    decryptor_ = *MessageDecryptor::Create(std::move(options));
    wrapper_->SetManner(Manner::kHeld);
    wrapper_->SetBeforeCall([this](const std::string& name) {
      if (name == "orders") Asked();
    });
    Do(Step::kAsk);
  }

  void Do(Step step) {
    const bool runs = step == Step::kAsk || step == Step::kRun;
    switch (step) {
      case Step::kAsk: Ask(); break;
      case Step::kAskLater: Ask(); break;
      case Step::kRun: break;
      case Step::kAnswer: Answer(0); break;
      case Step::kAnswerNewest: Answer(owed_.empty() ? 0 : owed_.size() - 1); break;
      case Step::kOpen: Open(); break;
      case Step::kEvict: Evict(); break;
      case Step::kForget: Forget(); break;
      case Step::kRevoke: Revoke(); break;
      case Step::kRestore: Restore(); break;
      case Step::kTimeout: background_.SetNow(background_.now() + kKeyTimeout); break;
      case Step::kExpire: background_.SetNow(background_.now() + kKeyTtl); break;
      case Step::kDestroy: decryptor_.reset(); break;
    }
    if (runs) background_.RunDue();
    if (decryptor_ != nullptr) Look(runs);
  }

  void Settle() {
    Do(Step::kRestore);
    Do(Step::kRun);
    while (!owed_.empty()) Do(Step::kAnswerNewest);
    Do(Step::kRun);
    Do(Step::kExpire);
    Do(Step::kRun);
    if (decryptor_ != nullptr) {
      EXPECT_EQ(Knows(), Known::kNothing) << "something lives for ever";
      EXPECT_EQ(asked_, answered_) << "a Resolve was never answered";
      const uint64_t before = delivered_;
      for (const Step step : {Step::kAsk, Step::kAnswer, Step::kRun, Step::kOpen}) Do(step);
      EXPECT_EQ(delivered_, before + 1) << "not well again";
      EXPECT_EQ(Knows(), Known::kKey) << "not kept";
    }
    Do(Step::kDestroy);
    EXPECT_EQ(background_.RunDue(), 0u);
    background_.DropAll();
    resolved_.reset();
    EXPECT_EQ(wrapper_.use_count(), 1) << "somebody keeps the wrapper alive";
  }

 private:
  enum class Known { kNothing, kKey, kFailure };

  // Until when something must be known, and from when on it must not be. Zero: it isn't, at all.
  struct Span {
    nanoseconds at_least{0}, at_most{0};
  };

  // What the key service hasn't answered yet.
  struct Owed {
    int number;
    int forgets;
    bool is_revoked;
    bool is_current;  // surely asked for after the last Forget
  };

  void MustBeAlive(const char* what) { EXPECT_NE(decryptor_, nullptr) << what << " after destruction"; }

  void Ask() {
    if (decryptor_ == nullptr) return;
    ++asked_;
    decryptor_->Resolve(Genuine().metadata, [this, forgets = forgets_](absl::StatusOr<ResolvedKey> answer) {
      MustBeAlive("Resolve's answer");
      ++answered_;
      if (forgets == forgets_) under_way_.reset();
      if (forgets != forgets_) --asked_before_forget_;
      ASSERT_TRUE(answer.ok()) << answer.status();
      resolved_ = *std::move(answer);
      resolved_after_ = forgets;
      const bool is_key = Try(Forged(), &*resolved_).reason == Reason::kAuthenticationFailed;
      EXPECT_TRUE(!is_key || brought_after_ >= forgets) << "a key from before a Forget that came before the Resolve";
    });
  }

  // The key service is asked.
  void Asked() {
    MustBeAlive("unwrap");
    EXPECT_EQ(Knows(), Known::kNothing) << "asked for what is known";
    // Whatever was asked for before a Forget goes its own way.
    EXPECT_TRUE(!under_way_.has_value() || asked_before_forget_ > 0) << "two lookups at a time";
    under_way_ = ++calls_;
    owed_.push_back({calls_, forgets_, is_revoked_, asked_before_forget_ == 0});
  }

  void Answer(size_t which) {
    if (owed_.empty()) return;
    const Owed owed = owed_[which];
    owed_.erase(owed_.begin() + static_cast<std::ptrdiff_t>(which));
    wrapper_->ReleaseOne(which);
    if (decryptor_ == nullptr) return;
    ++unwraps_;
    const bool is_waited_for = under_way_ == owed.number;
    if (is_waited_for) under_way_.reset();
    if (!owed.is_revoked) brought_after_ = std::max(brought_after_, owed.forgets);
    if (owed.forgets != forgets_) return;
    // A lookup that has timed out learns nothing of a failure any more, but keeps a key for whoever asks next.
    const bool is_learnt = is_waited_for || !owed.is_revoked;
    const nanoseconds until = background_.now() + kFailureTtl;
    Span& learnt = owed.is_revoked ? failure_ : key_;
    if (is_learnt || !owed.is_current) learnt.at_most = std::max(learnt.at_most, until);
    if (is_learnt && owed.is_current) learnt.at_least = std::max(learnt.at_least, until);
  }

  void Open() {
    if (decryptor_ == nullptr) return;
    const uint64_t cached_before = decryptor_->counters().keys_cached;
    const bool was_known = Knows() == Known::kKey;
    const bool is_delivered = Try(Genuine(), resolved_.has_value() ? &*resolved_ : nullptr).action == Action::kDeliver;
    EXPECT_TRUE(resolved_.has_value() || is_delivered == was_known);
    if (!is_delivered || Knows() != Known::kKey) return;
    const nanoseconds until = background_.now() + kKeyTtl;
    EXPECT_TRUE(was_known || resolved_after_ == forgets_) << "a key is kept that was forgotten";
    key_.at_most = until;
    if (cached_before == 0) key_.at_least = until;
  }

  void Evict() {
    if (decryptor_ == nullptr) return;
    wrapper_->SetManner(Manner::kInside);
    const MadeMessage other = Seal("other", {"other" + std::to_string(++others_)});
    std::string out;
    EXPECT_EQ(Count(decryptor_->Decrypt(other.metadata(), other.payload, &out)).action, Action::kDeliver);
    wrapper_->SetManner(Manner::kHeld);
    ++unwraps_;
    key_ = Span();
  }

  void Forget() {
    if (decryptor_ == nullptr) return;
    decryptor_->Forget();
    ++forgets_;
    asked_before_forget_ = asked_ - answered_;
    under_way_.reset();
    key_ = failure_ = Span();
    EXPECT_EQ(Knows(), Known::kNothing);
  }

  void Revoke() {
    wrapper_->SetStatus("orders", absl::UnauthenticatedError("revoked"));
    is_revoked_ = true;
  }

  void Restore() {
    is_revoked_ = false;
    wrapper_->SetStatus("orders", absl::OkStatus());
    wrapper_->SetGeneration(++generation_);
    failure_.at_least = nanoseconds(0);
  }

  Decision Count(Decision decision) {
    switch (decision.action) {
      case Action::kDeliver: ++delivered_; break;
      case Action::kPending: ++pending_; break;
      default: ++failed_;
    }
    return decision;
  }

  Decision Try(const Sent& message, const ResolvedKey* key) {
    const absl::Span<char> out = absl::MakeSpan(out_);
    return Count(key == nullptr ? decryptor_->TryDecrypt(message.metadata, message.payload, out)
                                : decryptor_->TryDecrypt(*key, message.metadata, message.payload, out));
  }

  // By a forged message, which changes nothing.
  Known Knows() {
    const Decision decision = Try(Forged(), nullptr);
    if (decision.action == Action::kPending) return Known::kNothing;
    return decision.reason == Reason::kAuthenticationFailed ? Known::kKey : Known::kFailure;
  }

  // What is known must be known for a reason, and nothing is lost without one.
  void Look(bool has_run) {
    const Known known = Knows();
    const nanoseconds now = background_.now();
    const nanoseconds due = has_run ? now : nanoseconds(0);
    EXPECT_TRUE(known == Known::kKey || now >= key_.at_least) << "a key is lost";
    EXPECT_TRUE(known != Known::kNothing || now >= failure_.at_least) << "a failure is lost";
    EXPECT_TRUE(known != Known::kKey || due < key_.at_most) << "a key too much";
    EXPECT_TRUE(known != Known::kFailure || due < failure_.at_most) << "a failure too much";

    const DecryptorCounters counters = decryptor_->counters();
    EXPECT_EQ(counters.messages_decrypted, delivered_);
    EXPECT_EQ(counters.messages_failed, failed_);
    EXPECT_EQ(counters.pending, pending_);
    EXPECT_EQ(counters.unwraps, unwraps_);
    EXPECT_LE(counters.keys_cached, 1u);
    EXPECT_LE(counters.failures_remembered, 1u);
  }

  std::array<char, 5> out_{};
  ManualBackground background_;
  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  std::unique_ptr<MessageDecryptor> decryptor_;
  std::optional<ResolvedKey> resolved_;  // the last answer of Resolve
  int resolved_after_ = 0;               // so many Forgets it was asked for
  int brought_after_ = -1;               // so many Forgets the key service was asked for the newest key that came
  std::vector<Owed> owed_;
  std::optional<int> under_way_;  // the call that whoever asks now waits for
  Span key_, failure_;
  bool is_revoked_ = false;
  int calls_ = 0, forgets_ = 0, others_ = 0, asked_ = 0, answered_ = 0, asked_before_forget_ = 0;
  uint64_t generation_ = 0, delivered_ = 0, failed_ = 0, pending_ = 0, unwraps_ = 0;
};

// The digits of `number` to the base of how many steps there are.
std::array<Step, kStepsAtATime> OrderOf(size_t number) {
  std::array<Step, kStepsAtATime> order;
  for (Step& step : order) {
    step = static_cast<Step>(number % kNameOf.size());
    number /= kNameOf.size();
  }
  return order;
}

class CacheInterleavings : public ::testing::TestWithParam<size_t> {};

TEST_P(CacheInterleavings, EveryOrderOfFiveStepsKeepsThePromises) {
  size_t orders = 1;
  for (size_t i = 0; i < kStepsAtATime; ++i) orders *= kNameOf.size();
  EXPECT_EQ(orders, 371293u);  // 13^5
  size_t seen = 0;
  for (size_t number = GetParam() * kStride; number < orders; number += kShares * kStride) {
    const auto order = OrderOf(number);
    World world;
    for (const Step step : order) world.Do(step);
    world.Settle();
    ++seen;
    if (!HasFailure()) continue;
    std::string names = "ask";
    for (const Step step : order) names += std::string(" ") + kNameOf[static_cast<size_t>(step)];
    FAIL() << "the order was: " << names;  // the first one that fails is enough to read
  }
  EXPECT_GE(seen, orders / kShares / kStride);
}

INSTANTIATE_TEST_SUITE_P(Share, CacheInterleavings, ::testing::Range(size_t{0}, kShares));

}  // namespace
}  // namespace pulseal
