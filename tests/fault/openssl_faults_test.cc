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
#include <string_view>
#include <utility>

#include "pulseal/key_pair.h"
#include "pulseal/key_readers.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/fault/allocation_counter.h"
#include "tests/support/manual_background.h"
#include "tests/support/one_processor.h"
#include "tests/support/test_keys.h"

// What OpenSSL loses is counted below; the sanitizer looks for what we lose.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libcrypto\n"; }

namespace pulseal {
namespace {

using testing::FailOpenSslAllocation;
using testing::LiveContextAllocations;
using testing::ManualBackground;
using testing::OneProcessor;
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
// samples of all. Each one, but of an RSA key pair, with PULSEAL_EVERY_FAULT in the environment. A passphrase costs some for
// each of its iterations, millions.
enum Step : size_t { kGrowing = 0, kEach = 1, kMany = 7, kSamples = 53, kFew = 997 };

// OpenSSL 3.0's own: a few of its functions lose what they hold where memory runs out. Any of ours would be lost at most
// of the places.
constexpr int kMostPlacesThatLeak = 4;

// `call` is OK where its result is right, and anything else is its failure.
void FailEachAllocation(Shortage shortage, Step step, const std::function<absl::Status()>& call) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(call(), absl::OkStatus());
  int leaks = 0;
  size_t failures = 0;
  bool has_failed = true;
  for (size_t n = 0; has_failed; n += step != kGrowing ? step : 3 * n + 1) {
    SCOPED_TRACE(n);
    const auto before = LiveAllocations();
    FailOpenSslAllocation(n, shortage);
    const absl::Status status = call();
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
  if (step != kFew && step != kGrowing && getenv("PULSEAL_EVERY_FAULT") != nullptr) step = kEach;
  for (const Shortage shortage : {Shortage::kOnce, Shortage::kLasting}) {
    SCOPED_TRACE(shortage == Shortage::kOnce ? "once" : "lasting");
    FailEachAllocation(shortage, step, call);
  }
}

std::shared_ptr<CryptoKeyReader> Reader(const std::string& key) {
  const std::string public_pem = TestKey(key + ".public.pem");
  std::multimap<std::string, SecretBytes> private_pems;
  private_pems.emplace("orders", SecretBytes::CopyOf(TestKey(key + ".private.pem")));
  return KeysInMemory({{"orders", public_pem}, {"audit", public_pem}}, std::move(private_pems));
}

class OpenSslFaults : public ::testing::TestWithParam<const char*> {
 protected:
  OpenSslFaults() {
    to_.key_names = {"orders"};
    to_.key_reader = from_.key_reader = Reader(GetParam());
    to_.background = from_.background = background_.options();
    to_.cipher_backend = from_.cipher_backend = CipherBackend::kOpenSsl;
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

  const OneProcessor one_processor_;
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

TEST_P(OpenSslFaults, OtherRecipientsAndAPinnedMessage) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  const std::vector<std::string> names[] = {{"orders"}, {"orders", "audit"}};
  size_t turn = 0;
  FailEachAllocation(kSamples, [&] {
    const absl::Status changed = encryptor->SetKeyNames(names[++turn % 2]);
    const absl::StatusOr<PinnedKey> pin = encryptor->Pin(2);
    if (!pin.ok()) return pin.status();
    std::string out(5 + kTagSize, '\0'), fields(pin->fields_size(), '\0');
    const absl::StatusOr<Sealed> sealed =
        encryptor->Encrypt(*pin, "hello", absl::MakeSpan(out), absl::MakeSpan(fields));
    EXPECT_TRUE(sealed.ok() || out == std::string(out.size(), '\0'));
    return changed.ok() ? sealed.status() : changed;
  });
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

TEST_P(OpenSslFaults, ResolvingADataKey) {
  const auto encryptor = *MessageEncryptor::Create(to_);
  ASSERT_EQ(Encrypt(*encryptor), absl::OkStatus());
  const auto decryptor = *MessageDecryptor::Create(from_);
  FailEachAllocation(most_thorough(), [&] {
    decryptor->Forget();
    background_.Advance(std::chrono::seconds(1));
    std::string out(payload_.size(), '\0');
    Decision decision;
    int answers = 0;
    decryptor->Resolve(fields_, [&](const absl::StatusOr<ResolvedKey>& key) {
      ++answers;
      if (key.ok()) decision = decryptor->TryDecrypt(*key, fields_, payload_, absl::MakeSpan(out));
    });
    background_.RunDue();
    EXPECT_EQ(answers, 1);
    EXPECT_EQ(decision.action, decision.status.ok() ? Decision::Action::kDeliver : Decision::Action::kFail);
    EXPECT_EQ(decision.payload, decision.status.ok() ? "hello" : "");
    return decision.status;
  });
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

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Of a key pair that is whole, or not there.
absl::Status StatusOf(const absl::StatusOr<KeyPair>& pair) {
  if (!pair.ok()) return pair.status();
  EXPECT_TRUE(EndsWith(pair->public_pem, "-----END PUBLIC KEY-----\n"));
  EXPECT_TRUE(EndsWith(pair->private_pem.view(), "PRIVATE KEY-----\n"));
  return absl::OkStatus();
}

TEST(OpenSslKeyFaults, MakingAKeyPair) {
  FailEachAllocation(kMany, [] { return StatusOf(GenerateKeyPair(KeyType::kP256)); });
}

// Looking for primes asks for memory thousands of times.
TEST(OpenSslKeyFaults, MakingAnRsaKeyPair) {
  FailEachAllocation(kFew, [] { return StatusOf(GenerateKeyPair(KeyType::kRsa2048)); });
}

TEST(OpenSslKeyFaults, MakingAKeyPairUnderAPassphrase) {
  FailEachAllocation(kGrowing, [] { return StatusOf(GenerateKeyPair(KeyType::kP256, "correct")); });
}

}  // namespace
}  // namespace pulseal
