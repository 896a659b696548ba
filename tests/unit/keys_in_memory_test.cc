// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pulseal/error.h"
#include "pulseal/key_readers.h"

namespace pulseal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<CryptoKeyReader> TwoKeys() {
  std::multimap<std::string, SecretBytes> private_pems;
  private_pems.emplace("orders", SecretBytes::CopyOf("private pem"));
  return KeysInMemory({{"orders", "public pem"}}, std::move(private_pems));
}

TEST(KeysInMemory, AnswersByName) {
  const auto reader = TwoKeys();
  const auto public_key = reader->GetPublicKey("orders");
  ASSERT_TRUE(public_key.ok()) << public_key.status();
  EXPECT_EQ(public_key->pem.view(), "public pem");
  EXPECT_TRUE(public_key->metadata.empty());
  const auto private_keys = reader->GetPrivateKeys("orders", {{"version", "1"}});
  ASSERT_TRUE(private_keys.ok()) << private_keys.status();
  ASSERT_EQ(private_keys->size(), 1u);
  EXPECT_EQ(private_keys->front().pem.view(), "private pem");
  EXPECT_EQ(reader->Generation(), reader->Generation());
}

TEST(KeysInMemory, ARolledPairsKeysComeInTheirOrder) {
  std::multimap<std::string, SecretBytes> private_pems;
  for (const char* pem : {"new", "old", "oldest"}) private_pems.emplace("orders", SecretBytes::CopyOf(pem));
  private_pems.emplace("audit", SecretBytes::CopyOf("another name's"));
  const auto keys = KeysInMemory({}, std::move(private_pems))->GetPrivateKeys("orders", {});
  ASSERT_TRUE(keys.ok()) << keys.status();
  std::vector<std::string> pems;
  for (const EncryptionKeyInfo& key : *keys) pems.emplace_back(key.pem.view());
  EXPECT_THAT(pems, ElementsAre("new", "old", "oldest"));
}

TEST(KeysInMemory, OtherNamesAreNotFound) {
  const auto reader = TwoKeys();
  const absl::Status public_error = reader->GetPublicKey("a\"b\n").status();
  EXPECT_EQ(public_error.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(public_error), Reason::kKeyNotFound);
  EXPECT_THAT(std::string(public_error.message()), HasSubstr("public key \"a\\x22b\\x0a\""));
  const absl::Status private_error = reader->GetPrivateKeys("audit", {}).status();
  EXPECT_EQ(private_error.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(private_error), Reason::kKeyNotFound);
  EXPECT_THAT(std::string(private_error.message()), HasSubstr("private key \"audit\""));
}

}  // namespace
}  // namespace pulseal
