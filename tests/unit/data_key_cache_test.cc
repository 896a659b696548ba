// SPDX-License-Identifier: Apache-2.0
#include "lib/data_key_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace pulseal {
namespace {

using std::chrono::seconds;

class DataKeyCacheTest : public ::testing::Test {
 protected:
  static DataKeyCache::Limits SmallLimits() {
    DataKeyCache::Limits limits;
    limits.keys = 3;
    limits.failures = 4;
    limits.key_ttl = seconds(100);
    limits.failure_ttl = seconds(10);
    return limits;
  }
  std::shared_ptr<CachedKey> AddUnverified(const std::string& identity) {
    return cache_.AddUnverified(identity, SecretBytes::CopyOf("0123456789abcdef"), cache_.epoch(), now_);
  }
  std::shared_ptr<CachedKey> AddVerified(const std::string& identity) {
    std::shared_ptr<CachedKey> key = AddUnverified(identity);
    cache_.Admit(key, now_);
    return key;
  }
  void RememberFailure(const std::string& identity, Reason reason = Reason::kUnwrapFailed, uint64_t generation = 0) {
    cache_.RememberFailure(identity, MakeFailure(Outlook::kNever, absl::StatusCode::kUnauthenticated, reason, identity),
                           cache_.epoch(), generation, now_);
  }
  DataKeyCache::Known Find(std::vector<std::string_view> identities) { return cache_.Find(identities); }

  std::chrono::nanoseconds now_{0};
  DataKeyCache cache_{SmallLimits(), 2};
};

TEST_F(DataKeyCacheTest, FindsUnverifiedAndVerifiedKeys) {
  const auto key = AddUnverified("a");
  EXPECT_EQ(Find({"a"}).key, key);
  EXPECT_TRUE(key->unverified());
  EXPECT_FALSE(key->cached());
  EXPECT_EQ(cache_.keys(), 0u);
  cache_.Admit(key, now_);
  EXPECT_EQ(Find({"a"}).key, key);
  EXPECT_TRUE(key->cached());
  EXPECT_EQ(cache_.keys(), 1u);
}

TEST_F(DataKeyCacheTest, FindsAnyOfAMessagesWrappedKeysAndSaysWhich) {
  const auto key = AddVerified("b");
  RememberFailure("a");
  const DataKeyCache::Known known = Find({"a", "x", "b"});
  EXPECT_EQ(known.key, key);
  EXPECT_EQ(known.position, 2u);
}

TEST_F(DataKeyCacheTest, KnowsAFailureOnlyWhereEveryWrappedKeyFailed) {
  RememberFailure("a", Reason::kKeyNotFound);
  RememberFailure("b", Reason::kUnwrapFailed);
  EXPECT_FALSE(Find({"a", "x"}).failure.has_value());
  EXPECT_EQ(Find({"a"}).failure->reason, Reason::kKeyNotFound);
  EXPECT_EQ(Find({"a", "b"}).failure->reason, Reason::kUnwrapFailed) << "the more telling one";
  EXPECT_FALSE(Find({"x"}).failure.has_value());
  EXPECT_FALSE(Find({}).failure.has_value());
}

TEST_F(DataKeyCacheTest, FloodsOfFailuresAndOfUnverifiedKeysEvictNoVerifiedKey) {
  AddVerified("good");
  for (int i = 0; i < 1000; ++i) {
    RememberFailure("failure" + std::to_string(i));
    AddUnverified("minted" + std::to_string(i));
  }
  EXPECT_NE(Find({"good"}).key, nullptr);
  EXPECT_EQ(cache_.failures(), 4u);
}

TEST_F(DataKeyCacheTest, EvictsTheVerifiedKeyThatIsNotUsed) {
  const auto a = AddVerified("a");
  const auto b = AddVerified("b");
  AddVerified("c");
  AddVerified("d");
  EXPECT_FALSE(a->cached());
  b->MarkUsed();
  AddVerified("e");
  EXPECT_TRUE(b->cached());
  EXPECT_EQ(cache_.keys(), 3u);
}

TEST_F(DataKeyCacheTest, ReportsWhatItRetires) {
  const uint64_t before = cache_.retirements();
  for (const char* identity : {"a", "b", "c"}) AddVerified(identity);
  const uint64_t filled = cache_.retirements();
  AddVerified("d");
  EXPECT_NE(cache_.retirements(), filled);
  EXPECT_EQ(filled, before);
}

TEST_F(DataKeyCacheTest, ExpiresEachByItsOwnTime) {
  const auto verified = AddVerified("verified");
  AddUnverified("unverified");
  RememberFailure("failure");
  now_ += seconds(10) - std::chrono::nanoseconds(1);
  cache_.Expire(now_);
  EXPECT_NE(Find({"unverified"}).key, nullptr);
  EXPECT_TRUE(Find({"failure"}).failure.has_value());
  now_ += std::chrono::nanoseconds(1);
  cache_.Expire(now_);
  EXPECT_EQ(Find({"unverified"}).key, nullptr);
  EXPECT_FALSE(Find({"failure"}).failure.has_value());
  EXPECT_TRUE(verified->cached());
  now_ = seconds(100);
  cache_.Expire(now_);
  EXPECT_FALSE(verified->cached());
  EXPECT_TRUE(cache_.empty());
}

TEST_F(DataKeyCacheTest, ForgetDropsEverything) {
  const auto key = AddVerified("a");
  AddUnverified("b");
  RememberFailure("c");
  cache_.Forget();
  EXPECT_FALSE(key->cached());
  EXPECT_TRUE(cache_.empty());
}

TEST_F(DataKeyCacheTest, KeepsNothingThatALookupFromBeforeForgetBrings) {
  const uint64_t epoch = cache_.epoch();
  const auto unverified = AddUnverified("a");
  cache_.Forget();
  const auto late = cache_.AddUnverified("b", SecretBytes::CopyOf("0123456789abcdef"), epoch, now_);
  cache_.RememberFailure("c", Failure(), epoch, 0, now_);
  cache_.Admit(late, now_);
  cache_.Admit(unverified, now_);
  EXPECT_TRUE(cache_.empty());
  EXPECT_FALSE(unverified->cached());
}

TEST_F(DataKeyCacheTest, ForgetsFailuresOfAnotherGeneration) {
  RememberFailure("old", Reason::kUnwrapFailed, 1);
  RememberFailure("new", Reason::kUnwrapFailed, 2);
  cache_.ForgetFailuresBut(2);
  EXPECT_FALSE(Find({"old"}).failure.has_value());
  EXPECT_TRUE(Find({"new"}).failure.has_value());
}

TEST_F(DataKeyCacheTest, WithATtlOfZeroKeepsNoKey) {
  DataKeyCache::Limits limits = SmallLimits();
  limits.key_ttl = seconds(0);
  DataKeyCache cache(limits, 1);
  const auto key = cache.AddUnverified("a", SecretBytes::CopyOf("0123456789abcdef"), cache.epoch(), now_);
  cache.Admit(key, now_);
  EXPECT_FALSE(key->cached());
  EXPECT_TRUE(cache.empty());
}

TEST_F(DataKeyCacheTest, AdmittingTwiceOrAfterEvictionIsHarmless) {
  const auto key = AddVerified("a");
  cache_.Admit(key, now_);
  EXPECT_EQ(cache_.keys(), 1u);
  cache_.Forget();
  cache_.Admit(key, now_);
  EXPECT_EQ(cache_.keys(), 0u);
}

TEST_F(DataKeyCacheTest, AnUnverifiedKeyThatWasPushedOutIsStillAdmitted) {
  const auto key = AddUnverified("a");
  for (int i = 0; i < 200; ++i) AddUnverified(std::to_string(i));
  EXPECT_EQ(Find({"a"}).key, nullptr);
  cache_.Admit(key, now_);
  EXPECT_EQ(Find({"a"}).key, key);
}

}  // namespace
}  // namespace pulseal
