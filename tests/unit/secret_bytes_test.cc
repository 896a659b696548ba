// SPDX-License-Identifier: Apache-2.0
#include "pulseal/secret_bytes.h"

#include <gtest/gtest.h>

#include <utility>

namespace pulseal {
namespace {

TEST(SecretBytes, CopiesAndMoves) {
  SecretBytes secret = SecretBytes::CopyOf("secret");
  EXPECT_EQ(secret.view(), "secret");
  SecretBytes moved = std::move(secret);
  EXPECT_EQ(moved.view(), "secret");
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): the contract says it is empty
  moved = SecretBytes::CopyOf("");
  EXPECT_TRUE(moved.empty());
}

TEST(SecretBytes, OfSizeIsZeroFilledAndWritable) {
  SecretBytes bytes = SecretBytes::OfSize(3);
  EXPECT_EQ(bytes.view(), std::string_view("\0\0\0", 3));
  bytes.mutable_span()[1] = 'x';
  EXPECT_EQ(bytes.view(), std::string_view("\0x\0", 3));
}

TEST(SecretBytes, TruncateWipesWhatItForgets) {
  SecretBytes bytes = SecretBytes::CopyOf("abcdef");
  const char* data = bytes.view().data();
  bytes.Truncate(2);
  EXPECT_EQ(bytes.view(), "ab");
  EXPECT_EQ(std::string_view(data, 6), std::string_view("ab\0\0\0\0", 6));
  bytes.Truncate(10);
  EXPECT_EQ(bytes.size(), 2u);
}

}  // namespace
}  // namespace pulseal
