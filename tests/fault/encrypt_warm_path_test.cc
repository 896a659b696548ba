// SPDX-License-Identifier: Apache-2.0
//
// What a message under a data key in use may not cost: an allocation, or a look at the clock.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "pulseal/message_encryptor.h"
#include "tests/fault/allocation_counter.h"
#include "tests/support/each_aead.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/one_processor.h"

namespace pulseal {
namespace {

using testing::Allocations;
using testing::FakeKeyWrapper;
using testing::LiveContextAllocations;
using testing::OneProcessor;

class EncryptWarmPath : public ::testing::TestWithParam<CipherBackend> {
 protected:
  EncryptWarmPath() {
    options_.key_names = {"orders", "audit"};
    options_.key_wrapper = std::make_shared<FakeKeyWrapper>();
    options_.cipher_backend = GetParam();
    options_.background.mode = Background::Mode::kMaintain;
    options_.background.clock = [this] {
      ++clock_reads_;
      return std::chrono::nanoseconds(0);
    };
    encryptor_ = *MessageEncryptor::Create(options_);
  }

  // Fewer messages than a block of the budget, so that none is drawn in between.
  template <typename Call>
  void ExpectNoCostWhenWarm(Call call) {
    for (int i = 0; i < 20; ++i) call();
    const size_t allocations = Allocations();
    const int clock_reads = clock_reads_;
    for (int i = 0; i < 100; ++i) call();
    EXPECT_EQ(Allocations() - allocations, 0u);
    EXPECT_EQ(clock_reads_ - clock_reads, 0);
  }

  const OneProcessor one_processor_;
  std::atomic<int> clock_reads_{0};
  EncryptorOptions options_;
  std::unique_ptr<MessageEncryptor> encryptor_;
  char out_[64], fields_[1024];
};

TEST_P(EncryptWarmPath, AMessageInBuffersOfTheCallersCostsNothing) {
  ExpectNoCostWhenWarm([&] {
    const auto sealed = encryptor_->Encrypt("hello", absl::MakeSpan(out_), absl::MakeSpan(fields_));
    ASSERT_TRUE(sealed.ok()) << sealed.status();
  });
}

TEST_P(EncryptWarmPath, AMessageInStringsThatAreLargeEnoughCostsNothing) {
  std::string out, fields;
  ExpectNoCostWhenWarm([&] { ASSERT_TRUE(encryptor_->Encrypt("hello", &out, &fields).ok()); });
}

TEST_P(EncryptWarmPath, ARefusedMessageCostsNoAllocation) {
  options_.rotation.messages = options_.rotation.hard_messages = 1;
  const auto wrapper = std::make_shared<FakeKeyWrapper>();
  options_.key_wrapper = wrapper;
  encryptor_ = *MessageEncryptor::Create(options_);
  const auto encrypt = [this] {
    return encryptor_->Encrypt("hello", absl::MakeSpan(out_), absl::MakeSpan(fields_)).status().code();
  };
  const auto expect_free_refusals = [&] {
    for (int i = 0; i < 20; ++i) encrypt();
    const size_t allocations = Allocations();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(encrypt(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(Allocations() - allocations, 0u);
  };
  ASSERT_EQ(encrypt(), absl::StatusCode::kOk);
  expect_free_refusals();  // the next key is being made
  wrapper->SetStatus("audit", absl::UnavailableError("down"));
  encryptor_->Maintain();
  expect_free_refusals();  // it could not be made
}

// A lane that nobody uses again would keep a retired key's context, and the key in it, for as long as the encryptor.
TEST_P(EncryptWarmPath, ARetiredKeyLeavesTheLanes) {
  const auto send = [this] {
    ASSERT_TRUE(encryptor_->Encrypt("hello", absl::MakeSpan(out_), absl::MakeSpan(fields_)).ok());
  };
  send();
  ASSERT_TRUE(encryptor_->Rotate().ok());
  send();
  const auto with_a_context = LiveContextAllocations();
  ASSERT_TRUE(encryptor_->Rotate().ok());
  EXPECT_LT(LiveContextAllocations(), with_a_context);
}

INSTANTIATE_TEST_SUITE_P(, EncryptWarmPath, testing::EachAead(), testing::AeadName);

}  // namespace
}  // namespace pulseal
