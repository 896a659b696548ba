// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/hmac_sha1.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <string>

#include "tests/support/vector_table.h"

namespace pulseal::crypto {
namespace {

using testing::Outcomes;

// By verdict, size of the tag, and whether it is ours or the beginning of ours. Wrapped keys have whole tags only; of
// the short ones the beginning can still be checked.
Outcomes RunTable(const std::string& table) {
  Outcomes outcomes;
  for (const testing::Vector& vector : testing::VectorTable(table)) {
    const std::string tag = vector.Bytes("tag");
    const absl::StatusOr<std::string> mac = HmacSha1(vector.Bytes("key"), vector.Bytes("message"), {});
    EXPECT_TRUE(mac.ok()) << vector.Text("id") << mac.status();
    if (!mac.ok()) continue;
    EXPECT_EQ(mac->size(), kHmacSha1Size);
    const bool same = mac->substr(0, tag.size()) == tag;
    EXPECT_EQ(same, vector.Text("verdict") == "valid") << vector.Text("id");
    ++outcomes[vector.Text("verdict") + ", " + std::to_string(tag.size()) + " bytes"];
  }
  return outcomes;
}

TEST(HmacSha1, Vectors) {
  EXPECT_EQ(
      RunTable("hmac_sha1_wycheproof.txt"),
      (Outcomes{
          {"valid, 20 bytes", 33}, {"valid, 10 bytes", 33}, {"invalid, 20 bytes", 54}, {"invalid, 10 bytes", 50}}));
  EXPECT_EQ(RunTable("hmac_sha1_rfc2202.txt"), (Outcomes{{"valid, 20 bytes", 7}}));
}

TEST(HmacSha1, PropertiesThatNothingHasAreInternal) {
  EXPECT_EQ(HmacSha1("key", "message", {nullptr, "provider=nowhere"}).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace pulseal::crypto
