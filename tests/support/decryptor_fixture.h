// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_DECRYPTOR_FIXTURE_H_
#define PULSEAL_TESTS_SUPPORT_DECRYPTOR_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pulseal/message_decryptor.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"

namespace pulseal::testing {

// A decryptor with a FakeKeyWrapper, a clock that the test moves, and Maintain instead of threads. Options may be
// changed until the first use.
class DecryptorFixture : public ::testing::Test {
 protected:
  DecryptorFixture() {
    options_.key_wrapper = wrapper_;
    options_.background.mode = Background::Mode::kMaintain;
    options_.background.clock = [this] { return now_; };
    options_.on_event = [this](const CryptoEvent& event) { events_.push_back(event); };
  }

  MessageDecryptor& decryptor() {
    if (decryptor_ == nullptr) decryptor_ = *MessageDecryptor::Create(options_);
    return *decryptor_;
  }

  // Each with an output of its own size, that is full of '?' before, in whichever form the test wants.
  Decision Decrypt(const MadeMessage& message) {
    Prepare(message);
    if (as_view_) return decryptor().Decrypt(ViewOf(message).view(), message.payload, absl::MakeSpan(out_));
    return decryptor().Decrypt(metadata_, message.payload, absl::MakeSpan(out_));
  }
  Decision TryDecrypt(const MadeMessage& message) {
    Prepare(message);
    if (as_view_) return decryptor().TryDecrypt(ViewOf(message).view(), message.payload, absl::MakeSpan(out_));
    return decryptor().TryDecrypt(metadata_, message.payload, absl::MakeSpan(out_));
  }
  Decision TryDecrypt(const ResolvedKey& key, const MadeMessage& message) {
    Prepare(message);
    if (as_view_) return decryptor().TryDecrypt(key, ViewOf(message).view(), message.payload, absl::MakeSpan(out_));
    return decryptor().TryDecrypt(key, metadata_, message.payload, absl::MakeSpan(out_));
  }

  // What `done` of one Resolve got, as often as it was called.
  using Answers = std::shared_ptr<std::vector<absl::StatusOr<ResolvedKey>>>;
  Answers Resolve(const MadeMessage& message) {
    auto answers = std::make_shared<std::vector<absl::StatusOr<ResolvedKey>>>();
    const auto done = [answers](absl::StatusOr<ResolvedKey> answer) { answers->push_back(std::move(answer)); };
    if (as_view_) {
      decryptor().Resolve(ViewOf(message).view(), done);
    } else {
      decryptor().Resolve(message.metadata(), done);
    }
    return answers;
  }
  ResolvedKey ResolveNow(const MadeMessage& message) {
    const Answers answers = Resolve(message);
    Maintain();
    EXPECT_EQ(answers->size(), 1u);
    EXPECT_TRUE(answers->at(0).ok()) << answers->at(0).status();
    return *answers->at(0);
  }

  // Until what is due, and what that made due, is done.
  void Maintain() {
    for (int i = 0; i < 4; ++i) decryptor().Maintain();
  }
  void Pass(std::chrono::nanoseconds time) {
    now_ += time;
    Maintain();
  }

  bool as_view_ = false;
  std::chrono::nanoseconds now_{std::chrono::hours(1)};
  std::vector<CryptoEvent> events_;
  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  DecryptorOptions options_;
  std::string metadata_, out_;
  std::unique_ptr<MessageDecryptor> decryptor_;

 private:
  void Prepare(const MadeMessage& message) {
    metadata_ = message.metadata();
    out_.assign(message.payload.size() < kTagSize ? 0 : message.payload.size() - kTagSize, '?');
  }
};

// For what must hold for serialised metadata and for a view of it: instantiated with ::testing::Bool() and FormName.
class DecryptorInBothForms : public DecryptorFixture, public ::testing::WithParamInterface<bool> {
 protected:
  DecryptorInBothForms() { as_view_ = GetParam(); }
};
inline std::string FormName(const ::testing::TestParamInfo<bool>& form) { return form.param ? "View" : "Serialized"; }

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_DECRYPTOR_FIXTURE_H_
