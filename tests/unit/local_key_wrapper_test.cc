// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "pulseal/error.h"
#include "pulseal/key_readers.h"
#include "pulseal/key_wrapper.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using ::pulseal::testing::TestKey;

constexpr std::string_view kDataKey = "0123456789abcdef0123456789abcdef";

absl::StatusOr<WrappedKey> Wrap(KeyWrapper& wrapper, const std::string& key_name) {
  absl::StatusOr<WrappedKey> answer = absl::UnknownError("done was not called");
  wrapper.Wrap(key_name, std::make_shared<const SecretBytes>(SecretBytes::CopyOf(kDataKey)),
               [&](absl::StatusOr<WrappedKey> wrapped) { answer = std::move(wrapped); });
  return answer;
}

absl::StatusOr<Unwrapped> Unwrap(KeyWrapper& wrapper, WrappedKey wrapped, int max_operations = 8) {
  absl::StatusOr<Unwrapped> answer = absl::UnknownError("done was not called");
  wrapper.Unwrap(std::move(wrapped), max_operations,
                 [&](absl::StatusOr<Unwrapped> unwrapped) { answer = std::move(unwrapped); });
  return answer;
}

TEST(LocalKeyWrapper, RoundTrip) {
  for (const std::string name : {"rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521", "p-521-explicit"}) {
    SCOPED_TRACE(name);
    auto wrapper = LocalKeyWrapper(KeyDirectory(PULSEAL_SOURCE_DIR "/tests/vectors/keys"));
    const absl::StatusOr<WrappedKey> wrapped = Wrap(*wrapper, name);
    ASSERT_TRUE(wrapped.ok()) << wrapped.status();
    EXPECT_EQ(wrapped->key_name, name);
    const absl::StatusOr<Unwrapped> unwrapped = Unwrap(*wrapper, *wrapped);
    ASSERT_TRUE(unwrapped.ok()) << unwrapped.status();
    EXPECT_EQ(unwrapped->data_key.view(), kDataKey);
    EXPECT_EQ(unwrapped->operations, 1);
  }
}

}  // namespace
}  // namespace pulseal
