// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/pem_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "lib/crypto/openssl_ptr.h"
#include "lib/status.h"
#include "pulseal/error.h"
#include "pulseal/key_readers.h"
#include "tests/support/pem_of.h"
#include "tests/support/test_keys.h"

namespace pulseal::crypto {
namespace {

using ::pulseal::testing::PemOf;
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
  EXPECT_EQ(ERR_peek_error(), 0u);
}

void ExpectUnusable(const std::string& pem, const char* words) { ExpectUnusable(Read(pem).status(), words); }

std::string TextOf(const BioPtr& bio) {
  char* data = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(bio.get(), &data));
  return std::string(data, size);
}

PkeyPtr EcKey(const char* curve) { return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve)); }

std::string PublicPemOf(EVP_PKEY* key) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PUBKEY(bio.get(), key), 1);
  return TextOf(bio);
}

std::string PrivatePemOf(EVP_PKEY* key) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr), 1);
  return TextOf(bio);
}

// The first PEM block of a test key, decoded; after an EC PARAMETERS block.
std::string DerOf(const std::string& file) {
  const std::string pem = TestKey(file);
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::string label, der;
  do {
    char *name = nullptr, *header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) return "";
    label = name;
    der.assign(reinterpret_cast<char*>(data), static_cast<size_t>(size));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  } while (label == "EC PARAMETERS");
  return der;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
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

// An encrypted key that was never encrypted: `scheme` says how it claims to be.
std::string EncryptedPem(X509_ALGOR* scheme) {
  OwnedBy<X509_SIG, X509_SIG_free> encrypted(X509_SIG_new());
  X509_ALGOR* algorithm = nullptr;
  ASN1_OCTET_STRING* content = nullptr;
  X509_SIG_getm(encrypted.get(), &algorithm, &content);
  EXPECT_EQ(X509_ALGOR_copy(algorithm, scheme), 1);
  EXPECT_EQ(ASN1_OCTET_STRING_set(content, reinterpret_cast<const unsigned char*>("0123456789abcdef"), 16), 1);
  X509_ALGOR_free(scheme);
  BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PKCS8(bio.get(), encrypted.get()), 1);
  return TextOf(bio);
}

TEST(PemKey, OtherEncryptionsAreRefusedBeforeAskingForThePassphrase) {
  unsigned char salt[] = "saltsaltsaltsalt";
  ExpectUnusable(EncryptedPem(PKCS5_pbe_set(NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 2048, salt, 8)), "PBES2");
  ExpectUnusable(EncryptedPem(PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, 16, nullptr, 2, 1, 1)), "PBES2");
  const auto with_iterations = [&](int iterations) {
    return EncryptedPem(PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), iterations, salt, 16, nullptr, NID_hmacWithSHA256));
  };
  ExpectUnusable(with_iterations(10'000'001), "iterations");
  bool asked = false;
  const auto ask = [&]() -> absl::StatusOr<SecretBytes> {
    asked = true;
    return SecretBytes::CopyOf("x");
  };
  ExpectUnusable(ReadPemKey(with_iterations(1000), ask, {}).status(), "the passphrase doesn't open");
  EXPECT_TRUE(asked);
}

TEST(PemKey, TraditionalEncryptionIsRefusedWithAWayOut) {
  PkeyPtr key = EcKey("P-256");
  BioPtr bio(BIO_new(BIO_s_mem()));
  unsigned char passphrase[] = "correct";
  ASSERT_EQ(
      PEM_write_bio_PrivateKey_traditional(bio.get(), key.get(), EVP_aes_128_cbc(), passphrase, 7, nullptr, nullptr),
      1);
  ASSERT_THAT(TextOf(bio), HasSubstr("Proc-Type: 4,ENCRYPTED"));
  ExpectUnusable(TextOf(bio), "openssl pkcs8 -topk8");
}

TEST(PemKey, OnlyTheFirstObjectCounts) {
  const std::string public_pem = TestKey("rsa-2048.public.pem"), private_pem = TestKey("p-256.private.pem");
  EXPECT_FALSE(Read(public_pem + private_pem)->is_private);
  EXPECT_TRUE(Read(private_pem + public_pem)->is_private);
  EXPECT_TRUE(Read("a comment\n" + private_pem)->is_private);
  ExpectUnusable(PemOf("CERTIFICATE REQUEST", "x") + private_pem, "CERTIFICATE REQUEST");
  ExpectUnusable("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n" + private_pem, "no complete PEM block");
}

TEST(PemKey, OneBlockOfParametersIsSkipped) {
  const std::string pem = TestKey("p-256-explicit.private.pem");
  const std::string parameters = pem.substr(0, pem.find("-----BEGIN EC PRIVATE KEY"));
  ASSERT_NE(parameters, "");
  EXPECT_TRUE(Read(pem).ok());
  ExpectUnusable(parameters, "no complete PEM block");
  ExpectUnusable(parameters + pem, "EC PARAMETERS");
}

TEST(PemKey, WhatIsNoPemIsRefused) {
  const std::string pem = TestKey("rsa-2048.private.pem");
  for (const std::string& text : {std::string(), std::string("hello"), DerOf("rsa-2048.private.pem")}) {
    ExpectUnusable(text, "no complete PEM block");
  }
  for (size_t size = 0; size + 10 < pem.size(); size += 7) ExpectUnusable(pem.substr(0, size), "");
}

TEST(PemKey, DamagedBlocksAreRefused) {
  for (const char* label : {"PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "RSA PRIVATE KEY", "EC PRIVATE KEY",
                            "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"}) {
    ExpectUnusable(PemOf(label, "no DER"), "damaged PEM block");
  }
  // The label decides, not what is inside.
  ExpectUnusable(PemOf("PUBLIC KEY", DerOf("rsa-2048.private.pem")), "damaged PEM block");
  ExpectUnusable(PemOf("PRIVATE KEY", DerOf("rsa-2048.public.pem")), "damaged PEM block");
  ExpectUnusable(PemOf("PRIVATE KEY", DerOf("rsa-2048.encrypted.private.pem")), "damaged PEM block");
  ExpectUnusable(PemOf("RSA PRIVATE KEY", DerOf("p-256.private.pem")), "damaged PEM block");
}

TEST(PemKey, SizeIsBounded) {
  const std::string pem = TestKey("p-256.public.pem");
  EXPECT_TRUE(Read(pem + std::string(kMaxKeyFileSize - pem.size(), '\n')).ok());
  ExpectUnusable(pem + std::string(kMaxKeyFileSize - pem.size() + 1, '\n'), "65536 bytes");
}

TEST(PemKey, LabelsAreEscaped) { ExpectUnusable("-----BEGIN A\"B-----\nAAAA\n-----END A\"B-----\n", "\"A\\x22B\""); }

TEST(PemKey, OtherAlgorithmsAreRefusedByName) {
  for (const char* type : {"ED25519", "X25519", "SM2"}) {
    PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, type));
    ASSERT_NE(key, nullptr) << type;
    ExpectUnusable(PublicPemOf(key.get()), type);
    ExpectUnusable(PrivatePemOf(key.get()), type);
  }
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr));
  EVP_PKEY* pss = nullptr;
  ASSERT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  ASSERT_EQ(EVP_PKEY_generate(context.get(), &pss), 1);
  ExpectUnusable(PublicPemOf(PkeyPtr(pss).get()), "RSA-PSS");
}

using ParamBuilderPtr = OwnedBy<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using ParamsPtr = OwnedBy<OSSL_PARAM, OSSL_PARAM_free>;

PkeyPtr RsaKey(const std::vector<std::pair<const char*, const BIGNUM*>>& numbers, int selection) {
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  for (const auto& [name, number] : numbers) EXPECT_EQ(OSSL_PARAM_BLD_push_BN(builder.get(), name, number), 1);
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &key, selection, params.get()), 1);
  return PkeyPtr(key);
}

// A public key of `bits` bits, odd or even, and an exponent in hexadecimal.
std::string RsaPublicPem(int bits, bool odd, const char* exponent) {
  BignumPtr n(BN_new());
  BN_set_bit(n.get(), bits - 1);
  if (odd) BN_add_word(n.get(), 1);
  BIGNUM* e = nullptr;
  BN_hex2bn(&e, exponent);
  const BignumPtr owned(e);
  return PublicPemOf(RsaKey({{OSSL_PKEY_PARAM_RSA_N, n.get()}, {OSSL_PKEY_PARAM_RSA_E, e}}, EVP_PKEY_PUBLIC_KEY).get());
}

TEST(PemKey, RsaNumbersAreChecked) {
  EXPECT_TRUE(Read(RsaPublicPem(2048, true, "010001")).ok());
  EXPECT_TRUE(Read(RsaPublicPem(2048, true, "03")).ok());
  EXPECT_TRUE(Read(RsaPublicPem(2048, true, "FFFFFFFFFFFFFFFF")).ok());
  EXPECT_TRUE(Read(RsaPublicPem(16384, true, "010001")).ok());
  ExpectUnusable(RsaPublicPem(16385, true, "010001"), "16385 bits");
  ExpectUnusable(RsaPublicPem(100000, true, "010001"), "100000 bits");
  ExpectUnusable(RsaPublicPem(2048, false, "010001"), "even modulus");
  ExpectUnusable(RsaPublicPem(2048, true, "01"), "exponent");
  ExpectUnusable(RsaPublicPem(2048, true, "010000"), "exponent");
  ExpectUnusable(RsaPublicPem(2048, true, "010000000000000001"), "exponent");
}

TEST(PemKey, RsaPrivatePartsMustBelongTogether) {
  constexpr const char* kNames[] = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                    OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                    OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                    OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
  const absl::StatusOr<PemKey> good = Read(TestKey("rsa-2048.private.pem"));
  ASSERT_TRUE(good.ok());
  const auto pem_with = [&](const char* changed, int bit) {
    std::vector<BignumPtr> numbers;
    std::vector<std::pair<const char*, const BIGNUM*>> named;
    for (const char* name : kNames) {
      BIGNUM* number = nullptr;
      EXPECT_EQ(EVP_PKEY_get_bn_param(good->key.get(), name, &number), 1);
      numbers.emplace_back(number);
      if (std::string_view(name) == changed) BN_set_bit(number, bit);
      named.emplace_back(name, number);
    }
    return PrivatePemOf(RsaKey(named, EVP_PKEY_KEYPAIR).get());
  };
  EXPECT_TRUE(Read(pem_with("nothing", 0)).ok());
  for (const char* name : kNames) {
    SCOPED_TRACE(name);
    if (std::string_view(name) == OSSL_PKEY_PARAM_RSA_E) continue;
    ExpectUnusable(pem_with(name, 5000), "belong together");  // out of range: no operation is tried
  }
  ExpectUnusable(pem_with(OSSL_PKEY_PARAM_RSA_E, 20), "belong together");
}

TEST(PemKey, MultiPrimeRsaIsRefused) {
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  ASSERT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), 2048), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_keygen_primes(context.get(), 3), 1);
  ASSERT_EQ(EVP_PKEY_generate(context.get(), &key), 1);
  const std::string pem = PrivatePemOf(PkeyPtr(key).get());
  ExpectUnusable(pem, "more than two primes");
}

// Every way to write out parameters that look like P-256 and are not.
TEST(PemKey, EcParametersThatLieAreRefused) {
  const std::string der = DerOf("p-256-explicit.public.pem");
  const auto hex = [](const char* text) { return absl::HexStringToBytes(text); };
  const std::string prime = hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
  const std::string a = hex("ffffffff00000001000000000000000000000000fffffffffffffffffffffffc");
  const std::string b = hex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
  const std::string generator =
      hex("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
          "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
  const std::string twice_generator =
      hex("047cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978"
          "07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1");
  const std::string order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  const auto flipped = [](std::string text) {
    text.back() = static_cast<char>(text.back() ^ 2);
    return text;
  };
  ASSERT_TRUE(Read(PemOf("PUBLIC KEY", der)).ok());
  const auto expect_refused = [&](const std::string& from, const std::string& to) {
    SCOPED_TRACE(absl::BytesToHexString(from));
    ExpectUnusable(PemOf("PUBLIC KEY", Replaced(der, from, to)), "");
  };
  expect_refused(generator, twice_generator);
  expect_refused(order, flipped(order));
  expect_refused(prime, flipped(prime));
  expect_refused(a, flipped(a));
  expect_refused(b, flipped(b));
  // The private key and the certificate's form take the same way.
  ExpectUnusable(PemOf("EC PRIVATE KEY", Replaced(DerOf("p-256-explicit.private.pem"), generator, twice_generator)),
                 "");
}

// OpenSSL compares everything but the stated cofactor, and works with the named curve's own: the lie has no effect.
TEST(PemKey, AStatedCofactorIsReplacedByTheCurvesOwn) {
  const std::string der = DerOf("p-256-explicit.public.pem");
  const std::string order_and_cofactor =
      absl::HexStringToBytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101");
  const absl::StatusOr<PemKey> honest = Read(PemOf("PUBLIC KEY", der));
  const absl::StatusOr<PemKey> lying =
      Read(PemOf("PUBLIC KEY", Replaced(der, order_and_cofactor, order_and_cofactor.substr(0, 34) + '\2')));
  ASSERT_TRUE(honest.ok()) << honest.status();
  if (!lying.ok()) return;  // a stricter OpenSSL
  EXPECT_EQ(PublicPemOf(lying->key.get()), PublicPemOf(honest->key.get()));
}

TEST(PemKey, EcPointsAreChecked) {
  std::string der = DerOf("p-256.public.pem");
  der.back() = static_cast<char>(der.back() ^ 1);
  ExpectUnusable(PemOf("PUBLIC KEY", der), "");
  const std::string infinity = absl::HexStringToBytes(
      "301930130607"
      "2a8648ce3d0201"
      "0608"
      "2a8648ce3d030107"
      "03020000");
  ExpectUnusable(PemOf("PUBLIC KEY", infinity), "");
}

TEST(PemKey, EcPrivatePartsMustBelongTogether) {
  const std::string der = DerOf("p-256.private.pem");
  const std::string own = DerOf("p-256.public.pem"), other = DerOf("p-256-explicit.public.pem");
  const std::string swapped = Replaced(der, own.substr(own.size() - 65), other.substr(other.size() - 65));
  ExpectUnusable(PemOf("EC PRIVATE KEY", swapped), "belong together");
}

TEST(PemKey, CompressedPointsAreReadLikeOthers) {
  PkeyPtr key = EcKey("P-256");
  const std::string uncompressed = PublicPemOf(key.get());
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 1);
  const std::string compressed = PublicPemOf(key.get());
  ASSERT_LT(compressed.size(), uncompressed.size());
  const absl::StatusOr<PemKey> read = Read(compressed);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(PublicPemOf(read->key.get()), uncompressed);
}

TEST(PemKey, CurvesOfAnotherCofactorAreRefused) {
  PkeyPtr key = EcKey("secp112r2");
  ASSERT_NE(key, nullptr);
  ExpectUnusable(PublicPemOf(key.get()), "cofactor");
}

TEST(CheckStrength, BitsAndCurves) {
  const absl::StatusOr<PemKey> rsa = Read(TestKey("rsa-2048.public.pem"));
  EXPECT_TRUE(CheckStrength(*rsa, 2048, {}).ok());
  ExpectUnusable(CheckStrength(*rsa, 2049, {}), "at least 2049");
  EXPECT_TRUE(CheckStrength(*Read(TestKey("rsa-1024.public.pem")), 1024, {}).ok());
  for (const char* file : {"p-256.public.pem", "p-384.public.pem", "p-521.public.pem"}) {
    EXPECT_TRUE(CheckStrength(*Read(TestKey(file)), 2048, {}).ok());
  }
  PkeyPtr key = EcKey("secp256k1");
  const absl::StatusOr<PemKey> koblitz = Read(PublicPemOf(key.get()));
  ASSERT_TRUE(koblitz.ok()) << koblitz.status();
  ExpectUnusable(CheckStrength(*koblitz, 2048, {}), "secp256k1");
  ExpectUnusable(CheckStrength(*koblitz, 2048, {"brainpoolP256r1"}), "secp256k1");
  EXPECT_TRUE(CheckStrength(*koblitz, 2048, {"secp256k1"}).ok());
}

TEST(CurveName, IsNistsWhereThereIsOne) {
  EXPECT_EQ(CurveName("prime256v1"), "P-256");
  EXPECT_EQ(CurveName("secp384r1"), "P-384");
  EXPECT_EQ(CurveName("secp521r1"), "P-521");
  EXPECT_EQ(CurveName("secp256k1"), "secp256k1");
  EXPECT_EQ(CurveName(""), "");
}

}  // namespace
}  // namespace pulseal::crypto
