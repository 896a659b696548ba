// SPDX-License-Identifier: Apache-2.0
//
// One consumer and whatever comes to it, one thing after the other: each message gets a decision that the header allows,
// nothing is written outside `out` and no plaintext is left there without a delivery, memory and cost stay within the
// options' limits, the counters tell what happened, and a good message still decrypts.
//
// Input: one byte of options, then steps (fuzz_steps.h).
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pulseal/message_decryptor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_steps.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using Action = Decision::Action;
using std::chrono::seconds;
using testing::FakeKeyWrapper;

// What a step does, by the lowest three bits of `how`.
enum class Deed { kDecrypt, kDecryptToString, kTryDecrypt, kResolve, kGoOn, kForget, kChangeKeys, kGoodMessage };

// What a call of Resolve came to.
enum class Answer { kNone, kKey, kTooMany, kUnresolvable };

class Consumer {
 public:
  explicit Consumer(uint8_t bits) : options_(OptionsFrom(bits)), decryptor_(*MessageDecryptor::Create(options_)) {
    wrapper_->SetOperations(bits & 64 ? 3 : 1);
    wrapper_->SetStatus("b", absl::NotFoundError("not held"));
    wrapper_->SetStatus("c", absl::UnavailableError("not now"));
    wrapper_->SetStatus("d", absl::UnauthenticatedError("forged"));
    wrapper_->SetStatus("e", absl::FailedPreconditionError("no such key type"));
    wrapper_->SetStatus("f", absl::ResourceExhaustedError("too dear"));
    wrapper_->SetStatus("g", absl::InternalError("out of memory"));
  }

  void Take(const FuzzStep& step) {
    const auto deed = static_cast<Deed>(step.how & 7);
    switch (deed) {
      case Deed::kGoOn: GoOn(seconds(step.metadata.size()), seconds(step.payload.size())); break;
      case Deed::kForget: decryptor_->Forget(); break;
      case Deed::kChangeKeys: ChangeKeys(static_cast<FakeKeyWrapper::Manner>(step.how >> 3 & 7)); break;
      case Deed::kGoodMessage: (void)DecryptGoodMessage(); break;
      default: TakeMessage(deed, step);
    }
    CheckLimits();
  }

  void End() {
    ChangeKeys(FakeKeyWrapper::Manner::kInside);
    GoOn(seconds(10), seconds(0));  // longer than any debt or failure lasts
    CheckResolves();
    FUZZ_CHECK(DecryptGoodMessage().action == Action::kDeliver);
    CheckLimits();
    CheckCounters();
  }

 private:
  struct Message {
    std::string metadata, payload, plaintext;
    bool is_sealed;
  };

  DecryptorOptions OptionsFrom(uint8_t bits) const {
    DecryptorOptions options;
    options.key_wrapper = wrapper_;
    options.background.mode = Background::Mode::kMaintain;
    options.background.clock = [now = now_] { return *now; };
    options.failure_action = static_cast<ConsumerCryptoFailureAction>(bits % 4 % 3);
    options.require_encryption = bits & 4;
    options.deliver_whole_batch = bits & 8;
    options.apply_action_when_unavailable = bits & 16;
    options.require_256_bit_data_keys = bits & 32;
    options.cache_ttl = seconds(bits & 128 ? 0 : 20);
    options.failure_ttl = seconds(5);
    options.key_timeout = seconds(1);
    options.max_wrapped_keys = 8;
    options.max_private_key_operations = 3;
    options.unwraps_per_second = 4;
    options.cache_max_keys = 2;
    options.cache_max_failures = 8;
    options.max_pending = 3;
    return options;
  }

  // Wrapped keys asked for: what the budget had at first, what time brought, and what may be owed.
  int64_t most_questions() const {
    const int64_t per_second = options_.unwraps_per_second;
    const int dearest_message = options_.max_wrapped_keys + options_.max_private_key_operations;
    return per_second * (1 + passed_.count()) + per_second + dearest_message;
  }

  bool is_silent() const {
    return manner_ == FakeKeyWrapper::Manner::kHeld || manner_ == FakeKeyWrapper::Manner::kNever ||
           manner_ == FakeKeyWrapper::Manner::kDropped;
  }

  // The clock may go back, too.
  void GoOn(seconds forward, seconds back) {
    *now_ += forward;
    passed_ += forward;
    wrapper_->Release();
    for (int i = 0; i < 3; ++i) decryptor_->Maintain();
    FUZZ_CHECK(unanswered() <= options_.max_pending);
    *now_ -= std::min<std::chrono::nanoseconds>(back, *now_);
  }

  // Whoever waited for the old ones has waited long enough.
  void ChangeKeys(FakeKeyWrapper::Manner manner) {
    GoOn(seconds(2), seconds(0));
    if (manner == FakeKeyWrapper::Manner::kOtherThread) manner = FakeKeyWrapper::Manner::kInside;
    manner_ = manner;
    wrapper_->SetManner(manner);
    wrapper_->SetGeneration(++generation_);
  }

  // `how` & 8: the payload is plaintext, to be sealed by somebody who knows the data key, as all do who have a public key.
  Message MessageOf(const FuzzStep& step) const {
    Message message = {std::string(step.metadata), std::string(step.payload), {}, false};
    std::optional<std::string> sealed;
    if ((step.how & 8) != 0) sealed = testing::SealPayloadFor(message.metadata, message.payload);
    if (!sealed.has_value()) return message;
    message.plaintext = std::exchange(message.payload, *std::move(sealed));
    message.is_sealed = true;
    return message;
  }

  // `how` & 16: with too little room for the plaintext.
  void TakeMessage(Deed deed, const FuzzStep& step) {
    const Message message = MessageOf(step);
    const size_t plaintext_size = message.payload.size() - std::min(message.payload.size(), kTagSize);
    const bool is_small = plaintext_size > 0 && (step.how & 16) != 0;
    if (is_silent() && deed != Deed::kResolve) deed = Deed::kTryDecrypt;
    if (deed == Deed::kResolve) return Resolve(message);
    if (deed == Deed::kDecryptToString) return DecryptToString(message);
    Decrypt(message, plaintext_size - (is_small ? 1 : 0), is_small, [&](absl::Span<char> out) {
      return deed == Deed::kDecrypt ? decryptor_->Decrypt(message.metadata, message.payload, out)
                                    : decryptor_->TryDecrypt(message.metadata, message.payload, out);
    });
  }

  template <typename Call>
  void Decrypt(const Message& message, size_t room, bool is_small, const Call& call) {
    std::string out(room + 1, '?');  // one byte more, which must stay as it is
    const uint64_t unwraps = decryptor_->counters().unwraps;
    const Decision decision = call(absl::Span<char>(&out[0], room));
    FUZZ_CHECK(decryptor_->counters().unwraps - unwraps <= static_cast<uint64_t>(options_.max_private_key_operations));
    FUZZ_CHECK(out.back() == '?');
    out.pop_back();
    FUZZ_CHECK(decision.reason != Reason::kMisuse || is_small);
    CheckDecision(decision, message, out);
  }

  void DecryptToString(const Message& message) {
    std::string out = "what was there before";
    const Decision decision = decryptor_->Decrypt(message.metadata, message.payload, &out);
    FUZZ_CHECK(out.size() == (IsPlaintext(decision) ? decision.payload.size() : 0));
    CheckDecision(decision, message, out);
  }

  void Resolve(const Message& message) {
    const auto kept = std::make_shared<const Message>(message);
    const size_t call = resolves_.size();
    resolves_.push_back(Answer::kNone);
    resolve_log_.push_back(call);
    decryptor_->Resolve(kept->metadata, [this, kept, call](const absl::StatusOr<ResolvedKey>& key) {
      FUZZ_CHECK(resolves_[call] == Answer::kNone);
      resolves_[call] = AnswerOf(key.status());
      resolve_log_.push_back(call);
      if (!key.ok()) return;
      const size_t room = kept->payload.size() - std::min(kept->payload.size(), kTagSize);
      Decrypt(*kept, room, false, [&](absl::Span<char> out) {
        const Decision decision = decryptor_->TryDecrypt(*key, kept->metadata, kept->payload, out);
        FUZZ_CHECK(decision.action != Action::kPending);
        return decision;
      });
    });
    FUZZ_CHECK(resolves_[call] == Answer::kNone);
  }

  static Answer AnswerOf(const absl::Status& status) {
    if (status.ok()) return Answer::kKey;
    if (absl::IsResourceExhausted(status) && ReasonOf(status) == Reason::kLimitReached) return Answer::kTooMany;
    FUZZ_CHECK(absl::IsInvalidArgument(status));
    return Answer::kUnresolvable;
  }

  // What a call of Resolve that waits counts against max_pending from its beginning to its answer; one is refused where so
  // many wait, and only there. Each call is in the log twice.
  void CheckResolves() const {
    std::vector<bool> has_begun(resolves_.size());
    size_t waiting = 0;
    for (const size_t call : resolve_log_) {
      FUZZ_CHECK(resolves_[call] != Answer::kNone);
      const bool begins = !has_begun[call];
      has_begun[call] = true;
      if (resolves_[call] == Answer::kUnresolvable) continue;
      if (begins) FUZZ_CHECK((resolves_[call] == Answer::kTooMany) == (waiting == options_.max_pending));
      if (resolves_[call] == Answer::kKey) begins ? ++waiting : --waiting;
    }
    FUZZ_CHECK(waiting == 0);
  }

  size_t unanswered() const {
    return static_cast<size_t>(std::count(resolves_.begin(), resolves_.end(), Answer::kNone));
  }

  static bool IsPlaintext(const Decision& decision) {
    return decision.action == Action::kDeliver && decision.was_encrypted;
  }

  void CheckDecision(const Decision& decision, const Message& message, std::string_view out) {
    Count(decision);
    FUZZ_CHECK(decision.num_messages >= 1);
    FUZZ_CHECK(decision.status.ok() == (decision.action == Action::kDeliver));
    FUZZ_CHECK(ReasonOf(decision.status) == decision.reason);
    FUZZ_CHECK(IsPlain({decision.status.message().data(), decision.status.message().size()}));
    FUZZ_CHECK(IsInside(decision.key_name, message.metadata));
    FUZZ_CHECK(decision.reason != Reason::kForked);
    if (IsPlaintext(decision)) {
      FUZZ_CHECK(IsInside(decision.payload, out) && decision.payload.size() == message.payload.size() - kTagSize);
      FUZZ_CHECK(!message.is_sealed || decision.payload == message.plaintext);
      return;
    }
    FUZZ_CHECK(std::all_of(out.begin(), out.end(), [](char c) { return c == '?' || c == '\0'; }));
    const bool is_delivered = decision.action == Action::kDeliver || decision.action == Action::kDeliverEncrypted;
    FUZZ_CHECK(decision.payload.data() == (is_delivered ? message.payload.data() : nullptr));
    FUZZ_CHECK(decision.payload.size() == (is_delivered ? message.payload.size() : 0));
  }

  // Whatever came before it, it is decrypted or asks for patience.
  Decision DecryptGoodMessage() {
    static const Message& good = *new Message(GoodMessage());
    Decision decision;
    if (is_silent()) return decision;
    Decrypt(good, good.plaintext.size(), false,
            [&](absl::Span<char> out) { return decision = decryptor_->Decrypt(good.metadata, good.payload, out); });
    FUZZ_CHECK(decision.action == Action::kDeliver || decision.worth_asking_again);
    return decision;
  }

  static Message GoodMessage() {
    const testing::MadeMessage made = testing::Seal("a good message", {"b", "good"});
    return {made.metadata(), made.payload, "a good message", true};
  }

  void Count(const Decision& decision) {
    ++by_action_[static_cast<size_t>(decision.action)];
    if (decision.action == Action::kDeliver) ++(decision.was_encrypted ? decrypted_ : plain_);
    if (decision.action == Action::kDeliver || decision.action == Action::kPending) return;
    ++by_reason_[static_cast<size_t>(decision.reason)];
  }

  void CheckLimits() {
    const DecryptorCounters counters = decryptor_->counters();
    FUZZ_CHECK(counters.keys_cached <= options_.cache_max_keys);
    FUZZ_CHECK(counters.failures_remembered <= options_.cache_max_failures);
    FUZZ_CHECK(static_cast<int64_t>(wrapper_->unwraps()) <= most_questions());
    FUZZ_CHECK(counters.unwraps <= wrapper_->unwraps() * static_cast<uint64_t>(options_.max_private_key_operations));
  }

  void CheckCounters() const {
    const DecryptorCounters counters = decryptor_->counters();
    const auto actions = [this](Action action) { return by_action_[static_cast<size_t>(action)]; };
    const auto reasons = [this](Reason reason) { return by_reason_[static_cast<size_t>(reason)]; };
    FUZZ_CHECK(counters.messages_decrypted == decrypted_ && counters.messages_plain == plain_);
    FUZZ_CHECK(counters.messages_delivered_encrypted == actions(Action::kDeliverEncrypted));
    FUZZ_CHECK(counters.messages_discarded == actions(Action::kDiscard));
    FUZZ_CHECK(counters.messages_failed == actions(Action::kFail));
    FUZZ_CHECK(counters.pending == actions(Action::kPending));
    FUZZ_CHECK(counters.key_not_found == reasons(Reason::kKeyNotFound));
    FUZZ_CHECK(counters.key_unusable == reasons(Reason::kKeyUnusable));
    FUZZ_CHECK(counters.key_unavailable == reasons(Reason::kKeyServiceUnavailable));
    FUZZ_CHECK(counters.unwrap_failed == reasons(Reason::kUnwrapFailed));
    FUZZ_CHECK(counters.authentication_failed == reasons(Reason::kAuthenticationFailed));
    FUZZ_CHECK(counters.malformed == reasons(Reason::kMalformed));
    FUZZ_CHECK(counters.limit_reached == reasons(Reason::kLimitReached));
    FUZZ_CHECK(counters.not_encrypted == reasons(Reason::kNotEncrypted));
    FUZZ_CHECK(counters.internal == reasons(Reason::kNone));
  }

  const std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  const std::shared_ptr<std::chrono::nanoseconds> now_ = std::make_shared<std::chrono::nanoseconds>(0);
  const DecryptorOptions options_;
  const std::unique_ptr<MessageDecryptor> decryptor_;
  FakeKeyWrapper::Manner manner_ = FakeKeyWrapper::Manner::kInside;
  uint64_t generation_ = 0;
  seconds passed_{0};                // forwards
  std::vector<Answer> resolves_;     // of each call
  std::vector<size_t> resolve_log_;  // the calls as they began and were answered
  uint64_t decrypted_ = 0, plain_ = 0;
  std::array<uint64_t, 16> by_action_{}, by_reason_{};
};

}  // namespace
}  // namespace pulseal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  pulseal::Consumer consumer(data[0]);
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (pulseal::FuzzStep step; pulseal::TakeFuzzStep(&rest, &step);) consumer.Take(step);
  consumer.End();
  return 0;
}
