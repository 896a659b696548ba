// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/kdf2.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <string>

#include "tests/support/reference_ecies.h"
#include "tests/support/vector_table.h"

namespace pulseal::crypto {
namespace {

// ANSI X9.63's function without shared information is KDF2.
TEST(Kdf2, Vectors) {
  int passed = 0;
  for (const testing::Vector& vector : testing::VectorTable("x963_kdf_cavp.txt")) {
    SCOPED_TRACE(vector.Text("id"));
    const std::string expected = vector.Bytes("key_data");
    const absl::StatusOr<SecretBytes> derived = Kdf2Sha1(vector.Bytes("secret"), expected.size(), {});
    ASSERT_TRUE(derived.ok()) << derived.status();
    EXPECT_EQ(derived->view(), expected);
    ++passed;
  }
  EXPECT_EQ(passed, 10);
}

// The vectors want less than one block.
TEST(Kdf2, EverySizeIsTheBeginningOfTheNext) {
  for (const size_t size : {1, 19, 20, 21, 40, 48, 80, 1000}) {
    const absl::StatusOr<SecretBytes> derived = Kdf2Sha1("secret", size, {});
    ASSERT_TRUE(derived.ok()) << derived.status();
    EXPECT_EQ(derived->view(), testing::ReferenceKdf2("secret", size));
  }
}

TEST(Kdf2, PropertiesThatNothingHasAreInternal) {
  EXPECT_EQ(Kdf2Sha1("secret", 16, {nullptr, "provider=nowhere"}).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace pulseal::crypto
