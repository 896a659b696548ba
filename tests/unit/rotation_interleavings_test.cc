// SPDX-License-Identifier: Apache-2.0
//
// Every order of the steps of a rotation, six named steps at a time: a soft limit, a hard age, work and answers that
// come early or late, a key service that fails, other recipients, Rotate, a pinned message, destruction. After each
// step one message is sent and looked at; at the end everything is let run, and the encryptor must be well again.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pulseal/encryption_metadata.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"
#include "tests/support/shares.h"

namespace pulseal {
namespace {

using std::chrono::seconds;
using testing::FakeKeyWrapper;
using testing::kShares;
using testing::kStride;
using testing::ManualBackground;
using Names = std::vector<std::string>;

constexpr uint64_t kSoftMessages = 4, kHardMessages = 12;
constexpr seconds kSoftAgeLimit{100}, kHardAgeLimit{200}, kTimeout{5};

enum class Step { kSoftLimit, kHardAge, kRunOne, kRunAll, kAnswer, kDown, kSetNames, kRotate, kPin, kChunk, kDestroy };
constexpr std::array kSteps = {Step::kSoftLimit, Step::kHardAge, Step::kRunOne,   Step::kRunAll,
                               Step::kAnswer,    Step::kDown,    Step::kSetNames, Step::kRotate,
                               Step::kPin,       Step::kChunk,   Step::kDestroy};
constexpr std::array kNameOf = {"soft-limit", "hard-age", "run-one", "run-all", "answer", "down",
                                "set-names",  "rotate",   "pin",     "chunk",   "destroy"};
constexpr size_t kStepsAtATime = 6;

class World {
 public:
  World() {
    EncryptorOptions options;
    options.key_names = {"orders", "audit"};
    options.key_wrapper = wrapper_;
    options.rotation.messages = kSoftMessages;
    options.rotation.hard_messages = kHardMessages;
    options.rotation.age = kSoftAgeLimit;
    options.rotation.hard_age = kHardAgeLimit;
    options.key_timeout = kTimeout;
    options.background = background_.options();
    options.on_event = [this](const CryptoEvent&) { MustBeAlive("event"); };
    encryptor_ = *MessageEncryptor::Create(std::move(options));
    wrapper_->SetManner(FakeKeyWrapper::Manner::kHeld);
    Send();
  }

  void Do(Step step) {
    switch (step) {
      case Step::kSoftLimit:
        for (uint64_t i = 0; i < kSoftMessages; ++i) Send();
        break;
      case Step::kHardAge: background_.SetNow(background_.now() + kHardAgeLimit); break;
      case Step::kRunOne: background_.RunOne(); break;
      case Step::kRunAll: background_.RunDue(); break;
      case Step::kAnswer: wrapper_->ReleaseOne(); break;
      case Step::kDown: wrapper_->SetStatus("audit", absl::UnavailableError("down")); break;
      case Step::kSetNames: SetNames(); break;
      case Step::kRotate: Rotate(); break;
      case Step::kPin: Pin(); break;
      case Step::kChunk: Chunk(); break;
      case Step::kDestroy: Destroy(); break;
    }
    Send();
  }

  void Settle() {
    wrapper_->SetStatus("audit", absl::OkStatus());
    wrapper_->SetManner(FakeKeyWrapper::Manner::kInside);
    for (int i = 0; i < 4; ++i) {
      wrapper_->Release();
      background_.Advance(kTimeout);
    }
    if (encryptor_ == nullptr) {
      EXPECT_EQ(background_.RunDue(), 0u);
      return;
    }
    EXPECT_EQ(changes_asked_, changes_answered_) << "a change was never answered";
    std::string out, fields;
    EXPECT_TRUE(encryptor_->Encrypt("x", &out, &fields).ok()) << "not well again";
    Send();
    EXPECT_GE(encryptor_->counters().rotations_failed, failures_told_);
  }

 private:
  void Destroy() {
    encryptor_.reset();
    destroyed_ = true;
  }

  void MustBeAlive(const char* what) { EXPECT_FALSE(destroyed_) << what << " after destruction"; }

  void SetNames() {
    if (encryptor_ == nullptr) return;
    ++changes_asked_;
    const Names names = {"billing"};
    possible_.insert(names);
    encryptor_->SetKeyNamesAsync(names, [this, names](const absl::Status& status) {
      MustBeAlive("SetKeyNamesAsync's answer");
      Changed(status);
      if (status.ok()) possible_ = {names};
      if (!status.ok()) possible_.erase(names);
    });
  }

  void Rotate() {
    if (encryptor_ == nullptr) return;
    ++changes_asked_;
    encryptor_->RotateAsync([this, before = messages_](const absl::Status& status) {
      MustBeAlive("RotateAsync's answer");
      Changed(status);
      if (!status.ok()) return;
      for (const auto& [key, count] : before) forbidden_.insert(key);
    });
  }

  void Changed(const absl::Status& status) {
    ++changes_answered_;
    if (!status.ok()) ++failures_told_;
  }

  void Pin() {
    if (encryptor_ == nullptr) return;
    absl::StatusOr<PinnedKey> pin = encryptor_->Pin(2);
    if (!pin.ok()) return;
    pin_ = *std::move(pin);
    pinned_.reset();
    Chunk();
  }

  void Chunk() {
    if (encryptor_ == nullptr || !pin_.has_value()) return;
    std::array<char, 32> out;
    std::string fields(pin_->fields_size(), '\0');
    const absl::StatusOr<Sealed> sealed =
        encryptor_->Encrypt(*pin_, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
    if (!sealed.ok()) return;
    const std::string key = Look(*sealed);
    EXPECT_EQ(pinned_.value_or(key), key) << "chunks of one message under two data keys";
    pinned_ = key;
  }

  void Send() {
    if (encryptor_ == nullptr) return;
    const absl::StatusOr<Sealed> sealed = encryptor_->Encrypt("message", &out_, &fields_);
    if (!sealed.ok()) {
      EXPECT_EQ(sealed.status().code(), absl::StatusCode::kUnavailable);
      return;
    }
    Look(*sealed);
  }

  // The invariants of one message; returns its data key's wrapped bytes.
  std::string Look(const Sealed& sealed) {
    const absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(sealed.fields);
    EXPECT_TRUE(context.ok());
    Names names;
    for (const WrappedKey& key : context->keys) names.push_back(key.key_name);
    EXPECT_EQ(possible_.count(names), 1u) << "recipients that nobody asked for, or no more";
    const std::string& key = context->keys[0].bytes;
    EXPECT_EQ(forbidden_.count(key), 0u) << "a data key is used after Rotate has returned";
    EXPECT_TRUE(nonces_.insert(key + context->nonce).second) << "a nonce repeats";
    EXPECT_LE(++messages_[key], kHardMessages) << "past the hard limit of messages";
    const auto first_seen = first_seen_.emplace(key, background_.now()).first->second;
    EXPECT_LT(background_.now() - first_seen, kHardAgeLimit) << "past the hard age";
    return key;
  }

  ManualBackground background_;
  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  std::unique_ptr<MessageEncryptor> encryptor_;
  std::string out_, fields_;
  std::set<Names> possible_ = {{"orders", "audit"}};
  std::set<std::string> forbidden_, nonces_;
  std::map<std::string, uint64_t> messages_;
  std::map<std::string, std::chrono::nanoseconds> first_seen_;
  std::optional<PinnedKey> pin_;
  std::optional<std::string> pinned_;
  bool destroyed_ = false;
  int changes_asked_ = 0, changes_answered_ = 0;
  uint64_t failures_told_ = 0;
};

// Calls visit with every choice of kStepsAtATime different steps, in every order.
template <typename Visitor>
size_t ForEveryOrder(Visitor visit) {
  size_t orders = 0;
  std::array<bool, kSteps.size()> chosen{};
  std::fill_n(chosen.begin(), kStepsAtATime, true);
  do {
    std::vector<Step> order;
    for (size_t i = 0; i < kSteps.size(); ++i) {
      if (chosen[i]) order.push_back(kSteps[i]);
    }
    do {
      visit(order);
      ++orders;
    } while (std::next_permutation(order.begin(), order.end()));
  } while (std::prev_permutation(chosen.begin(), chosen.end()));
  return orders;
}

class RotationInterleavings : public ::testing::TestWithParam<size_t> {};

TEST_P(RotationInterleavings, EveryOrderOfSixStepsKeepsThePromises) {
  size_t number = 0;
  const size_t orders = ForEveryOrder([&](const std::vector<Step>& order) {
    if (number++ % (kShares * kStride) != GetParam() * kStride) return;
    if (HasFailure()) return;  // the first order that fails is enough to read
    World world;
    for (const Step step : order) world.Do(step);
    world.Settle();
    if (!HasFailure()) return;
    std::string names;
    for (const Step step : order) names += std::string(" ") + kNameOf[static_cast<size_t>(step)];
    ADD_FAILURE() << "the order was:" << names;
  });
  EXPECT_EQ(orders, 332640u);  // 11! / 5!
}

INSTANTIATE_TEST_SUITE_P(Share, RotationInterleavings, ::testing::Range(size_t{0}, kShares));

}  // namespace
}  // namespace pulseal
