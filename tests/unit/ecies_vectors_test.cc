// SPDX-License-Identifier: Apache-2.0
//
// Vectors of ECDH, as wrapped keys: what ECIES makes of their points and secrets is composed independently.
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "lib/crypto/ecies.h"
#include "lib/crypto/pem_key.h"
#include "lib/crypto/unwrap_failed.h"
#include "pulseal/error.h"
#include "tests/support/pem_of.h"
#include "tests/support/reference_ecies.h"
#include "tests/support/vector_table.h"

namespace pulseal::crypto {
namespace {

using testing::Outcomes;
using testing::PemOf;
using testing::ReferenceEcies;
using testing::Vector;
using testing::VectorTable;

const std::string kDataKey = "0123456789abcdef0123456789abcdef";

// Few keys serve many vectors.
class PrivateKeys {
 public:
  const absl::StatusOr<PemKey>& Read(const std::string& der) {
    const auto [found, is_new] = keys_.try_emplace(der);
    if (is_new) found->second = ReadPemKey(PemOf("EC PRIVATE KEY", der), nullptr, {});
    return found->second;
  }

 private:
  std::map<std::string, absl::StatusOr<PemKey>> keys_;
};

size_t PointSize(const PemKey& key) { return 1 + 2 * ((static_cast<size_t>(key.bits) + 7) / 8); }

std::string SubjectPublicKeyInfo(const PemKey& key, const std::string& point) {
  const std::map<std::string, const char*> before_point = {
      {"prime256v1", "3059301306072a8648ce3d020106082a8648ce3d030107034200"},
      {"secp384r1", "3076301006072a8648ce3d020106052b81040022036200"},
      {"secp521r1", "30819b301006072a8648ce3d020106052b8104002303818600"}};
  return absl::HexStringToBytes(before_point.at(key.curve)) + point;
}

void ExpectUnusable(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), Reason::kKeyUnusable);
}

// Whether wrapping for `recipient` with `ephemeral` gives what `secret` does.
bool WrapsWith(const PemKey& ephemeral, const PemKey& recipient, const std::string& own_point,
               const std::string& secret) {
  const absl::StatusOr<std::string> wrapped = EciesWrapWith(ephemeral.key.get(), recipient, kDataKey, {});
  EXPECT_TRUE(wrapped.ok()) << wrapped.status();
  return wrapped.ok() && *wrapped == ReferenceEcies(own_point, secret, kDataKey);
}

// The other way round: the vector's point as a recipient, its private key as the ephemeral one.
void ExpectWraps(const PemKey& key, const Vector& vector) {
  const std::string der = vector.Bytes("key");
  const absl::StatusOr<PemKey> recipient =
      ReadPemKey(PemOf("PUBLIC KEY", SubjectPublicKeyInfo(key, vector.Bytes("point"))), nullptr, {});
  ASSERT_TRUE(recipient.ok()) << recipient.status();
  EXPECT_TRUE(WrapsWith(key, *recipient, der.substr(der.size() - PointSize(key)), vector.Bytes("secret")));
}

// A compressed point is never written. The doublings, three quarters of all, would take seconds, and wrapping multiplies
// as unwrapping does.
bool HasSenderToo(const Vector& vector) {
  return vector.Text("verdict") == "valid" && vector.Text("flags") != "EdgeCaseDoubling";
}

std::string WhatBecomesOf(const Vector& vector, PrivateKeys* keys) {
  const absl::StatusOr<PemKey>& key = keys->Read(vector.Bytes("key"));
  EXPECT_EQ(ERR_peek_error(), 0u);
  if (!key.ok()) {
    ExpectUnusable(key.status());
    return "key refused";
  }
  const absl::StatusOr<SecretBytes> opened =
      EciesUnwrap(*key, ReferenceEcies(vector.Bytes("point"), vector.Bytes("secret"), kDataKey), {});
  EXPECT_EQ(ERR_peek_error(), 0u);
  if (!opened.ok()) {
    EXPECT_EQ(opened.status(), UnwrapFailed());
    return "fails";
  }
  EXPECT_EQ(opened->view(), kDataKey);
  if (HasSenderToo(vector)) ExpectWraps(*key, vector);
  return "opens";
}

// By verdict and what became of it, of the vectors whose id starts with `curve`. Acceptable by Project Wycheproof, one for
// each curve: a compressed point. Opened, like every form that SEC 1 has.
Outcomes RunTable(const std::string& table, const std::string& curve) {
  Outcomes outcomes;
  PrivateKeys keys;
  for (const Vector& vector : VectorTable(table)) {
    if (!absl::StartsWith(vector.Text("id"), curve)) continue;
    SCOPED_TRACE(vector.Text("id"));
    ++outcomes[vector.Text("verdict") + ", " + WhatBecomesOf(vector, &keys)];
  }
  return outcomes;
}

class EciesVectors : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(, EciesVectors, ::testing::Values("secp256r1", "secp384r1", "secp521r1"),
                         [](const auto& curve) { return std::string(curve.param); });

TEST_P(EciesVectors, ProjectWycheproof) {
  const std::map<std::string, Outcomes> expected = {
      {"secp256r1", {{"valid, opens", 330}, {"acceptable, opens", 1}, {"invalid, fails", 24}}},
      {"secp384r1", {{"valid, opens", 771}, {"acceptable, opens", 1}, {"invalid, fails", 18}}},
      {"secp521r1", {{"valid, opens", 632}, {"acceptable, opens", 1}, {"invalid, fails", 28}}}};
  EXPECT_EQ(RunTable("ecdh_wycheproof.txt", GetParam()), expected.at(GetParam()));
}

// Of the invalid ones, the key itself is the wrong part in twelve.
TEST_P(EciesVectors, NistCavp) {
  EXPECT_EQ(RunTable("ecdh_cavp.txt", GetParam()),
            (Outcomes{{"valid, opens", 36}, {"invalid, fails", 12}, {"invalid, key refused", 12}}));
}

// What a public key of Project Wycheproof comes to.
std::string WhatPublicKeyDoes(const PemKey& ephemeral, const Vector& vector) {
  const absl::StatusOr<PemKey> recipient = ReadPemKey(PemOf("PUBLIC KEY", vector.Bytes("public_key")), nullptr, {});
  EXPECT_EQ(ERR_peek_error(), 0u);
  if (!recipient.ok()) {
    ExpectUnusable(recipient.status());
    return "refused";
  }
  if (const absl::Status strength = CheckStrength(*recipient, 2048, {}); !strength.ok()) {
    ExpectUnusable(strength);
    return "refused for its curve";
  }
  if (recipient->curve != ephemeral.curve) return "of another good curve";
  const std::string der = vector.Bytes("key");
  const std::string own_point = der.substr(der.size() - PointSize(ephemeral));
  EXPECT_TRUE(WrapsWith(ephemeral, *recipient, own_point, vector.Bytes("secret")));
  return "taken";
}

// InvalidAsn is DER with one mistake. OpenSSL's decoder forgives these, by id: most are BER that says the same. No harm:
// the file is its owner's, the point in it is the right one (the secret shows it), and of the recipient's file nothing but
// the point goes into a wrapped key. Whatever else is wrong makes the file unusable.
const std::map<std::string, std::set<std::string>> kForgiven = {
    {"a length in more bytes than it needs",
     {"secp256r1-391",  "secp256r1-392",  "secp256r1-393", "secp256r1-394", "secp256r1-490", "secp256r1-491",
      "secp256r1-492",  "secp256r1-493",  "secp256r1-576", "secp256r1-577", "secp384r1-826", "secp384r1-827",
      "secp384r1-828",  "secp384r1-829",  "secp384r1-925", "secp384r1-926", "secp384r1-927", "secp384r1-928",
      "secp384r1-1011", "secp384r1-1012", "secp521r1-697", "secp521r1-698", "secp521r1-791", "secp521r1-795",
      "secp521r1-796",  "secp521r1-797",  "secp521r1-798", "secp521r1-881"}},
    {"a sequence of indefinite length",
     {"secp256r1-459", "secp256r1-460", "secp384r1-894", "secp384r1-895", "secp521r1-763", "secp521r1-764"}},
    {"a point in pieces, of which all but one are empty",
     {"secp256r1-435", "secp256r1-593", "secp384r1-870", "secp384r1-1028", "secp521r1-739", "secp521r1-897"}},
    {"bytes behind the key, which nobody reads",
     {"secp256r1-421", "secp256r1-467", "secp384r1-856", "secp384r1-902", "secp521r1-725", "secp521r1-771"}},
    {"low bits that are unused, and zero", {"secp521r1-908", "secp521r1-913"}}};

std::string ForgivenIn(const std::string& id) {
  for (const auto& [mistake, ids] : kForgiven) {
    if (ids.count(id) > 0) return ": " + mistake;
  }
  return "";
}

// UnnamedCurve, parameters written out: refused where they aren't exactly a curve with a name, but for the cofactor,
// which may be absent and isn't read. No harm in a wrong one, though Project Wycheproof calls some invalid: the named
// curve takes the parameters' place, and its cofactor is 1.
TEST(EciesPublicKeyVectors, ProjectWycheproof) {
  Outcomes outcomes;
  PrivateKeys keys;
  for (const Vector& vector : VectorTable("ec_public_keys_wycheproof.txt")) {
    SCOPED_TRACE(vector.Text("id"));
    const absl::StatusOr<PemKey>& key = keys.Read(vector.Bytes("key"));
    ASSERT_TRUE(key.ok()) << key.status();
    const std::string outcome = WhatPublicKeyDoes(*key, vector) + ForgivenIn(vector.Text("id"));
    ++outcomes[vector.Text("verdict") + " " + vector.Text("flags") + ", " + outcome];
  }
  EXPECT_EQ(outcomes, (Outcomes{{"acceptable CompressedPublic+CompressedPoint, taken", 3},
                                {"acceptable InvalidAsn, refused", 616},
                                {"acceptable InvalidAsn, taken: a length in more bytes than it needs", 28},
                                {"acceptable InvalidAsn, taken: a point in pieces, of which all but one are empty", 6},
                                {"acceptable InvalidAsn, taken: a sequence of indefinite length", 6},
                                {"acceptable InvalidAsn, taken: bytes behind the key, which nobody reads", 6},
                                {"acceptable InvalidAsn, taken: low bits that are unused, and zero", 2},
                                {"acceptable ModifiedCofactor+UnusedParam+UnnamedCurve, taken", 3},
                                {"acceptable ModifiedCurveParameter+UnusedParam+UnnamedCurve, refused", 3},
                                {"acceptable ModifiedGenerator+UnusedParam+UnnamedCurve, refused", 6},
                                {"acceptable NoCofactor+UnusedParam+UnnamedCurve, taken", 3},
                                {"acceptable WrongOrder+UnusedParam+UnnamedCurve, refused", 6},
                                {"invalid InvalidCompressedPublic+CompressedPoint, refused", 3},
                                {"invalid InvalidCurveAttack, refused", 48},
                                {"invalid InvalidEncoding, refused", 3},
                                {"invalid LargeCofactor+InvalidPublic+UnnamedCurve, taken", 3},
                                {"invalid ModifiedGroup+InvalidPublic, of another good curve", 2},
                                {"invalid ModifiedGroup+InvalidPublic, refused for its curve", 6},
                                {"invalid ModifiedPrime+InvalidPublic+UnnamedCurve, refused", 3},
                                {"invalid ModifiedPublicPoint+InvalidPublic, refused", 6},
                                {"invalid NegativeCofactor+InvalidPublic+UnnamedCurve, refused", 3},
                                {"invalid NoCofactor+InvalidPublic+UnnamedCurve, taken", 3},
                                {"invalid WeakPublicKey+InvalidPublic+UnnamedCurve, refused", 3},
                                {"invalid WrongCurve+CompressedPoint, refused", 16},
                                {"invalid WrongCurve, of another good curve", 6},
                                {"invalid WrongCurve, refused", 4},
                                {"invalid WrongCurve, refused for its curve", 39},
                                {"invalid WrongOrder+InvalidPublic+UnnamedCurve, refused", 6}}));
}

}  // namespace
}  // namespace pulseal::crypto
