// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <string>

#include "lib/crypto/pem_key.h"
#include "lib/crypto/rsa_oaep.h"
#include "lib/crypto/unwrap_failed.h"
#include "pulseal/error.h"
#include "tests/support/pem_of.h"
#include "tests/support/vector_table.h"

namespace pulseal::crypto {
namespace {

using testing::Outcomes;
using testing::Vector;

constexpr int kMinRsaBits = 2048;

// What official clients write: SHA-1, MGF1 with SHA-1, no label. Everything else is refused, however valid it may be,
// and is the same failure as every damaged one.
//
// Acceptable by Project Wycheproof, three vectors (SmallIntegerCiphertext): a wrapped key that is the number 0 or 1.
// They have labels and other digests, so that they are refused before that could be asked.
bool IsOurs(const Vector& vector) {
  return vector.Text("digest") == "SHA-1" && vector.Text("mgf1_digest") == "SHA-1" && vector.Text("label").empty();
}

// By verdict, whether the digests and the label are ours, and what became of it. Keys below the usual minimum are
// refused before they unwrap anything; here they unwrap all the same, as min_rsa_bits may be lowered.
Outcomes RunTable(const std::string& table) {
  Outcomes outcomes;
  PemKey key;
  std::string der;
  for (const Vector& vector : testing::VectorTable(table)) {
    SCOPED_TRACE(vector.Text("id"));
    if (vector.Bytes("key") != der) {
      der = vector.Bytes("key");
      absl::StatusOr<PemKey> read = ReadPemKey(testing::PemOf("PRIVATE KEY", der), nullptr, {});
      EXPECT_TRUE(read.ok()) << read.status();
      if (!read.ok()) continue;
      key = *read;
    }
    EXPECT_EQ(ReasonOf(CheckStrength(key, kMinRsaBits, {})),
              key.bits < kMinRsaBits ? Reason::kKeyUnusable : Reason::kNone);
    const std::string what = vector.Text("verdict") + (IsOurs(vector) ? "" : " of another form") +
                             (key.bits < kMinRsaBits ? ", weak key, " : ", ");
    const absl::StatusOr<SecretBytes> opened = RsaOaepUnwrap(key, vector.Bytes("wrapped"), {});
    EXPECT_EQ(ERR_peek_error(), 0u);
    if (vector.Text("verdict") == "valid" && IsOurs(vector)) {
      EXPECT_TRUE(opened.ok() && opened->view() == vector.Bytes("message")) << opened.status();
    } else {
      EXPECT_EQ(opened.status(), UnwrapFailed());
    }
    ++outcomes[what + (opened.ok() ? "opens" : "fails")];
  }
  return outcomes;
}

TEST(RsaOaepVectors, ProjectWycheproof) {
  EXPECT_EQ(RunTable("rsa_oaep_wycheproof.txt"), (Outcomes{{"valid, opens", 19},
                                                           {"valid, weak key, opens", 3},
                                                           {"valid of another form, fails", 89},
                                                           {"valid of another form, weak key, fails", 39},
                                                           {"acceptable of another form, fails", 3},
                                                           {"invalid, fails", 19}}));
}

TEST(RsaOaepVectors, RsaLaboratories) {
  EXPECT_EQ(RunTable("rsa_oaep_rsa_labs.txt"), (Outcomes{{"valid, opens", 6}, {"valid, weak key, opens", 54}}));
}

}  // namespace
}  // namespace pulseal::crypto
