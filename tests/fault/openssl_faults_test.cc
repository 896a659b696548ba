// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL runs out of memory at each of the places where it asks for some, one after the other: nothing is held against a
// key or a message for that, nothing wrong comes out, nothing is left behind, and all is well again afterwards.
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "pulseal/key_pair.h"
#include "pulseal/key_readers.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/fault/allocation_counter.h"
#include "tests/support/manual_background.h"
#include "tests/support/test_keys.h"
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

namespace pulseal {
namespace {

using testing::FailOpenSslAllocation;
using testing::LiveContextAllocations;
using testing::ManualBackground;
using testing::OpenSslAllocationHasFailed;
using testing::Shortage;
using testing::TestKey;

// Without what belongs to this thread: its generators and errors come and go.
auto LiveAllocations() {
  OPENSSL_thread_stop();
  return LiveContextAllocations();
}

// Whether `status` blames the machine, and neither key nor message.
bool IsNotNow(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInternal || status.code() == absl::StatusCode::kUnavailable;
}

// Reading a key asks for memory some thousand times, nearly all of them alike, and so does P-384: a prime step takes
// samples of all.
enum Step : size_t { kEach = 1, kMany = 7, kSamples = 53 };

// OpenSSL 3.0's own: a few of its functions lose what they hold where memory runs out. Any of ours would be lost at most
// of the places.
constexpr int kMostPlacesThatLeak = 4;

absl::Status CallWithoutMemory(size_t successes, Shortage shortage, const std::function<absl::Status()>& call) {
#ifdef __SANITIZE_ADDRESS__
  const __lsan::ScopedDisabler leaks_are_counted_here;
#endif
  FailOpenSslAllocation(successes, shortage);
  return call();
}

// `call` is OK where its result is right, and anything else is its failure.
void FailEachAllocation(Shortage shortage, Step step, const std::function<absl::Status()>& call) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(call(), absl::OkStatus());
  int leaks = 0;
  size_t failures = 0;
  bool has_failed = true;
  for (size_t n = 0; has_failed; n += step) {
    SCOPED_TRACE(n);
    const auto before = LiveAllocations();
    const absl::Status status = CallWithoutMemory(n, shortage, call);
    has_failed = OpenSslAllocationHasFailed();
    failures += !status.ok();
    EXPECT_TRUE(status.ok() || (has_failed && IsNotNow(status))) << status;
    leaks += LiveAllocations() > before;
    EXPECT_EQ(call(), absl::OkStatus()) << "well again";
  }
  EXPECT_GT(failures, 0u) << "nothing ever failed";
  EXPECT_LE(leaks, kMostPlacesThatLeak);
}

void FailEachAllocation(Step step, const std::function<absl::Status()>& call) {
  for (const Shortage shortage : {Shortage::kOnce, Shortage::kLasting}) {
    SCOPED_TRACE(shortage == Shortage::kOnce ? "once" : "lasting");
    FailEachAllocation(shortage, step, call);
  }
}

std::shared_ptr<CryptoKeyReader> Reader(const std::string& key) {
  std::map<std::string, SecretBytes> private_pems;
  private_pems["orders"] = SecretBytes::CopyOf(TestKey(key + ".private.pem"));
  return KeysInMemory({{"orders", TestKey(key + ".public.pem")}}, std::move(private_pems));
}

class OpenSslFaults : public ::testing::TestWithParam<const char*> {
 protected:
  OpenSslFaults() {
    to_.key_names = {"orders"};
    to_.key_reader = from_.key_reader = Reader(GetParam());
    to_.background = from_.background = background_.options();
    to_.aead = from_.aead = AeadChoice::kOpenSsl;
    from_.failure_action = ConsumerCryptoFailureAction::kDiscard;
  }

  // Every one for the kinds of key that are in use.
  Step most_thorough() const {
    const std::string key = GetParam();
    return key == "rsa-2048" || key == "p-256" ? kEach : kSamples;
  }

  absl::Status Encrypt(MessageEncryptor& encryptor) {
    const absl::StatusOr<Sealed> sealed = encryptor.Encrypt("hello", &payload_, &fields_);
    if (!sealed.ok()) {
      EXPECT_EQ(payload_ + fields_, "");
      return sealed.status();
    }
    EXPECT_TRUE(sealed->encrypted);
    return absl::OkStatus();
  }

  // Discarding is for what can never be read.
  absl::Status Decrypt(MessageDecryptor& decryptor) {
    std::string out;
    const Decision decision = decryptor.Decrypt(fields_, payload_, &out);
    EXPECT_EQ(decision.action, decision.status.ok() ? Decision::Action::kDeliver : Decision::Action::kFail);
    EXPECT_EQ(decision.worth_asking_again, !decision.status.ok());
    EXPECT_EQ(decision.payload, decision.status.ok() ? "hello" : "");
    EXPECT_EQ(out, decision.payload);
    return decision.status;
  }

  ManualBackground background_;
  EncryptorOptions to_;
  DecryptorOptions from_;
  std::string payload_, fields_;
};

TEST_P(OpenSslFaults, MakingAnEncryptor) {
  FailEachAllocation(kSamples, [&] { return MessageEncryptor::Create(to_).status(); });
}

TEST_P(OpenSslFaults, ADataKeyAndItsFirstMessage) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  uint64_t calls = 0;
  FailEachAllocation(most_thorough(), [&] {
    ++calls;
    const absl::Status rotated = encryptor->Rotate(), encrypted = Encrypt(*encryptor);
    return rotated.ok() ? encrypted : rotated;
  });
  EXPECT_EQ(encryptor->counters().rotations + encryptor->counters().rotations_failed, calls + 1);
  EXPECT_EQ(encryptor->counters().messages_encrypted + encryptor->counters().messages_refused, calls);
}

// An operator who allows messages in clear while keys are not to be had has not allowed them while the machine is broken.
TEST_P(OpenSslFaults, TheNextDataKeyIsNoReasonToSendInClear) {
  to_.failure_action = ProducerCryptoFailureAction::kSend;
  to_.rotation.messages = to_.rotation.hard_messages = 1;
  const auto encryptor = *MessageEncryptor::Create(to_);
  FailEachAllocation(most_thorough(), [&] {
    const absl::Status rotated = encryptor->Rotate(), first = Encrypt(*encryptor);
    background_.RunDue();  // makes the next one
    const absl::Status second = Encrypt(*encryptor);
    return !rotated.ok() ? rotated : !first.ok() ? first : second;
  });
  EXPECT_GT(encryptor->counters().rotations_failed, 0u);
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 0u);
}

TEST_P(OpenSslFaults, UnwrappingADataKey) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  ASSERT_EQ(Encrypt(*encryptor), absl::OkStatus());
  const auto decryptor = *MessageDecryptor::Create(from_);
  uint64_t calls = 0;
  FailEachAllocation(most_thorough(), [&] {
    ++calls;
    decryptor->Forget();
    background_.Advance(std::chrono::seconds(1));
    return Decrypt(*decryptor);
  });
  const DecryptorCounters counters = decryptor->counters();
  EXPECT_EQ(counters.messages_decrypted + counters.messages_failed, calls);
  EXPECT_EQ(counters.key_unavailable + counters.internal, counters.messages_failed);
}

TEST_P(OpenSslFaults, ReadingAPrivateKeyForAMessage) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  ASSERT_EQ(Encrypt(*encryptor), absl::OkStatus());
  FailEachAllocation(kSamples, [&] {
    const auto decryptor = MessageDecryptor::Create(from_);
    return decryptor.ok() ? Decrypt(**decryptor) : decryptor.status();
  });
}

// What can't be opened stays so, and isn't called right, wherever memory runs out.
TEST_P(OpenSslFaults, AForgedWrappedKey) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  ASSERT_EQ(Encrypt(*encryptor), absl::OkStatus());
  const auto wrapper = LocalKeyWrapper(to_.key_reader);
  WrappedKey forged = ParseEncryptionContext(fields_)->keys[0];
  forged.bytes.back() = static_cast<char>(forged.bytes.back() ^ 1);
  FailEachAllocation(most_thorough(), [&] {
    absl::Status status;
    wrapper->Unwrap(forged, 8, [&](const absl::StatusOr<Unwrapped>& answer) { status = answer.status(); });
    EXPECT_FALSE(status.ok());
    return absl::IsUnauthenticated(status) ? absl::OkStatus() : status;
  });
}

std::string KeyName(const ::testing::TestParamInfo<const char*>& key) {
  std::string name = key.param;
  name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
  return name;
}

INSTANTIATE_TEST_SUITE_P(, OpenSslFaults, ::testing::Values("rsa-2048", "p-256", "p-384", "p-521"), KeyName);

TEST(OpenSslKeyFaults, ReadingEveryFormOfAKey) {
  for (const char* file : {"p-256-explicit.private.pem", "p-256.certificate.pem", "p-256.pkcs8.private.pem",
                           "p-256.public.pem", "rsa-2048.pkcs1.public.pem", "rsa-2048.private.pem"}) {
    SCOPED_TRACE(file);
    const std::string pem = TestKey(file), fingerprint = DescribeKey(pem)->fingerprint;
    FailEachAllocation(kSamples, [&] {
      const absl::StatusOr<KeyDescription> key = DescribeKey(pem);
      EXPECT_TRUE(!key.ok() || key->fingerprint == fingerprint);
      return key.status();
    });
  }
}

// `openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 1` of p-256.private.pem.
constexpr char kQuicklyDecrypted[] = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAhTJvNRiBdkTgIBATAM
BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQtBn59GTXHxJldV8/eYX0egSBkGBf
0s+TCKhe9h+5Cm5Cm0YPKMmQhcSbHLIaaKRKnxreJQesyJSA2gT1cZaeSQfjs6+I
zJsEEP0kFtl2Y5XMw26PbIV2GY+ur649GzYOS69ozcMdfUPXbSBXK2JdDcWoV4AX
A4VvSJ1D/nXbOlZbUPnz7trydg0BVOy4g9n1TxHn5vJApSSnaQTO7b+5/+mS6A==
-----END ENCRYPTED PRIVATE KEY-----
)";

TEST(OpenSslKeyFaults, ReadingAnEncryptedKey) {
  FailEachAllocation(kMany, [] { return DescribeKey(kQuicklyDecrypted, "correct").status(); });
}

TEST(OpenSslKeyFaults, MakingAKeyPair) {
  FailEachAllocation(kMany, [] {
    const absl::StatusOr<KeyPair> pair = GenerateKeyPair(KeyType::kP256);
    EXPECT_TRUE(!pair.ok() || (!pair->public_pem.empty() && !pair->private_pem.empty()));
    return pair.status();
  });
}

}  // namespace
}  // namespace pulseal
