// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/status.h"
#include "pulseal/error.h"
#include "pulseal/key_wrapper.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using ::pulseal::testing::TestKey;
using ::testing::HasSubstr;

constexpr std::string_view kDataKey = "0123456789abcdef0123456789abcdef";

absl::StatusOr<WrappedKey> Wrap(KeyWrapper& wrapper, const std::string& key_name) {
  int calls = 0;
  absl::StatusOr<WrappedKey> answer = absl::UnknownError("done was not called");
  wrapper.Wrap(key_name, std::make_shared<const SecretBytes>(SecretBytes::CopyOf(kDataKey)),
               [&](absl::StatusOr<WrappedKey> wrapped) {
                 ++calls;
                 answer = std::move(wrapped);
               });
  EXPECT_EQ(calls, 1);
  return answer;
}

absl::StatusOr<Unwrapped> Unwrap(KeyWrapper& wrapper, WrappedKey wrapped, int max_operations = 8) {
  int calls = 0;
  absl::StatusOr<Unwrapped> answer = absl::UnknownError("done was not called");
  wrapper.Unwrap(std::move(wrapped), max_operations, [&](absl::StatusOr<Unwrapped> unwrapped) {
    ++calls;
    answer = std::move(unwrapped);
  });
  EXPECT_EQ(calls, 1);
  return answer;
}

// Answers with files of tests/vectors/keys, whatever the key name, or with `error`, or with an exception.
class FakeReader final : public CryptoKeyReader {
 public:
  absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string& key_name) override {
    last_key_name = key_name;
    if (throws) throw std::runtime_error("reader");
    if (!error.ok()) return error;
    return EncryptionKeyInfo{SecretBytes::CopyOf(public_pem), metadata};
  }

  absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string& key_name,
                                                                const KeyMetadata& given) override {
    last_key_name = key_name;
    last_metadata = given;
    if (throws) throw 1;
    if (!error.ok()) return error;
    std::vector<EncryptionKeyInfo> keys;
    for (const std::string& pem : private_pems) keys.push_back({SecretBytes::CopyOf(pem), {}});
    return keys;
  }

  uint64_t Generation() override {
    if (generation_throws) throw 1;
    return generation;
  }

  std::string public_pem;
  std::vector<std::string> private_pems;
  KeyMetadata metadata, last_metadata;
  std::string last_key_name;
  absl::Status error;
  bool throws = false, generation_throws = false;
  uint64_t generation = 0;
};

class LocalKeyWrapperTest : public ::testing::Test {
 protected:
  // Wrapped for the public key in `file`.
  WrappedKey WrappedFor(const std::string& file) {
    reader_->public_pem = TestKey(file);
    absl::StatusOr<WrappedKey> wrapped = Wrap(*wrapper_, "orders");
    EXPECT_TRUE(wrapped.ok()) << wrapped.status();
    return wrapped.ok() ? *wrapped : WrappedKey();
  }

  void Hold(const std::vector<std::string>& files) {
    reader_->private_pems.clear();
    for (const std::string& file : files) reader_->private_pems.push_back(TestKey(file));
  }

  std::shared_ptr<FakeReader> reader_ = std::make_shared<FakeReader>();
  std::shared_ptr<KeyWrapper> wrapper_ = LocalKeyWrapper(reader_);
};

void ExpectError(const absl::Status& status, absl::StatusCode code, Reason reason, const char* words) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_EQ(ReasonOf(status), reason) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"orders\""));
}

TEST_F(LocalKeyWrapperTest, RoundTripInEveryForm) {
  const std::pair<const char*, const char*> kPairs[] = {
      {"rsa-2048.public.pem", "rsa-2048.private.pem"},
      {"rsa-2048.pkcs1.public.pem", "rsa-2048.pkcs8.private.pem"},
      {"rsa-2048.certificate.pem", "rsa-2048.private.pem"},
      {"rsa-3072.public.pem", "rsa-3072.private.pem"},
      {"rsa-4096.public.pem", "rsa-4096.private.pem"},
      {"p-256.public.pem", "p-256.pkcs8.private.pem"},
      {"p-256.certificate.pem", "p-256.private.pem"},
      {"p-384.public.pem", "p-384.private.pem"},
      {"p-521.public.pem", "p-521.private.pem"},
      {"p-256-explicit.public.pem", "p-256-explicit.private.pem"},
      {"p-384-explicit.public.pem", "p-384-explicit.private.pem"},
      {"p-521-explicit.public.pem", "p-521-explicit.private.pem"},
  };
  for (const auto& [public_file, private_file] : kPairs) {
    SCOPED_TRACE(public_file);
    const WrappedKey wrapped = WrappedFor(public_file);
    EXPECT_EQ(wrapped.key_name, "orders");
    Hold({private_file});
    const absl::StatusOr<Unwrapped> unwrapped = Unwrap(*wrapper_, wrapped);
    ASSERT_TRUE(unwrapped.ok()) << unwrapped.status();
    EXPECT_EQ(unwrapped->data_key.view(), kDataKey);
    EXPECT_EQ(unwrapped->operations, 1);
  }
}

TEST_F(LocalKeyWrapperTest, MetadataTravelsBothWays) {
  reader_->metadata = {{"version", "1.0"}};
  const WrappedKey wrapped = WrappedFor("p-256.public.pem");
  EXPECT_EQ(wrapped.metadata, reader_->metadata);
  Hold({"p-256.private.pem"});
  reader_->last_key_name.clear();
  EXPECT_TRUE(Unwrap(*wrapper_, wrapped).ok());
  EXPECT_EQ(reader_->last_key_name, "orders");
  EXPECT_EQ(reader_->last_metadata, reader_->metadata);
}

TEST_F(LocalKeyWrapperTest, GenerationIsTheReaders) {
  reader_->generation = 42;
  EXPECT_EQ(wrapper_->Generation(), 42u);
}

TEST_F(LocalKeyWrapperTest, ReaderErrors) {
  const auto expect_both = [&](absl::StatusCode code, Reason reason, const char* words) {
    ExpectError(Wrap(*wrapper_, "orders").status(), code, reason, words);
    ExpectError(Unwrap(*wrapper_, {"orders", "bytes", {}}).status(), code, reason, words);
  };
  reader_->error = absl::NotFoundError("gone");
  expect_both(absl::StatusCode::kNotFound, Reason::kKeyNotFound, "gone");
  reader_->error = absl::FailedPreconditionError("is a folder");
  expect_both(absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable, "is a folder");
  reader_->error = absl::UnavailableError("timeout");
  expect_both(absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable, "timeout");
  reader_->error = absl::UnauthenticatedError("vault says no");  // must not look like a key that doesn't open
  expect_both(absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable, "vault says no");
  reader_->throws = true;
  expect_both(absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable, "threw");
  reader_->throws = false;
  reader_->generation_throws = true;
  expect_both(absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable, "threw");
}

TEST_F(LocalKeyWrapperTest, NamesTheKeyOnce) {
  reader_->error = absl::NotFoundError("public key \"orders\": no such file");
  EXPECT_EQ(Wrap(*wrapper_, "orders").status().message(), "public key \"orders\": no such file");
  reader_->error = absl::NotFoundError("no such file");
  EXPECT_EQ(Wrap(*wrapper_, "or\nders").status().message(), "public key \"or\\x0aders\": no such file");
}

TEST_F(LocalKeyWrapperTest, PublicKeysThatCannotServe) {
  const std::pair<std::string, const char*> kCases[] = {
      {"", "no complete PEM block"},
      {"garbage", "no complete PEM block"},
      {TestKey("rsa-2048.private.pem"), "a private key where the public one is needed"},
      {TestKey("rsa-1024.public.pem"), "at least 2048"},
  };
  for (const auto& [pem, words] : kCases) {
    reader_->public_pem = pem;
    ExpectError(Wrap(*wrapper_, "orders").status(), absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable, words);
  }
}

TEST_F(LocalKeyWrapperTest, PrivateKeysThatCannotServe) {
  const WrappedKey wrapped = WrappedFor("rsa-2048.public.pem");
  for (const std::string& pem : {std::string(), std::string("garbage"), TestKey("rsa-2048.public.pem"),
                                 TestKey("rsa-1024.private.pem"), TestKey("rsa-2048.encrypted.private.pem")}) {
    reader_->private_pems = {pem};
    ExpectError(Unwrap(*wrapper_, wrapped).status(), absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable, "");
  }
}

TEST_F(LocalKeyWrapperTest, NoCandidatesIsNotFound) {
  ExpectError(Unwrap(*wrapper_, {"orders", "bytes", {}}).status(), absl::StatusCode::kNotFound, Reason::kKeyNotFound,
              "");
}

TEST_F(LocalKeyWrapperTest, CandidatesAreTriedInOrderAndCounted) {
  const WrappedKey wrapped = WrappedFor("rsa-2048.public.pem");
  Hold({"rsa-2048-other.private.pem", "rsa-2048.private.pem"});
  EXPECT_EQ(Unwrap(*wrapper_, wrapped)->operations, 2);
  Hold({"rsa-2048.private.pem", "rsa-2048-other.private.pem"});
  EXPECT_EQ(Unwrap(*wrapper_, wrapped)->operations, 1);
}

TEST_F(LocalKeyWrapperTest, KeysThatCannotFitOrServeCostNoOperation) {
  const WrappedKey wrapped = WrappedFor("rsa-2048.public.pem");
  Hold({"rsa-3072.private.pem", "p-256.private.pem", "rsa-2048.public.pem", "rsa-2048.private.pem"});
  const absl::StatusOr<Unwrapped> unwrapped = Unwrap(*wrapper_, wrapped, 1);
  ASSERT_TRUE(unwrapped.ok()) << unwrapped.status();
  EXPECT_EQ(unwrapped->operations, 1);
}

TEST_F(LocalKeyWrapperTest, OperationsAreLimited) {
  const WrappedKey wrapped = WrappedFor("rsa-2048.public.pem");
  Hold({"rsa-2048-other.private.pem", "rsa-2048.private.pem"});
  ExpectError(Unwrap(*wrapper_, wrapped, 1).status(), absl::StatusCode::kResourceExhausted, Reason::kLimitReached, "1");
  ExpectError(Unwrap(*wrapper_, wrapped, 0).status(), absl::StatusCode::kResourceExhausted, Reason::kLimitReached, "0");
  EXPECT_TRUE(Unwrap(*wrapper_, wrapped, 2).ok());
}

TEST_F(LocalKeyWrapperTest, AFailureRemembersItsOperations) {
  const WrappedKey wrapped = WrappedFor("rsa-2048.public.pem");
  Hold({"rsa-2048-other.private.pem", "rsa-2048-other.private.pem", "rsa-3072.private.pem"});
  EXPECT_EQ(OperationsIn(Unwrap(*wrapper_, wrapped).status()), 2);  // the third key is longer than the wrapped key
  EXPECT_EQ(OperationsIn(Unwrap(*wrapper_, {"orders", "short", {}}).status()), 0);
}

TEST_F(LocalKeyWrapperTest, EveryFailureToOpenIsTheSame) {
  const WrappedKey rsa = WrappedFor("rsa-2048.public.pem");
  const WrappedKey ec = WrappedFor("p-256.public.pem");
  Hold({"rsa-2048-other.private.pem"});
  const auto same = [this](const WrappedKey& wrapped) {
    return Unwrap(*wrapper_, wrapped).status().ToString(absl::StatusToStringMode::kWithNoExtraData);
  };
  const absl::Status first = Unwrap(*wrapper_, rsa).status();
  const std::string status = same(rsa);
  ExpectError(first, absl::StatusCode::kUnauthenticated, Reason::kUnwrapFailed, "doesn't open the wrapped key");
  EXPECT_EQ(same({"orders", "short", {}}), status);
  EXPECT_EQ(same({"orders", std::string(256, '\xff'), {}}), status);
  EXPECT_EQ(same({"orders", "", {}}), status);
  Hold({"p-256-explicit.private.pem"});
  EXPECT_EQ(same(ec), status);
  EXPECT_EQ(same(rsa), status);
  EXPECT_EQ(same({"orders", "\x04" + std::string(116, 'x'), {}}), status);
}

TEST_F(LocalKeyWrapperTest, TheMostUsefulFailureIsTold) {
  const WrappedKey wrapped = WrappedFor("rsa-2048.public.pem");
  const std::string usable = TestKey("rsa-2048-other.private.pem");
  const std::string locked = TestKey("rsa-2048.encrypted.private.pem");
  const std::vector<std::vector<std::string>> kOrders = {{"garbage", usable}, {usable, "garbage"}};
  for (const std::vector<std::string>& pems : kOrders) {
    reader_->private_pems = pems;
    ExpectError(Unwrap(*wrapper_, wrapped).status(), absl::StatusCode::kUnauthenticated, Reason::kUnwrapFailed, "");
  }
  // A key whose passphrase can't be had now may open it later.
  LocalKeyPolicy policy;
  policy.passphrase = [](const std::string&) { return absl::UnavailableError("vault sealed"); };
  wrapper_ = LocalKeyWrapper(reader_, policy);
  reader_->private_pems = {usable, locked, "garbage"};
  ExpectError(Unwrap(*wrapper_, wrapped).status(), absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable,
              "vault sealed");
}

TEST_F(LocalKeyWrapperTest, PassphraseOpensThePrivateKey) {
  const WrappedKey wrapped = WrappedFor("rsa-2048.public.pem");
  LocalKeyPolicy policy;
  policy.passphrase = [](const std::string& key_name) {
    return SecretBytes::CopyOf(key_name == "orders" ? "correct" : "wrong");
  };
  wrapper_ = LocalKeyWrapper(reader_, policy);
  Hold({"rsa-2048.encrypted.private.pem"});
  EXPECT_TRUE(Unwrap(*wrapper_, wrapped).ok());
}

TEST_F(LocalKeyWrapperTest, PolicyAllowsWeakKeysForOldTopics) {
  LocalKeyPolicy policy;
  policy.min_rsa_bits = 1024;
  wrapper_ = LocalKeyWrapper(reader_, policy);
  const WrappedKey wrapped = WrappedFor("rsa-1024.public.pem");
  Hold({"rsa-1024.private.pem"});
  EXPECT_TRUE(Unwrap(*wrapper_, wrapped).ok());
}

TEST_F(LocalKeyWrapperTest, RolledKeysWorkAtOnce) {
  const WrappedKey before = WrappedFor("rsa-2048.public.pem");
  Hold({"rsa-2048.private.pem"});
  EXPECT_TRUE(Unwrap(*wrapper_, before).ok());
  const WrappedKey after = WrappedFor("rsa-2048-other.public.pem");  // even where the reader's generation stayed
  Hold({"rsa-2048-other.private.pem"});
  EXPECT_TRUE(Unwrap(*wrapper_, after).ok());
  EXPECT_FALSE(Unwrap(*wrapper_, before).ok());
}

TEST_F(LocalKeyWrapperTest, OpenSslPropertiesAreUsed) {
  const WrappedKey rsa = WrappedFor("rsa-2048.public.pem");
  const WrappedKey ec = WrappedFor("p-256.public.pem");
  LocalKeyPolicy policy;
  policy.openssl.properties = "provider=nowhere";
  wrapper_ = LocalKeyWrapper(reader_, policy);
  for (const char* file : {"rsa-2048.public.pem", "p-256.public.pem"}) {
    reader_->public_pem = TestKey(file);
    EXPECT_FALSE(Wrap(*wrapper_, "orders").ok());
  }
  Hold({"rsa-2048.private.pem"});
  EXPECT_FALSE(Unwrap(*wrapper_, rsa).ok());
  Hold({"p-256.private.pem"});
  EXPECT_FALSE(Unwrap(*wrapper_, ec).ok());
}

TEST_F(LocalKeyWrapperTest, ManyThreads) {
  const WrappedKey wrapped = WrappedFor("rsa-2048.public.pem");
  Hold({"rsa-2048.private.pem"});
  struct ConstantReader final : CryptoKeyReader {
    absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string&) override {
      return EncryptionKeyInfo{SecretBytes::CopyOf(TestKey("rsa-2048.public.pem")), {}};
    }
    absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string&, const KeyMetadata&) override {
      std::vector<EncryptionKeyInfo> keys;
      keys.push_back({SecretBytes::CopyOf(TestKey("rsa-2048.private.pem")), {}});
      return keys;
    }
    uint64_t Generation() override { return asked++ / 10; }
    std::atomic<uint64_t> asked{0};
  };
  const std::shared_ptr<KeyWrapper> shared = LocalKeyWrapper(std::make_shared<ConstantReader>());
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const absl::StatusOr<WrappedKey> again = Wrap(*shared, "orders");
        EXPECT_TRUE(again.ok()) << again.status();
        EXPECT_EQ(Unwrap(*shared, *again)->data_key.view(), kDataKey);
        EXPECT_EQ(Unwrap(*shared, wrapped)->data_key.view(), kDataKey);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace pulseal
