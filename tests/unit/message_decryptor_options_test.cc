// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "pulseal/key_readers.h"
#include "pulseal/message_decryptor.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using std::chrono::seconds;
using testing::FakeKeyWrapper;
using ::testing::HasSubstr;
using testing::MadeMessage;
using testing::Seal;

absl::Status CreateWith(DecryptorOptions options) { return MessageDecryptor::Create(std::move(options)).status(); }

TEST(CreateDecryptor, TakesTheDefaults) { EXPECT_TRUE(CreateWith({}).ok()); }

// What a message may cost, and how safe it is, where nobody says otherwise.
TEST(CreateDecryptor, DefaultsAreThoseOfTheDocumentation) {
  const DecryptorOptions options;
  EXPECT_EQ(options.failure_action, ConsumerCryptoFailureAction::kFail);
  EXPECT_FALSE(options.deliver_whole_batch);
  EXPECT_FALSE(options.apply_action_when_unavailable);
  EXPECT_EQ(options.max_wrapped_keys, 64);
  EXPECT_EQ(options.max_private_key_operations, 8);
  EXPECT_EQ(options.unwraps_per_second, 1000);
  EXPECT_EQ(options.cache_max_keys, 1000u);
  EXPECT_EQ(options.cache_max_failures, 10000u);
  EXPECT_EQ(options.max_pending, 1000u);
  EXPECT_EQ(options.cache_ttl, std::chrono::hours(4));
  EXPECT_EQ(options.failure_ttl, seconds(60));
  EXPECT_EQ(options.key_timeout, seconds(30));
}

TEST(CreateDecryptor, RefusesOptionsThatBreakARule) {
  const std::pair<const char*, void (*)(DecryptorOptions&)> cases[] = {
      {"key_reader and key_wrapper",
       [](DecryptorOptions& o) {
         o.key_wrapper = std::make_shared<FakeKeyWrapper>();
         o.key_reader = KeyDirectory("keys");
       }},
      {"max_wrapped_keys", [](DecryptorOptions& o) { o.max_wrapped_keys = 0; }},
      {"max_wrapped_keys", [](DecryptorOptions& o) { o.max_wrapped_keys = 65; }},
      {"max_private_key_operations", [](DecryptorOptions& o) { o.max_private_key_operations = 0; }},
      {"unwraps_per_second", [](DecryptorOptions& o) { o.unwraps_per_second = 0; }},
      {"cache_max_keys", [](DecryptorOptions& o) { o.cache_max_keys = 0; }},
      {"cache_ttl", [](DecryptorOptions& o) { o.cache_ttl = seconds(-1); }},
      {"failure_ttl", [](DecryptorOptions& o) { o.failure_ttl = seconds(0); }},
      {"cache_max_failures", [](DecryptorOptions& o) { o.cache_max_failures = 63; }},
      {"key_timeout", [](DecryptorOptions& o) { o.key_timeout = std::chrono::milliseconds(0); }},
      {"background", [](DecryptorOptions& o) { o.background.mode = Background::Mode::kExecutor; }},
  };
  for (const auto& [named, set] : cases) {
    DecryptorOptions options;
    set(options);
    const absl::Status status = CreateWith(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << named;
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse) << named;
    EXPECT_THAT(std::string(status.message()), HasSubstr(named));
  }
}

TEST(CreateDecryptor, SaysWhereOpenSslHasNoAesGcm) {
  DecryptorOptions options;
  options.openssl.properties = "provider=nonesuch";
  EXPECT_EQ(CreateWith(options).code(), absl::StatusCode::kInternal);
}

TEST(CreateDecryptor, TakesTimesThatWouldOverflowAClock) {
  DecryptorOptions options;
  options.cache_ttl = seconds::max();
  options.failure_ttl = seconds::max();
  options.key_timeout = std::chrono::milliseconds::max();
  options.key_wrapper = std::make_shared<FakeKeyWrapper>();
  const auto decryptor = MessageDecryptor::Create(options);
  const MadeMessage message = Seal("hello", {"orders"});
  std::string out;
  EXPECT_EQ((*decryptor)->Decrypt(message.metadata(), message.payload, &out).payload, "hello");
  EXPECT_EQ((*decryptor)->counters().keys_cached, 1u);
}

}  // namespace
}  // namespace pulseal
