// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/message_decryptor.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/made_message.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using std::chrono::seconds;
using testing::MadeMessage;
using testing::Seal;
using Action = Decision::Action;
using Failing = ConsumerCryptoFailureAction;

class CostOfAMessage : public testing::DecryptorFixture {};

TEST_F(CostOfAMessage, StopsAtItsPrivateKeyOperationsAndGoesOnNextTime) {
  options_.max_private_key_operations = 3;
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    names.push_back(absl::StrCat("k", i));
    if (i < 7) wrapper_->SetStatus(names.back(), absl::UnauthenticatedError("x"));
  }
  const MadeMessage message = Seal("hello", names);
  for (int call = 1; call <= 2; ++call) {
    const Decision decision = Decrypt(message);
    EXPECT_EQ(decision.reason, Reason::kLimitReached) << decision.status;
    EXPECT_EQ(decision.status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(decision.worth_asking_again);
    EXPECT_EQ(wrapper_->unwraps(), 3u * call);
  }
  EXPECT_EQ(Decrypt(message).payload, "hello");
  EXPECT_EQ(wrapper_->max_operations(), (std::vector<int>{3, 2, 1, 3, 2, 1, 3, 2}));
  EXPECT_EQ(decryptor().counters().unwraps, 8u);
}

TEST_F(CostOfAMessage, NamesThatAreNotHeldCostNoOperation) {
  options_.max_private_key_operations = 1;
  for (const char* name : {"a", "b", "c"}) wrapper_->SetStatus(name, absl::NotFoundError("x"));
  EXPECT_EQ(Decrypt(Seal("hello", {"a", "b", "c", "mine"})).payload, "hello");
  EXPECT_EQ(decryptor().counters().unwraps, 1u);
}

TEST_F(CostOfAMessage, EachWrappedKeyAskedForIsCharged) {
  options_.unwraps_per_second = 4;
  for (const char* name : {"a", "b", "c", "d"}) wrapper_->SetStatus(name, absl::NotFoundError("x"));
  EXPECT_EQ(Decrypt(Seal("hello", {"a", "b", "c", "d"})).reason, Reason::kKeyNotFound);
  EXPECT_EQ(Decrypt(Seal("hello", {"mine"})).reason, Reason::kLimitReached);
  EXPECT_EQ(decryptor().counters().unwraps, 0u);
  Pass(std::chrono::milliseconds(250));
  EXPECT_EQ(Decrypt(Seal("hello", {"mine"})).payload, "hello");
}

// A key pair that was rolled twice, all of one size.
class RolledKeys final : public CryptoKeyReader {
 public:
  absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string&) override { return absl::NotFoundError("none"); }
  absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string&, const KeyMetadata&) override {
    std::vector<EncryptionKeyInfo> keys;
    for (int i = 0; i < 3; ++i) keys.push_back({SecretBytes::CopyOf(testing::TestKey("rsa-2048.private.pem")), {}});
    return keys;
  }
};

TEST_F(CostOfAMessage, WrappedKeysThatAloneCostMoreAreGivenUpOneByOne) {
  options_.key_wrapper = nullptr;
  options_.key_reader = std::make_shared<RolledKeys>();
  options_.max_private_key_operations = 2;
  options_.failure_action = Failing::kDiscard;
  MadeMessage message = Seal("hello", {"a", "b"});
  for (WrappedKey& key : message.keys) key.bytes.assign(256, key.key_name[0]);

  const Decision first = Decrypt(message);
  EXPECT_EQ(first.action, Action::kFail) << "the second wrapped key is still to be tried";
  EXPECT_EQ(first.reason, Reason::kLimitReached);
  EXPECT_TRUE(first.worth_asking_again);
  EXPECT_EQ(decryptor().counters().unwraps, 2u);
  for (int i = 0; i < 2; ++i) {
    const Decision next = Decrypt(message);
    EXPECT_EQ(next.action, Action::kDiscard);
    EXPECT_EQ(next.reason, Reason::kLimitReached);
    EXPECT_FALSE(next.worth_asking_again);
    EXPECT_EQ(decryptor().counters().unwraps, 4u);
  }
}

TEST_F(CostOfAMessage, AKeyServiceThatThrottlesIsNotNowForEver) {
  options_.failure_action = Failing::kDiscard;
  wrapper_->SetStatus("orders", absl::ResourceExhaustedError("slow down"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Decrypt(Seal("hello", {"orders"})).worth_asking_again);
  wrapper_->SetStatus("orders", absl::OkStatus());
  EXPECT_EQ(Decrypt(Seal("hello", {"orders"})).payload, "hello");
}

TEST_F(CostOfAMessage, AKeyServiceThatThrottlesKeepsNoOtherKeyFromBeingTried) {
  wrapper_->SetStatus("far", absl::ResourceExhaustedError("slow down"));
  EXPECT_EQ(Decrypt(Seal("hello", {"far", "near"})).payload, "hello");
  EXPECT_EQ(decryptor().counters().unwraps, 2u);
}

TEST_F(CostOfAMessage, BeyondUnwrapsPerSecondItIsNotNow) {
  options_.unwraps_per_second = 2;
  wrapper_->SetStatus("c", absl::NotFoundError("x"));
  EXPECT_EQ(Decrypt(Seal("hello", {"a"})).action, Action::kDeliver);
  EXPECT_EQ(Decrypt(Seal("hello", {"b"})).action, Action::kDeliver);
  const Decision decision = Decrypt(Seal("hello", {"c"}));
  EXPECT_EQ(decision.reason, Reason::kLimitReached);
  EXPECT_EQ(decision.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(decision.worth_asking_again);
  EXPECT_EQ(wrapper_->unwraps(), 2u) << "not even the reader is asked";
  EXPECT_EQ(Decrypt(Seal("hello", {"a"})).action, Action::kDeliver) << "cached keys cost nothing";
  Pass(seconds(1));
  EXPECT_EQ(Decrypt(Seal("hello", {"c"})).reason, Reason::kKeyNotFound);
  EXPECT_EQ(Decrypt(Seal("hello", {"d"})).action, Action::kDeliver);
}

TEST_F(CostOfAMessage, OperationsBeyondTheFirstAreCharged) {
  options_.unwraps_per_second = 4;
  wrapper_->SetOperations(4);
  EXPECT_EQ(Decrypt(Seal("hello", {"a"})).action, Action::kDeliver);
  EXPECT_EQ(Decrypt(Seal("hello", {"b"})).reason, Reason::kLimitReached);
  EXPECT_EQ(decryptor().counters().unwraps, 4u);
}

TEST_F(CostOfAMessage, OneMessageMayOverdrawTheBudgetByItsWholePrice) {
  options_.unwraps_per_second = 1;
  std::vector<std::string> names;
  for (int i = 0; i < 64; ++i) {
    names.push_back(absl::StrCat("k", i));
    if (i < 63) wrapper_->SetStatus(names.back(), absl::NotFoundError("x"));
  }
  EXPECT_EQ(Decrypt(Seal("hello", names)).payload, "hello");
}

TEST_F(CostOfAMessage, AFloodOfMintedMessagesEvictsNoGoodKey) {
  options_.cache_max_keys = 2;
  options_.max_wrapped_keys = 10;
  options_.cache_max_failures = 10;
  options_.unwraps_per_second = 1000000;
  EXPECT_EQ(Decrypt(Seal("hello", {"orders"})).action, Action::kDeliver);
  for (int i = 0; i < 300; ++i) {
    wrapper_->SetStatus(absl::StrCat("nobody", i), absl::NotFoundError("x"));
    EXPECT_EQ(Decrypt(Seal("hello", {absl::StrCat("nobody", i)})).reason, Reason::kKeyNotFound);
    MadeMessage minted = Seal("hello", {absl::StrCat("minted", i)});
    minted.payload[0] ^= 1;
    EXPECT_EQ(Decrypt(minted).reason, Reason::kAuthenticationFailed);
  }
  const size_t before = wrapper_->unwraps();
  EXPECT_EQ(TryDecrypt(Seal("hello", {"orders"})).payload, "hello");
  EXPECT_EQ(wrapper_->unwraps(), before);
  EXPECT_EQ(decryptor().counters().keys_cached, 1u);
  EXPECT_EQ(decryptor().counters().failures_remembered, 10u);
}

}  // namespace
}  // namespace pulseal
