// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/pem_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/status.h"
#include "pulseal/error.h"
#include "tests/support/test_keys.h"

namespace pulseal::crypto {
namespace {

using ::pulseal::testing::TestKey;
using ::testing::HasSubstr;

absl::StatusOr<SecretBytes> NoPassphrase() {
  ADD_FAILURE() << "asked for a passphrase";
  return absl::UnknownError("asked");
}

absl::StatusOr<PemKey> Read(std::string_view pem) { return ReadPemKey(pem, NoPassphrase, {}); }

struct Expected {
  const char* file;
  const char* label;
  bool is_private;
  KeyAlgorithm algorithm;
  int bits;
  const char* curve;
  bool explicit_parameters;
};

constexpr KeyAlgorithm kRsa = KeyAlgorithm::kRsa, kEc = KeyAlgorithm::kEc;
constexpr Expected kKeys[] = {
    {"rsa-1024.private.pem", "RSA PRIVATE KEY", true, kRsa, 1024, "", false},
    {"rsa-1024.public.pem", "PUBLIC KEY", false, kRsa, 1024, "", false},
    {"rsa-2048.private.pem", "RSA PRIVATE KEY", true, kRsa, 2048, "", false},
    {"rsa-2048.pkcs8.private.pem", "PRIVATE KEY", true, kRsa, 2048, "", false},
    {"rsa-2048.public.pem", "PUBLIC KEY", false, kRsa, 2048, "", false},
    {"rsa-2048.pkcs1.public.pem", "RSA PUBLIC KEY", false, kRsa, 2048, "", false},
    {"rsa-2048.certificate.pem", "CERTIFICATE", false, kRsa, 2048, "", false},
    {"rsa-3072.private.pem", "RSA PRIVATE KEY", true, kRsa, 3072, "", false},
    {"rsa-4096.private.pem", "RSA PRIVATE KEY", true, kRsa, 4096, "", false},
    {"p-256.private.pem", "EC PRIVATE KEY", true, kEc, 256, "prime256v1", false},
    {"p-256.pkcs8.private.pem", "PRIVATE KEY", true, kEc, 256, "prime256v1", false},
    {"p-256.public.pem", "PUBLIC KEY", false, kEc, 256, "prime256v1", false},
    {"p-256.certificate.pem", "CERTIFICATE", false, kEc, 256, "prime256v1", false},
    {"p-256-explicit.private.pem", "EC PRIVATE KEY", true, kEc, 256, "prime256v1", true},
    {"p-256-explicit.public.pem", "PUBLIC KEY", false, kEc, 256, "prime256v1", true},
    {"p-384.private.pem", "EC PRIVATE KEY", true, kEc, 384, "secp384r1", false},
    {"p-384.public.pem", "PUBLIC KEY", false, kEc, 384, "secp384r1", false},
    {"p-384-explicit.private.pem", "EC PRIVATE KEY", true, kEc, 384, "secp384r1", true},
    {"p-384-explicit.public.pem", "PUBLIC KEY", false, kEc, 384, "secp384r1", true},
    {"p-521.private.pem", "EC PRIVATE KEY", true, kEc, 521, "secp521r1", false},
    {"p-521.public.pem", "PUBLIC KEY", false, kEc, 521, "secp521r1", false},
    {"p-521-explicit.private.pem", "EC PRIVATE KEY", true, kEc, 521, "secp521r1", true},
    {"p-521-explicit.public.pem", "PUBLIC KEY", false, kEc, 521, "secp521r1", true},
};

TEST(PemKey, ReadsEveryForm) {
  for (const Expected& expected : kKeys) {
    SCOPED_TRACE(expected.file);
    const absl::StatusOr<PemKey> key = Read(TestKey(expected.file));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->label, expected.label);
    EXPECT_EQ(key->is_private, expected.is_private);
    EXPECT_EQ(key->algorithm, expected.algorithm);
    EXPECT_EQ(key->bits, expected.bits);
    EXPECT_EQ(key->curve, expected.curve);
    EXPECT_EQ(key->explicit_parameters, expected.explicit_parameters);
  }
}

void ExpectUnusable(const absl::Status& status, const char* words) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(ReasonOf(status), Reason::kKeyUnusable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
}

TEST(PemKey, PassphraseOpensPkcs8) {
  const auto read = [](const char* passphrase) {
    return ReadPemKey(TestKey("rsa-2048.encrypted.private.pem"), [&] { return SecretBytes::CopyOf(passphrase); }, {});
  };
  const absl::StatusOr<PemKey> key = read("correct");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->label, "ENCRYPTED PRIVATE KEY");
  EXPECT_EQ(key->bits, 2048);
  ExpectUnusable(read("wrong").status(), "the passphrase doesn't open");
  ExpectUnusable(read("").status(), "the passphrase doesn't open");
}

TEST(PemKey, PassphraseErrorsComeBackAsTheyAre) {
  const absl::Status error = absl::UnavailableError("vault sealed");
  EXPECT_EQ(ReadPemKey(TestKey("rsa-2048.encrypted.private.pem"), [&] { return error; }, {}).status(), error);
}

}  // namespace
}  // namespace pulseal::crypto
