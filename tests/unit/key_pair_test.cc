// SPDX-License-Identifier: Apache-2.0
#include "pulseal/key_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "pulseal/error.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using ::pulseal::testing::TestKey;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

struct Type {
  KeyType type;
  const char* algorithm;
  int bits;
  const char* curve;
  const char* private_label;
};

constexpr Type kTypes[] = {
    {KeyType::kRsa2048, "RSA", 2048, "", "RSA PRIVATE KEY"}, {KeyType::kRsa3072, "RSA", 3072, "", "RSA PRIVATE KEY"},
    {KeyType::kRsa4096, "RSA", 4096, "", "RSA PRIVATE KEY"}, {KeyType::kP256, "EC", 256, "P-256", "EC PRIVATE KEY"},
    {KeyType::kP384, "EC", 384, "P-384", "EC PRIVATE KEY"},  {KeyType::kP521, "EC", 521, "P-521", "EC PRIVATE KEY"},
};

TEST(KeyPair, GeneratesEveryType) {
  for (const Type& type : kTypes) {
    SCOPED_TRACE(::testing::Message() << type.algorithm << type.bits);
    const absl::StatusOr<KeyPair> pair = GenerateKeyPair(type.type);
    ASSERT_TRUE(pair.ok()) << pair.status();
    EXPECT_THAT(pair->public_pem, StartsWith("-----BEGIN PUBLIC KEY-----\n"));
    EXPECT_THAT(std::string(pair->private_pem.view()),
                StartsWith(std::string("-----BEGIN ") + type.private_label + "-----\n"));

    const absl::StatusOr<KeyDescription> public_half = DescribeKey(pair->public_pem);
    const absl::StatusOr<KeyDescription> private_half = DescribeKey(pair->private_pem.view());
    ASSERT_TRUE(public_half.ok()) << public_half.status();
    ASSERT_TRUE(private_half.ok()) << private_half.status();
    EXPECT_FALSE(public_half->is_private);
    EXPECT_TRUE(private_half->is_private);
    EXPECT_EQ(public_half->algorithm, type.algorithm);
    EXPECT_EQ(public_half->bits, type.bits);
    EXPECT_EQ(public_half->curve, type.curve);
    EXPECT_FALSE(private_half->explicit_parameters);
    EXPECT_EQ(public_half->fingerprint, private_half->fingerprint);
  }
}

TEST(KeyPair, EachIsNew) {
  EXPECT_NE(GenerateKeyPair(KeyType::kP256)->public_pem, GenerateKeyPair(KeyType::kP256)->public_pem);
}

TEST(KeyPair, PassphraseEncryptsThePrivateKey) {
  for (const KeyType type : {KeyType::kRsa2048, KeyType::kP256}) {
    const absl::StatusOr<KeyPair> pair = GenerateKeyPair(type, "open sesame");
    ASSERT_TRUE(pair.ok()) << pair.status();
    const absl::StatusOr<KeyDescription> locked = DescribeKey(pair->private_pem.view());
    ASSERT_TRUE(locked.ok()) << locked.status();
    EXPECT_TRUE(locked->is_private);
    EXPECT_TRUE(locked->is_passphrase_encrypted);
    EXPECT_EQ(locked->pem_label, "ENCRYPTED PRIVATE KEY");
    EXPECT_EQ(locked->fingerprint, "");
    const absl::StatusOr<KeyDescription> opened = DescribeKey(pair->private_pem.view(), "open sesame");
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE(opened->is_passphrase_encrypted);
    EXPECT_EQ(opened->fingerprint, DescribeKey(pair->public_pem)->fingerprint);
    EXPECT_FALSE(opened->java_reads || opened->cpp_reads || opened->go_reads);
    const absl::Status wrong = DescribeKey(pair->private_pem.view(), "open barley").status();
    EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(wrong), Reason::kKeyUnusable);
    EXPECT_THAT(std::string(wrong.message()), HasSubstr("passphrase"));
  }
}

TEST(KeyPair, MisuseIsRefused) {
  for (const absl::Status& status :
       {GenerateKeyPair(static_cast<KeyType>(6)).status(), GenerateKeyPair(static_cast<KeyType>(-1)).status(),
        GenerateKeyPair(KeyType::kP256, "").status(),
        GenerateKeyPair(KeyType::kP256, std::string(1025, 'x')).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse) << status;
  }
  EXPECT_TRUE(GenerateKeyPair(KeyType::kP256, std::string(1024, 'x')).ok());
}

struct Readers {
  const char* file;
  const char* passphrase;
  bool java, cpp, go;
};

TEST(DescribeKey, SaysWhichOfficialClientsReadIt) {
  constexpr Readers kReaders[] = {
      {"rsa-2048.public.pem", "", true, true, true},
      {"rsa-2048.pkcs1.public.pem", "", true, false, false},
      {"rsa-2048.certificate.pem", "", true, false, false},
      {"rsa-2048.private.pem", "", true, true, true},
      {"rsa-2048.pkcs8.private.pem", "", true, true, false},
      {"rsa-2048.encrypted.private.pem", "", false, false, false},
      {"rsa-2048.encrypted.private.pem", "correct", false, false, false},
      {"p-256.public.pem", "", true, false, false},
      {"p-256.certificate.pem", "", true, false, false},
      {"p-256.private.pem", "", true, false, false},
      {"p-256.pkcs8.private.pem", "", true, false, false},
      {"p-521-explicit.public.pem", "", true, false, false},
  };
  for (const Readers& readers : kReaders) {
    SCOPED_TRACE(readers.file);
    const absl::StatusOr<KeyDescription> description = DescribeKey(TestKey(readers.file), readers.passphrase);
    ASSERT_TRUE(description.ok()) << description.status();
    EXPECT_EQ(description->java_reads, readers.java);
    EXPECT_EQ(description->cpp_reads, readers.cpp);
    EXPECT_EQ(description->go_reads, readers.go);
  }
}

TEST(DescribeKey, FingerprintIsOfTheKeyNotTheForm) {
  // openssl pkey -pubin -in rsa-2048.public.pem -outform DER | sha256sum
  const std::string rsa = DescribeKey(TestKey("rsa-2048.public.pem"))->fingerprint;
  const std::string ec = DescribeKey(TestKey("p-256.public.pem"))->fingerprint;
  EXPECT_THAT(rsa, MatchesRegex("SHA256:[0-9a-f]{64}"));
  EXPECT_EQ(rsa, "SHA256:03c89809ad8b71e1cc1aa4348f7f142d241e628ef6e0944ca1963cfe5a9e413e");
  EXPECT_EQ(ec, "SHA256:7210f825bd0f1c58252d773fb9faa3a14dbf4a00688a75cc268cf9194aafdf7a");
  for (const char* form : {"private", "pkcs8.private", "pkcs1.public", "certificate"}) {
    EXPECT_EQ(DescribeKey(TestKey(std::string("rsa-2048.") + form + ".pem"))->fingerprint, rsa) << form;
  }
  EXPECT_EQ(DescribeKey(TestKey("rsa-2048.encrypted.private.pem"), "correct")->fingerprint, rsa);
  EXPECT_NE(DescribeKey(TestKey("rsa-2048-other.public.pem"))->fingerprint, rsa);
  for (const char* form : {".private", ".pkcs8.private", ".certificate"}) {
    EXPECT_EQ(DescribeKey(TestKey(std::string("p-256") + form + ".pem"))->fingerprint, ec) << form;
  }
}

TEST(DescribeKey, WrittenOutParametersHaveTheFingerprintOfTheNamedCurve) {
  // openssl ec -pubin -in p-256-explicit.public.pem -param_enc named_curve -outform DER | sha256sum
  const std::pair<std::string, std::string> kExpected[] = {
      {"p-256", "SHA256:3d97790c13162003561390ad7faa6a00724b3ef52cfd6a9a784cc23033519375"},
      {"p-384", "SHA256:d465ec7434a689fca0344536ac8aee8418f66904c86ebefa511ccadc933e3407"},
      {"p-521", "SHA256:096c5426f2601b7b3489b5d82018c401d293b4b17a8b424e0540fec157ecc05e"},
  };
  for (const auto& [curve, fingerprint] : kExpected) {
    SCOPED_TRACE(curve);
    const absl::StatusOr<KeyDescription> public_half = DescribeKey(TestKey(curve + "-explicit.public.pem"));
    const absl::StatusOr<KeyDescription> private_half = DescribeKey(TestKey(curve + "-explicit.private.pem"));
    ASSERT_TRUE(public_half.ok() && private_half.ok());
    EXPECT_TRUE(public_half->explicit_parameters);
    EXPECT_TRUE(private_half->explicit_parameters);
    EXPECT_EQ(public_half->fingerprint, private_half->fingerprint);
    EXPECT_EQ(public_half->fingerprint, fingerprint);
  }
}

TEST(DescribeKey, DescribesWeakKeys) {
  const absl::StatusOr<KeyDescription> weak = DescribeKey(TestKey("rsa-1024.public.pem"));
  ASSERT_TRUE(weak.ok()) << weak.status();
  EXPECT_EQ(weak->bits, 1024);
}

TEST(DescribeKey, WhatIsNoKeyIsInvalid) {
  for (const char* text : {"", "no key", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n"}) {
    const absl::Status status = DescribeKey(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ReasonOf(status), Reason::kKeyUnusable) << status;
  }
}

}  // namespace
}  // namespace pulseal
