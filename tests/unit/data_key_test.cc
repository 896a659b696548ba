// SPDX-License-Identifier: Apache-2.0
#include "lib/data_key.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "lib/metadata_fields.h"
#include "pulseal/error.h"

namespace pulseal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kCreated = std::chrono::hours(7);

class DataKeyTest : public ::testing::Test {
 protected:
  std::shared_ptr<DataKey> Make() {
    const auto bytes = std::make_shared<const SecretBytes>(SecretBytes::CopyOf(std::string(32, 'k')));
    DataKey::Config config{limits_, random_nonces_, *crypto::ChooseAead(CipherBackend::kAutomatic, {})};
    return *DataKey::Create(bytes, {{"orders", "wrapped", {}}}, config, kCreated);
  }

  // Encrypts "text" and returns the nonce that the fields name.
  static std::string SealedNonce(DataKeySlot& slot) {
    std::string out(4 + kTagSize, '\0'), fields(slot.key()->fields().size(), '\0');
    EXPECT_EQ(slot.Seal("text", &out[0], &fields[0]), crypto::AeadResult::kOk);
    ScannedMetadata scanned;
    EXPECT_TRUE(ScanMetadata(fields, &scanned));
    EXPECT_EQ(scanned.num_keys, 1u);
    return std::string(scanned.nonce);
  }

  RotationLimits limits_;
  bool random_nonces_ = false;
};

std::string Nonce(uint32_t slot, uint64_t counter) {
  std::string nonce(kNonceSize, '\0');
  WriteCounterNonce(slot, counter, &nonce[0]);
  return nonce;
}

// ---- nonces

TEST(CounterNonce, IsSlotThenCounterBothBigEndian) {
  EXPECT_EQ(Nonce(0x01020304, 0x05060708090a0b0c), "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c");
  EXPECT_EQ(Nonce(0, 0), std::string(12, '\0'));
  EXPECT_EQ(Nonce(UINT32_MAX, UINT64_MAX), std::string(12, '\xff'));
}

TEST_F(DataKeyTest, ASlotCountsItsNoncesFromZeroAndSharesItsNumberWithNobody) {
  const auto key = Make();
  DataKeySlot first = *DataKeySlot::Create(key), second = *DataKeySlot::Create(key);
  EXPECT_EQ(SealedNonce(first), Nonce(0, 0));
  EXPECT_EQ(SealedNonce(second), Nonce(1, 0));
  EXPECT_EQ(SealedNonce(first), Nonce(0, 1));
  EXPECT_EQ(SealedNonce(second), Nonce(1, 1));
  first = DataKeySlot();
  DataKeySlot third = *DataKeySlot::Create(key);
  EXPECT_EQ(SealedNonce(third), Nonce(2, 0)) << "a slot that is gone leaves its number to nobody";
}

TEST_F(DataKeyTest, ANonceOfAnotherSlotIsUsedAsItIs) {
  DataKeySlot slot = *DataKeySlot::Create(Make());
  std::string out(kTagSize, '\0'), fields(slot.key()->fields().size(), '\0');
  const std::string nonce = Nonce(7, 9);
  EXPECT_EQ(slot.SealWithNonce(nonce.data(), "", &out[0], &fields[0]), crypto::AeadResult::kOk);
  EXPECT_EQ(fields.substr(fields.size() - kNonceSize), nonce);
  EXPECT_EQ(SealedNonce(slot), Nonce(0, 0)) << "and not counted as one of its own";
}

TEST_F(DataKeyTest, SlotNumbersTakenByManyThreadsAreUnique) {
  const auto key = Make();
  constexpr size_t kThreads = 8, kEach = 500;
  std::vector<std::vector<uint32_t>> taken(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; ++i) taken[t].push_back(*key->TakeSlotNumber());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<uint32_t> unique;
  for (const auto& of_thread : taken) unique.insert(of_thread.begin(), of_thread.end());
  EXPECT_EQ(unique.size(), kThreads * kEach);
  EXPECT_EQ(*unique.rbegin(), kThreads * kEach - 1);
}

TEST_F(DataKeyTest, RandomNoncesDifferAndDontCount) {
  random_nonces_ = true;
  DataKeySlot slot = *DataKeySlot::Create(Make());
  std::set<std::string> nonces;
  for (int i = 0; i < 50; ++i) nonces.insert(SealedNonce(slot));
  EXPECT_EQ(nonces.size(), 50u);
  EXPECT_EQ(nonces.count(Nonce(0, 0)), 0u);
}

TEST_F(DataKeyTest, AWrappedKeyOverALimitOfTheFormatIsRefused) {
  const auto bytes = std::make_shared<const SecretBytes>(SecretBytes::CopyOf(std::string(32, 'k')));
  const DataKey::Config config{limits_, false, *crypto::ChooseAead(CipherBackend::kAutomatic, {})};
  const std::vector<WrappedKey> wrapped = {{std::string(kMaxKeyNameSize + 1, 'n'), "wrapped", {}}};
  EXPECT_EQ(DataKey::Create(bytes, wrapped, config, kCreated).status().code(), absl::StatusCode::kInvalidArgument);
}

// ---- ceilings

TEST_F(DataKeyTest, DrawsWhatIsNeededOrUpToABlock) {
  limits_.messages = limits_.hard_messages = 1024 * 100;  // blocks of 100
  limits_.bytes = limits_.hard_bytes = 1024 * 1000;       // blocks of 1000
  const auto key = Make();
  DataKey::Budget drawn;
  ASSERT_TRUE(key->Draw({1, 10}, /*up_to_a_block=*/false, &drawn));
  EXPECT_EQ(drawn.messages, 1u);
  EXPECT_EQ(drawn.bytes, 10u);
  ASSERT_TRUE(key->Draw({1, 10}, /*up_to_a_block=*/true, &drawn));
  EXPECT_EQ(drawn.messages, 100u);
  EXPECT_EQ(drawn.bytes, 1000u);
  ASSERT_TRUE(key->Draw({500, 5000}, /*up_to_a_block=*/true, &drawn));
  EXPECT_EQ(drawn.messages, 500u);
  EXPECT_EQ(drawn.bytes, 5000u);
  ASSERT_TRUE(key->Draw({1, 0}, /*up_to_a_block=*/true, &drawn));
  EXPECT_EQ(drawn.bytes, 0u) << "a block of what nobody asked for";
}

TEST_F(DataKeyTest, ABlockIsAtMost1024MessagesAnd64MiB) {
  const auto key = Make();
  DataKey::Budget drawn;
  ASSERT_TRUE(key->Draw({1, 1}, /*up_to_a_block=*/true, &drawn));
  EXPECT_EQ(drawn.messages, 1024u);
  EXPECT_EQ(drawn.bytes, uint64_t{64} << 20);
}

TEST_F(DataKeyTest, ABlockIsWhatTheHardLimitLeaves) {
  limits_.messages = limits_.hard_messages = 1024 * 100 + 1;
  const auto key = Make();
  DataKey::Budget drawn;
  ASSERT_TRUE(key->Draw({1024 * 100 - 2, 0}, /*up_to_a_block=*/false, &drawn));
  ASSERT_TRUE(key->Draw({1, 0}, /*up_to_a_block=*/true, &drawn));
  EXPECT_EQ(drawn.messages, 3u);
  EXPECT_FALSE(key->Draw({1, 0}, /*up_to_a_block=*/true, &drawn));
  EXPECT_TRUE(key->Draw({0, 1}, /*up_to_a_block=*/true, &drawn)) << "of bytes there are enough";
}

TEST_F(DataKeyTest, MessagesAreNotTakenWhereBytesAreMissing) {
  limits_.messages = limits_.hard_messages = 2;
  limits_.bytes = limits_.hard_bytes = 10;
  const auto key = Make();
  DataKey::Budget drawn;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(key->Draw({1, 11}, /*up_to_a_block=*/true, &drawn));
  EXPECT_TRUE(key->Draw({2, 10}, /*up_to_a_block=*/true, &drawn));
  EXPECT_FALSE(key->Draw({1, 0}, /*up_to_a_block=*/true, &drawn));
  EXPECT_FALSE(key->Draw({0, 1}, /*up_to_a_block=*/true, &drawn));
}

TEST_F(DataKeyTest, EightThreadsDrawExactlyTheHardLimitsAndNotOneMore) {
  limits_.messages = 1024 * 3;
  limits_.hard_messages = 1024 * 4 + 7;
  limits_.bytes = 1024 * 50;
  limits_.hard_bytes = 1024 * 60 + 13;
  const auto key = Make();
  std::atomic<uint64_t> messages{0}, bytes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, up_to_a_block = t % 2 == 0] {
      DataKey::Budget drawn;
      while (key->Draw({1, 0}, up_to_a_block, &drawn)) messages += drawn.messages;
      while (key->Draw({0, 1}, up_to_a_block, &drawn)) bytes += drawn.bytes;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(messages, limits_.hard_messages);
  EXPECT_EQ(bytes, limits_.hard_bytes);
}

TEST_F(DataKeyTest, TheSoftLimitsAreReachedByWhatWasDrawn) {
  limits_.messages = 10;
  limits_.bytes = 100;
  const auto by_messages = Make(), by_bytes = Make();
  DataKey::Budget drawn;
  ASSERT_TRUE(by_messages->Draw({9, 99}, false, &drawn));
  EXPECT_FALSE(by_messages->SoftLimitReached());
  ASSERT_TRUE(by_messages->Draw({1, 0}, false, &drawn));
  EXPECT_TRUE(by_messages->SoftLimitReached());
  ASSERT_TRUE(by_bytes->Draw({1, 100}, false, &drawn));
  EXPECT_TRUE(by_bytes->SoftLimitReached());
}

// ---- a slot's share

TEST_F(DataKeyTest, ASlotSpendsItsShareAndRefillsIt) {
  limits_.messages = limits_.hard_messages = 3;
  limits_.bytes = limits_.hard_bytes = 100;
  DataKeySlot slot = *DataKeySlot::Create(Make());
  EXPECT_FALSE(slot.Spend(0)) << "nothing was drawn yet";
  ASSERT_TRUE(slot.Refill(10));
  EXPECT_FALSE(slot.Spend(11));
  EXPECT_TRUE(slot.Spend(10));
  EXPECT_FALSE(slot.Spend(0));
  slot.GiveBack(10);
  EXPECT_TRUE(slot.Spend(10));
}

TEST_F(DataKeyTest, RefillKeepsWhatIsLeftOfTheShare) {
  limits_.messages = limits_.hard_messages = 2;
  limits_.bytes = limits_.hard_bytes = 100;
  DataKeySlot slot = *DataKeySlot::Create(Make());
  ASSERT_TRUE(slot.Refill(60));
  ASSERT_TRUE(slot.Refill(100)) << "40 more, not 100";
  ASSERT_TRUE(slot.Spend(100));
  ASSERT_TRUE(slot.Refill(0));
  EXPECT_TRUE(slot.Spend(0));
  EXPECT_FALSE(slot.Refill(0)) << "both messages are spent";
}

// ---- ages

TEST_F(DataKeyTest, AgesCountFromWhenTheBytesWereDrawn) {
  limits_.age = seconds(10);
  limits_.hard_age = seconds(20);
  const auto key = Make();
  EXPECT_FALSE(key->SoftAgeReached(kCreated + seconds(10) - nanoseconds(1)));
  EXPECT_TRUE(key->SoftAgeReached(kCreated + seconds(10)));
  EXPECT_FALSE(key->HardAgeReached(kCreated + seconds(20) - nanoseconds(1)));
  EXPECT_TRUE(key->HardAgeReached(kCreated + seconds(20)));
}

TEST_F(DataKeyTest, UntilNextAgeIsTheSoftOneThenTheHardOneThenZero) {
  limits_.age = seconds(10);
  limits_.hard_age = seconds(20);
  const auto key = Make();
  EXPECT_EQ(key->UntilNextAge(kCreated), seconds(10));
  EXPECT_EQ(key->UntilNextAge(kCreated + seconds(9)), seconds(1));
  EXPECT_EQ(key->UntilNextAge(kCreated + seconds(10)), seconds(10));
  EXPECT_EQ(key->UntilNextAge(kCreated + seconds(19)), seconds(1));
  EXPECT_EQ(key->UntilNextAge(kCreated + seconds(20)), seconds(0));
  EXPECT_EQ(key->UntilNextAge(kCreated + seconds(99)), seconds(0));
}

TEST_F(DataKeyTest, TheKeyIsLetGoWithItsLastSlot) {
  const auto bytes = std::make_shared<const SecretBytes>(SecretBytes::CopyOf(std::string(32, 'k')));
  const std::weak_ptr<const SecretBytes> watched = bytes;
  auto key = *DataKey::Create(bytes, {{"orders", "wrapped", {}}},
                              {limits_, false, *crypto::ChooseAead(CipherBackend::kAutomatic, {})}, kCreated);
  DataKeySlot slot = *DataKeySlot::Create(std::move(key));
  EXPECT_EQ(watched.use_count(), 2);  // the test's and the key's
  slot = DataKeySlot();
  EXPECT_EQ(watched.use_count(), 1);
  EXPECT_EQ(slot.key(), nullptr);
}

}  // namespace
}  // namespace pulseal
