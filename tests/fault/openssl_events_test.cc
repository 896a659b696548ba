// SPDX-License-Identifier: Apache-2.0
//
// What is counted and told where OpenSSL runs out of memory, at each of the places of a rotation and of an unwrap.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pulseal/key_readers.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/fault/allocation_counter.h"
#include "tests/support/events_told.h"
#include "tests/support/manual_background.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::FailOpenSslAllocation;
using ::testing::IsEmpty;
using testing::ManualBackground;
using testing::OpenSslAllocationHasFailed;
using testing::Shortage;
using testing::TestKey;
using testing::Told;

class OpenSslEvents : public ::testing::Test {
 protected:
  OpenSslEvents() {
    std::multimap<std::string, SecretBytes> private_pems;
    private_pems.emplace("orders", SecretBytes::CopyOf(TestKey("p-256.private.pem")));
    const auto reader = KeysInMemory({{"orders", TestKey("p-256.public.pem")}}, std::move(private_pems));
    const auto note = [this](const CryptoEvent& event) { events_.push_back(event); };
    to_.key_names = {"orders"};
    to_.key_reader = from_.key_reader = reader;
    to_.background = from_.background = background_.options();
    to_.cipher_backend = from_.cipher_backend = CipherBackend::kOpenSsl;
    to_.on_event = from_.on_event = note;
  }

  // Long enough for a retry, and for the next event of a kind.
  void Wait() { background_.Advance(std::chrono::seconds(2)); }

  ManualBackground background_;
  std::vector<CryptoEvent> events_;
  EncryptorOptions to_;
  DecryptorOptions from_;
  std::string payload_, fields_;
};

TEST_F(OpenSslEvents, ARotationThatALimitAsksForIsToldOnceHoweverItEnds) {
  to_.rotation.messages = 1;
  const auto encryptor = *MessageEncryptor::Create(to_);
  size_t failures = 0;
  bool has_failed = true;
  for (size_t n = 0; has_failed; ++n) {
    SCOPED_TRACE(n);
    ASSERT_EQ(encryptor->Rotate(), absl::OkStatus());
    Wait();
    Told(events_);
    const EncryptorCounters before = encryptor->counters();
    FailOpenSslAllocation(n, Shortage::kOnce);
    const bool sent = encryptor->Encrypt("hello", &payload_, &fields_).ok();
    background_.RunDue();
    has_failed = OpenSslAllocationHasFailed();
    const EncryptorCounters after = encryptor->counters();
    EXPECT_EQ(after.messages_encrypted - before.messages_encrypted, sent ? 1u : 0u);
    EXPECT_EQ(after.messages_refused - before.messages_refused, sent ? 0u : 1u);

    const bool rotated = after.rotations > before.rotations, failed = after.rotations_failed > before.rotations_failed;
    const std::vector<std::string> told = Told(events_);
    EXPECT_EQ(after.rotations - before.rotations + after.rotations_failed - before.rotations_failed, told.size());
    EXPECT_LE(told.size(), 1u);
    EXPECT_TRUE(!sent || rotated || failed);
    if (rotated) {
      EXPECT_THAT(told, ElementsAre("kRotated"));
    }
    if (failed) {
      EXPECT_THAT(told, ElementsAre(AnyOf("kRotationFailed INTERNAL", "kRotationFailed orders INTERNAL",
                                          "kRotationFailed orders UNAVAILABLE")));
    }
    failures += failed ? 1 : 0;
    Wait();
    EXPECT_THAT(Told(events_), Each("kRotated"));
    EXPECT_EQ(encryptor->counters().rotations - before.rotations, rotated || failed ? 1u : 0u) << "well again";
    EXPECT_EQ(encryptor->counters().rotations_failed, after.rotations_failed);
  }
  EXPECT_GT(failures, 10u);
}

TEST_F(OpenSslEvents, AnUnwrapThatFailsForNowIsToldOnceAsThat) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  ASSERT_TRUE(encryptor->Encrypt("hello", &payload_, &fields_).ok());
  const auto decryptor = *MessageDecryptor::Create(from_);
  Told(events_);
  uint64_t failures = 0;
  bool has_failed = true;
  std::string out;
  for (size_t n = 0; has_failed; ++n) {
    SCOPED_TRACE(n);
    decryptor->Forget();
    Wait();
    const DecryptorCounters before = decryptor->counters();
    FailOpenSslAllocation(n, Shortage::kOnce);
    const Decision decision = decryptor->Decrypt(fields_, payload_, &out);
    has_failed = OpenSslAllocationHasFailed();
    const DecryptorCounters after = decryptor->counters();
    const bool opened = decision.action == Decision::Action::kDeliver;
    EXPECT_EQ(after.messages_decrypted - before.messages_decrypted, opened ? 1u : 0u);
    EXPECT_EQ(after.messages_failed - before.messages_failed, opened ? 0u : 1u);
    EXPECT_EQ(after.failures_remembered, 0u);
    const uint64_t unavailable = after.key_unavailable - before.key_unavailable;
    EXPECT_EQ(unavailable + after.internal - before.internal, opened ? 0u : 1u);
    const std::vector<std::string> told = Told(events_);
    EXPECT_EQ(told.size(), unavailable);
    EXPECT_THAT(told, Each("kKeyUnavailable orders UNAVAILABLE"));
    failures += unavailable;
    EXPECT_EQ(decryptor->Decrypt(fields_, payload_, &out).payload, "hello") << "well again";
    EXPECT_THAT(Told(events_), IsEmpty());
  }
  EXPECT_GT(failures, 10u);
}

}  // namespace
}  // namespace pulseal
