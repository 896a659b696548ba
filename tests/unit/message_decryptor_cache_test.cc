// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "pulseal/message_decryptor.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using std::chrono::seconds;
using testing::MadeMessage;
using testing::Seal;

class CacheTimes : public testing::DecryptorFixture {
 protected:
  size_t UnwrapsOf(const MadeMessage& message) {
    const size_t before = wrapper_->unwraps();
    static_cast<void>(Decrypt(message));
    return wrapper_->unwraps() - before;
  }
  const MadeMessage message_ = Seal("hello", {"orders"});
};

TEST_F(CacheTimes, AKeyExpiresAfterItsTtlAlsoWhereALaneHoldsIt) {
  options_.cache_ttl = seconds(100);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  for (int i = 0; i < 99; ++i) Pass(seconds(1));
  EXPECT_EQ(UnwrapsOf(message_), 0u);
  Pass(seconds(2));
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
}

TEST_F(CacheTimes, AFailureExpiresAfterItsTtl) {
  wrapper_->SetStatus("orders", absl::UnauthenticatedError("x"));
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  for (int i = 0; i < 59; ++i) Pass(seconds(1));
  EXPECT_EQ(UnwrapsOf(message_), 0u);
  Pass(seconds(2));
  EXPECT_EQ(decryptor().counters().failures_remembered, 0u);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
}

TEST_F(CacheTimes, AFailureIsForgottenWithinASecondOfANewGeneration) {
  wrapper_->SetStatus("orders", absl::NotFoundError("x"));
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  Pass(seconds(1));
  EXPECT_EQ(UnwrapsOf(message_), 0u);
  wrapper_->SetGeneration(2);
  Pass(seconds(1));
  wrapper_->SetStatus("orders", absl::OkStatus());
  EXPECT_EQ(Decrypt(message_).payload, "hello");
}

TEST_F(CacheTimes, AFailureBelongsToTheGenerationFromBeforeItsLookup) {
  wrapper_->SetGeneration(7);
  wrapper_->SetStatus("orders", absl::NotFoundError("x"));
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  Pass(seconds(1));
  EXPECT_EQ(UnwrapsOf(message_), 0u) << "the generation is still 7";

  const MadeMessage other = Seal("hello", {"audit"});
  wrapper_->SetStatus("audit", absl::NotFoundError("x"));
  wrapper_->SetBeforeCall([this](const std::string&) { wrapper_->SetGeneration(8); });
  EXPECT_EQ(UnwrapsOf(other), 1u);
  Pass(seconds(1));
  EXPECT_EQ(UnwrapsOf(other), 1u) << "the key may have come while it was looked for";
}

TEST_F(CacheTimes, ForgetDropsKeysAndFailuresAtOnce) {
  wrapper_->SetStatus("audit", absl::NotFoundError("x"));
  const MadeMessage other = Seal("hello", {"audit"});
  static_cast<void>(Decrypt(message_));
  static_cast<void>(Decrypt(other));
  decryptor().Forget();
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);
  EXPECT_EQ(decryptor().counters().failures_remembered, 0u);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  EXPECT_EQ(UnwrapsOf(other), 1u);
}

TEST_F(CacheTimes, WithATtlOfZeroEveryMessageUnwraps) {
  options_.cache_ttl = seconds(0);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  EXPECT_EQ(decryptor().counters().keys_cached, 0u);
}

TEST_F(CacheTimes, TheCacheIsBounded) {
  options_.cache_max_keys = 3;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(UnwrapsOf(Seal("hello", {absl::StrCat("k", i)})), 1u);
  EXPECT_EQ(decryptor().counters().keys_cached, 3u);
}

TEST_F(CacheTimes, AKeyInSteadyUseByALaneIsNotEvicted) {
  options_.cache_max_keys = 3;
  EXPECT_EQ(UnwrapsOf(message_), 1u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(UnwrapsOf(Seal("hello", {absl::StrCat("k", i)})), 1u);
    EXPECT_EQ(UnwrapsOf(message_), 0u) << i;
  }
}

}  // namespace
}  // namespace pulseal
