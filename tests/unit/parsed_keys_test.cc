// SPDX-License-Identifier: Apache-2.0
#include "lib/parsed_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pulseal/error.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using ::pulseal::testing::TestKey;
using ::testing::HasSubstr;

using Key = std::shared_ptr<const crypto::PemKey>;

void ExpectUnusable(const absl::Status& status, const char* words) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(ReasonOf(status), Reason::kKeyUnusable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
}

TEST(ParsedKeys, ReadsAKeyOncePerTextAndGeneration) {
  ParsedKeys keys{LocalKeyPolicy()};
  const std::string pem = TestKey("p-256.private.pem");
  const Key first = *keys.Get("a", true, pem, 1);
  EXPECT_EQ(*keys.Get("a", true, pem, 1), first);
  EXPECT_EQ(*keys.Get("b", true, pem, 1), first);
  EXPECT_NE(*keys.Get("a", true, pem + "\n", 1), first);
  EXPECT_EQ(*keys.Get("a", true, pem, 1), first);
  EXPECT_NE(*keys.Get("a", true, pem, 2), first);
}

TEST(ParsedKeys, ANewGenerationLetsGoOfOldKeys) {
  ParsedKeys keys{LocalKeyPolicy()};
  const std::weak_ptr<const crypto::PemKey> old = *keys.Get("a", true, TestKey("p-256.private.pem"), 1);
  EXPECT_FALSE(old.expired());
  ASSERT_TRUE(keys.Get("a", true, TestKey("p-384.private.pem"), 2).ok());
  EXPECT_TRUE(old.expired());
}

TEST(ParsedKeys, IsBounded) {
  ParsedKeys keys{LocalKeyPolicy()};
  std::string pem = TestKey("p-256.public.pem");
  std::vector<std::weak_ptr<const crypto::PemKey>> kept;
  const size_t count = 2 * ParsedKeys::kCapacity + 3;
  for (size_t i = 0; i < count; ++i, pem += '\n') kept.push_back(*keys.Get("a", false, pem, 0));
  for (size_t i = 0; i < count; ++i) EXPECT_EQ(kept[i].expired(), i + ParsedKeys::kCapacity < count) << i;
}

TEST(ParsedKeys, OnlyTheHalfThatIsWanted) {
  ParsedKeys keys{LocalKeyPolicy()};
  for (int cached = 0; cached < 2; ++cached) {
    ExpectUnusable(keys.Get("a", true, TestKey("p-256.public.pem"), 0).status(), "a public key where");
    ExpectUnusable(keys.Get("a", false, TestKey("p-256.private.pem"), 0).status(), "a private key where");
  }
}

TEST(ParsedKeys, ThePolicyDecides) {
  LocalKeyPolicy lenient;
  lenient.min_rsa_bits = 1024;
  const std::string pem = TestKey("rsa-1024.public.pem");
  ExpectUnusable(ParsedKeys{LocalKeyPolicy()}.Get("a", false, pem, 0).status(), "at least 2048");
  EXPECT_TRUE(ParsedKeys{lenient}.Get("a", false, pem, 0).ok());
  ExpectUnusable(ParsedKeys{LocalKeyPolicy()}.Get("a", false, "", 0).status(), "no complete PEM block");
}

LocalKeyPolicy AskingFor(std::function<absl::StatusOr<SecretBytes>(const std::string&)> passphrase) {
  LocalKeyPolicy policy;
  policy.passphrase = std::move(passphrase);
  return policy;
}

TEST(ParsedKeys, AsksForThePassphraseByKeyNameOnce) {
  std::vector<std::string> asked;
  ParsedKeys keys(AskingFor([&](const std::string& key_name) {
    asked.push_back(key_name);
    return SecretBytes::CopyOf("correct");
  }));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(keys.Get("a", true, TestKey("rsa-2048.encrypted.private.pem"), 0).ok());
  EXPECT_TRUE(keys.Get("a", true, TestKey("rsa-2048.private.pem"), 0).ok());
  EXPECT_EQ(asked, std::vector<std::string>{"a"});
}

TEST(ParsedKeys, PassphrasesThatCannotBeHad) {
  const std::string pem = TestKey("rsa-2048.encrypted.private.pem");
  const auto get = [&](const LocalKeyPolicy& policy) { return ParsedKeys(policy).Get("a", true, pem, 0).status(); };
  ExpectUnusable(get(LocalKeyPolicy()), "none was given (LocalKeyPolicy::passphrase, --passphrase-file)");
  ExpectUnusable(get(AskingFor([](const std::string&) { return absl::NotFoundError(""); })), "no passphrase for it");
  ExpectUnusable(get(AskingFor([](const std::string&) { return SecretBytes::CopyOf("wrong"); })), "doesn't open");
  for (const absl::Status& status :
       {get(AskingFor([](const std::string&) { return absl::InternalError("vault"); })),
        get(AskingFor([](const std::string&) -> absl::StatusOr<SecretBytes> { throw std::runtime_error("x"); }))}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), Reason::kKeyServiceUnavailable) << status;
  }
}

// Copies of one status share their words; another failure's are elsewhere.
bool IsRemembered(const absl::Status& first, const absl::Status& second) {
  return first.message().data() == second.message().data();
}

TEST(ParsedKeys, FailuresForGoodAreRememberedWithinAGeneration) {
  ParsedKeys keys{LocalKeyPolicy()};
  for (const std::string& pem : {std::string("garbage"), TestKey("rsa-1024.private.pem")}) {
    const absl::Status first = keys.Get("a", true, pem, 0).status();
    ExpectUnusable(first, "");
    EXPECT_TRUE(IsRemembered(first, keys.Get("a", true, pem, 0).status()));
    EXPECT_TRUE(IsRemembered(first, keys.Get("b", true, pem, 0).status()));
  }
  const absl::Status first = keys.Get("a", true, "garbage", 1).status();
  EXPECT_FALSE(IsRemembered(first, keys.Get("a", true, "garbage", 2).status()));
}

TEST(ParsedKeys, AWrongPassphraseIsTriedOnceAndAnotherOneAtOnce) {
  std::string answer = "wrong";
  ParsedKeys keys(AskingFor([&](const std::string&) { return SecretBytes::CopyOf(answer); }));
  const std::string pem = TestKey("rsa-2048.encrypted.private.pem");
  const absl::Status first = keys.Get("a", true, pem, 0).status();
  ExpectUnusable(first, "doesn't open");
  EXPECT_TRUE(IsRemembered(first, keys.Get("a", true, pem, 0).status()));
  answer = "also wrong";
  const absl::Status second = keys.Get("a", true, pem, 0).status();
  EXPECT_FALSE(IsRemembered(first, second));
  EXPECT_TRUE(IsRemembered(second, keys.Get("a", true, pem, 0).status()));
  answer = "correct";
  EXPECT_TRUE(keys.Get("a", true, pem, 0).ok());
  answer = "wrong";
  EXPECT_TRUE(keys.Get("a", true, pem, 0).ok()) << "a key that was read stays";
}

// A reader may have one key for every name, and names are the sender's: each must not cost a key derivation.
TEST(ParsedKeys, AnEncryptedKeyIsReadOncePerPassphraseWhateverItsName) {
  std::vector<std::string> asked;
  ParsedKeys keys(AskingFor([&](const std::string& key_name) {
    asked.push_back(key_name);
    return SecretBytes::CopyOf(key_name.substr(0, 7));
  }));
  const std::string pem = TestKey("rsa-2048.encrypted.private.pem");
  const absl::Status refused = keys.Get("wrong 1", true, pem, 0).status();
  ExpectUnusable(refused, "doesn't open");
  EXPECT_TRUE(IsRemembered(refused, keys.Get("wrong 1 too", true, pem, 0).status()));
  EXPECT_FALSE(IsRemembered(refused, keys.Get("wrong 2", true, pem, 0).status()));
  const Key key = *keys.Get("correct", true, pem, 0);
  asked.clear();
  EXPECT_EQ(*keys.Get("correct", true, pem, 0), key);
  EXPECT_TRUE(asked.empty());
  EXPECT_EQ(*keys.Get("correct too", true, pem, 0), key);
  EXPECT_EQ(asked, std::vector<std::string>{"correct too"});
  EXPECT_TRUE(IsRemembered(refused, keys.Get("wrong 1", true, pem, 0).status())) << "opened for another name alone";
}

TEST(ParsedKeys, APassphraseThatCannotBeHadIsNotRemembered) {
  absl::Status answer = absl::UnavailableError("vault sealed");
  ParsedKeys keys(AskingFor([&](const std::string&) -> absl::StatusOr<SecretBytes> {
    if (!answer.ok()) return answer;
    return SecretBytes::CopyOf("correct");
  }));
  const std::string pem = TestKey("rsa-2048.encrypted.private.pem");
  EXPECT_EQ(keys.Get("a", true, pem, 0).status().code(), absl::StatusCode::kUnavailable);
  answer = absl::NotFoundError("");
  ExpectUnusable(keys.Get("a", true, pem, 0).status(), "no passphrase for it");
  answer = absl::OkStatus();
  EXPECT_TRUE(keys.Get("a", true, pem, 0).ok());
}

TEST(ParsedKeys, ManyThreads) {
  ParsedKeys keys{LocalKeyPolicy()};
  const std::string pems[] = {TestKey("p-256.private.pem"), TestKey("p-384.private.pem")};
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t i = 0; i < 50; ++i) {
        const absl::StatusOr<Key> key = keys.Get("a", true, pems[(i + thread) % 2], i / 10);
        EXPECT_EQ(key.ok() ? (*key)->bits : 0, (i + thread) % 2 == 0 ? 256 : 384);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace pulseal
