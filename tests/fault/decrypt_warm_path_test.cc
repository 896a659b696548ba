// SPDX-License-Identifier: Apache-2.0
//
// What a message of a cached key may not cost: an allocation, or a look at the clock.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/error.h"
#include "pulseal/message_decryptor.h"
#include "tests/fault/allocation_counter.h"
#include "tests/support/each_aead.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"
#include "tests/support/one_processor.h"

namespace pulseal {
namespace {

using testing::Allocations;
using testing::FakeKeyWrapper;
using testing::LetOpenSslAllocate;
using testing::LiveContextAllocations;
using testing::MadeMessage;
using testing::OneProcessor;
using testing::Seal;
using testing::ViewOf;
using Action = Decision::Action;

TEST(AllocationCounter, SeesOneOfOurs) {
  const size_t before = Allocations();
  const auto planted = std::make_unique<std::string>(100, 'x');
  EXPECT_EQ(Allocations() - before, 2u) << planted->size();
}

class DecryptWarmPath : public ::testing::TestWithParam<CipherBackend> {
 protected:
  DecryptWarmPath() {
    options_.key_wrapper = wrapper_;
    options_.cipher_backend = GetParam();
    options_.background.mode = Background::Mode::kMaintain;
    options_.background.clock = [this] {
      ++clock_reads_;
      return std::chrono::nanoseconds(0);
    };
    decryptor_ = *MessageDecryptor::Create(options_);
  }

  // Runs `call` until everything that is made once is made, then a hundred times more: allocations and clock reads of
  // those.
  template <typename Call>
  std::pair<size_t, int> CostWhenWarm(Call call) {
    for (int i = 0; i < 20; ++i) call();
    const size_t allocations = Allocations();
    const int clock_reads = clock_reads_;
    for (int i = 0; i < 100; ++i) call();
    return {Allocations() - allocations, clock_reads_ - clock_reads};
  }
  static constexpr std::pair<size_t, int> kNothing{0, 0};

  const OneProcessor one_processor_;
  std::atomic<int> clock_reads_{0};
  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  DecryptorOptions options_;
  std::unique_ptr<MessageDecryptor> decryptor_;
  char out_[64];
};

TEST_P(DecryptWarmPath, ACachedKeyCostsNothing) {
  const MadeMessage message = Seal("hello", {"orders", "audit"});
  const std::string metadata = message.metadata();
  EXPECT_EQ(CostWhenWarm([&] {
              const Decision decision = decryptor_->Decrypt(metadata, message.payload, absl::MakeSpan(out_));
              ASSERT_EQ(decision.action, Action::kDeliver) << decision.status;
            }),
            kNothing);
  EXPECT_EQ(CostWhenWarm([&] {
              const Decision decision = decryptor_->TryDecrypt(metadata, message.payload, absl::MakeSpan(out_));
              ASSERT_EQ(decision.action, Action::kDeliver) << decision.status;
            }),
            kNothing);
}

TEST_P(DecryptWarmPath, AViewCostsNothing) {
  MadeMessage message = Seal("hello", {"orders", "audit"});
  message.keys[1].metadata["version"] = std::string(200, '1');
  const ViewOf view(message);
  EXPECT_EQ(CostWhenWarm([&] {
              const Decision decision = decryptor_->Decrypt(view.view(), message.payload, absl::MakeSpan(out_));
              ASSERT_EQ(decision.action, Action::kDeliver) << decision.status;
            }),
            kNothing);
}

TEST_P(DecryptWarmPath, ManyKeysInTurnCostNothing) {
  std::vector<MadeMessage> messages;
  std::vector<std::string> metadata;
  for (int i = 0; i < 10; ++i) {
    messages.push_back(Seal("hello", {absl::StrCat("k", i)}));
    metadata.push_back(messages.back().metadata());
  }
  size_t next = 0;
  EXPECT_EQ(CostWhenWarm([&] {
              const size_t i = next++ % messages.size();
              const Decision decision = decryptor_->Decrypt(metadata[i], messages[i].payload, absl::MakeSpan(out_));
              ASSERT_EQ(decision.action, Action::kDeliver) << decision.status;
            }),
            kNothing);
}

TEST_P(DecryptWarmPath, AKnownFailureCostsNothing) {
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  const MadeMessage message = Seal("hello", {"nobody"});
  const std::string metadata = message.metadata();
  EXPECT_EQ(CostWhenWarm([&] {
              const Decision decision = decryptor_->Decrypt(metadata, message.payload, absl::MakeSpan(out_));
              ASSERT_EQ(decision.reason, Reason::kKeyNotFound);
            }),
            kNothing);
}

TEST_P(DecryptWarmPath, KnownFailuresOfSeveralWrappedKeysCostNothing) {
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  wrapper_->SetStatus("orders", absl::UnauthenticatedError("x"));
  const MadeMessage message = Seal("hello", {"nobody", "orders"});
  const std::string metadata = message.metadata();
  EXPECT_EQ(CostWhenWarm([&] {
              const Decision decision = decryptor_->Decrypt(metadata, message.payload, absl::MakeSpan(out_));
              ASSERT_EQ(decision.reason, Reason::kUnwrapFailed);
            }),
            kNothing);
}

TEST_P(DecryptWarmPath, AForgedPayloadCostsNothing) {
  MadeMessage message = Seal("hello", {"orders"});
  const std::string metadata = message.metadata();
  static_cast<void>(decryptor_->Decrypt(metadata, message.payload, absl::MakeSpan(out_)));
  message.payload[0] ^= 1;
  EXPECT_EQ(CostWhenWarm([&] {
              const Decision decision = decryptor_->Decrypt(metadata, message.payload, absl::MakeSpan(out_));
              ASSERT_EQ(decision.reason, Reason::kAuthenticationFailed);
            }),
            kNothing);
}

TEST_P(DecryptWarmPath, AFailingCipherIsNotNowWhateverTheAction) {
  if (GetParam() != CipherBackend::kOpenSsl) GTEST_SKIP() << "only OpenSSL's can fail";
  options_.failure_action = ConsumerCryptoFailureAction::kDiscard;
  decryptor_ = *MessageDecryptor::Create(options_);
  const MadeMessage message = Seal("hello", {"orders"});
  const std::string metadata = message.metadata();
  LetOpenSslAllocate(false);
  const Decision decision = decryptor_->Decrypt(metadata, message.payload, absl::MakeSpan(out_));
  LetOpenSslAllocate(true);
  EXPECT_EQ(decision.action, Action::kFail);
  EXPECT_EQ(decision.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(decision.reason, Reason::kNone);
  EXPECT_EQ(ReasonOf(decision.status), Reason::kNone);
  EXPECT_TRUE(decision.worth_asking_again);
  EXPECT_EQ(decryptor_->counters().internal, 1u);
  EXPECT_EQ(decryptor_->Decrypt(metadata, message.payload, absl::MakeSpan(out_)).payload, "hello");
}

// None may be left of a key that the cache has let go.
TEST_P(DecryptWarmPath, ForgetLeavesNoKeyedContextInAnyLane) {
  const MadeMessage message = Seal("hello", {"orders"});
  const std::string metadata = message.metadata();
  const auto before = LiveContextAllocations();
  ASSERT_EQ(decryptor_->Decrypt(metadata, message.payload, absl::MakeSpan(out_)).action, Action::kDeliver);
  ASSERT_GT(LiveContextAllocations(), before);
  decryptor_->Forget();
  EXPECT_EQ(LiveContextAllocations(), before);
}

TEST_P(DecryptWarmPath, ALaneInUseLetsGoOfAnEvictedKeyWithItsNextMessage) {
  options_.cache_max_keys = 1;
  decryptor_ = *MessageDecryptor::Create(options_);
  const auto decrypt = [this](const char* name) {
    const MadeMessage message = Seal("hello", {name});
    ASSERT_EQ(decryptor_->Decrypt(message.metadata(), message.payload, absl::MakeSpan(out_)).action, Action::kDeliver);
  };
  decrypt("first");
  const auto with_one_key = LiveContextAllocations();
  decrypt("second");
  EXPECT_GT(LiveContextAllocations(), with_one_key);
  decrypt("second");
  EXPECT_EQ(LiveContextAllocations(), with_one_key);
}

TEST_P(DecryptWarmPath, PlaintextCostsNothing) {
  const std::string metadata = MadeMessage().metadata();
  EXPECT_EQ(CostWhenWarm([&] {
              const Decision decision = decryptor_->Decrypt(metadata, "hello", absl::Span<char>());
              ASSERT_EQ(decision.action, Action::kDeliver);
            }),
            kNothing);
}

INSTANTIATE_TEST_SUITE_P(, DecryptWarmPath, testing::EachAead(), testing::AeadName);

}  // namespace
}  // namespace pulseal
