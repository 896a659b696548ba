// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/ecies.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "lib/crypto/openssl_ptr.h"
#include "lib/crypto/unwrap_failed.h"
#include "tests/support/reference_ecies.h"

namespace pulseal::crypto {
namespace {

using testing::ReferenceEcies;
using testing::ReferenceHmacSha1;
using testing::ReferenceKdf2;

const char* const kCurves[] = {"prime256v1", "secp384r1", "secp521r1"};
const std::string kDataKey = absl::HexStringToBytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

using ParamBuilderPtr = OwnedBy<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using ParamsPtr = OwnedBy<OSSL_PARAM, OSSL_PARAM_free>;

const unsigned char* Bytes(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// ECIES once more, with points and scalars of its own.
class Reference {
 public:
  explicit Reference(const std::string& curve) : group_(EC_GROUP_new_by_curve_name(OBJ_sn2nid(curve.c_str()))) {}

  size_t field_size() const { return (static_cast<size_t>(EC_GROUP_get_degree(group_.get())) + 7) / 8; }

  std::string Encode(const EC_POINT* point, point_conversion_form_t form = POINT_CONVERSION_UNCOMPRESSED) const {
    std::string encoded(1 + 2 * field_size(), '\0');
    encoded.resize(EC_POINT_point2oct(group_.get(), point, form, Bytes(encoded), encoded.size(), nullptr));
    return encoded;
  }

  EcPointPtr Decode(const std::string& encoded) const {
    EcPointPtr point(EC_POINT_new(group_.get()));
    EXPECT_EQ(EC_POINT_oct2point(group_.get(), point.get(), Bytes(encoded), encoded.size(), nullptr), 1);
    return point;
  }

  EcPointPtr Times(const BIGNUM* scalar, const EC_POINT* point) const {  // null: the generator
    EcPointPtr product(EC_POINT_new(group_.get()));
    EXPECT_EQ(EC_POINT_mul(group_.get(), product.get(), point == nullptr ? scalar : nullptr, point,
                           point == nullptr ? nullptr : scalar, nullptr),
              1);
    return product;
  }

  std::string X(const EC_POINT* point) const { return Encode(point).substr(1, field_size()); }

  std::string Wrap(const BIGNUM* ephemeral, const EC_POINT* recipient, const std::string& data_key,
                   point_conversion_form_t form = POINT_CONVERSION_UNCOMPRESSED) const {
    return ReferenceEcies(Encode(Times(ephemeral, nullptr).get(), form), X(Times(ephemeral, recipient).get()),
                          data_key);
  }

  std::string Unwrap(const BIGNUM* private_key, const std::string& wrapped) const {
    const size_t v_size = 1 + 2 * field_size();
    const std::string v = wrapped.substr(0, v_size);
    std::string c = wrapped.substr(v_size, wrapped.size() - v_size - 20);
    const std::string k = ReferenceKdf2(v + X(Times(private_key, Decode(v).get()).get()), 16 + c.size());
    EXPECT_EQ(wrapped.substr(wrapped.size() - 20), ReferenceHmacSha1(k.substr(0, 16), c + std::string(8, '\0')));
    for (size_t i = 0; i < c.size(); ++i) c[i] = static_cast<char>(c[i] ^ k[16 + i]);
    return c;
  }

  // The smallest scalar above 1 whose multiple of `point` has an x coordinate that starts with a zero byte.
  BignumPtr ScalarWithLeadingZero(const EC_POINT* point) const {
    BignumPtr scalar(BN_new());
    BN_set_word(scalar.get(), 1);
    EcPointPtr multiple(EC_POINT_dup(point, group_.get()));
    do {
      BN_add_word(scalar.get(), 1);
      EC_POINT_add(group_.get(), multiple.get(), multiple.get(), point, nullptr);
    } while (X(multiple.get())[0] != '\0');
    return scalar;
  }

 private:
  EcGroupPtr group_;
};

BignumPtr Scalar(const std::string& hex) {
  BIGNUM* scalar = nullptr;
  BN_hex2bn(&scalar, hex.c_str());
  return BignumPtr(scalar);
}

PkeyPtr KeyPairOf(const std::string& curve, const BIGNUM* scalar) {
  const Reference reference(curve);
  const std::string point = reference.Encode(reference.Times(scalar, nullptr).get());
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.c_str(), 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar);
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()), 1);
  return PkeyPtr(key);
}

// The same key pair, read back from PEM.
PemKey PemKeyOf(EVP_PKEY* pair) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PrivateKey(bio.get(), pair, nullptr, nullptr, 0, nullptr, nullptr), 1);
  char* data = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(bio.get(), &data));
  absl::StatusOr<PemKey> key = ReadPemKey(std::string_view(data, size), nullptr, {});
  EXPECT_TRUE(key.ok()) << key.status();
  return key.ok() ? *key : PemKey();
}

void ExpectOpens(const PemKey& key, const std::string& wrapped, const std::string& data_key) {
  const absl::StatusOr<SecretBytes> opened = EciesUnwrap(key, wrapped, {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->view(), data_key);
}

void ExpectFails(const PemKey& key, const std::string& wrapped) {
  EXPECT_EQ(EciesUnwrap(key, wrapped, {}).status(), UnwrapFailed());
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(Ecies, KnownAnswer) {  // made with OpenSSL, opened by BouncyCastle 1.72
  const BignumPtr d = Scalar("3e46983e7b7acde009f14fbaff49db78a0e9d3a82b755ba3e390e01807702628");
  const BignumPtr e = Scalar("d026211af2dc98805ccf1fbf101f9ad418b95f5cc015c9291f8b7d33458a350e");
  const std::string out = absl::HexStringToBytes(
      "044d6a200e4d7f86d01f920c560c7cc1e92285dbcd97e4618e144c01382e760f1bef493266fc0a23ff07fc2193923a1912befcae13fb6d20"
      "3fd564553188eeeb1099e21cefb8e2c6d08587f8f2ff98af1aa35b293effa487582ed392b7aead59dd3afdb6eaa7b5ebe19a7c2fdd522958"
      "9cbf771879");
  const PemKey key = PemKeyOf(KeyPairOf("prime256v1", d.get()).get());
  const absl::StatusOr<std::string> wrapped = EciesWrapWith(KeyPairOf("prime256v1", e.get()).get(), key, kDataKey, {});
  ASSERT_TRUE(wrapped.ok()) << wrapped.status();
  EXPECT_EQ(absl::BytesToHexString(*wrapped), absl::BytesToHexString(out));
  ExpectOpens(key, out, kDataKey);
}

class EciesOnCurve : public ::testing::TestWithParam<const char*> {
 protected:
  EciesOnCurve()
      : reference_(GetParam()),
        d_(Scalar("5c0f6a9a1d2e3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c5")),
        e_(Scalar("2b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfe")),
        recipient_(reference_.Times(d_.get(), nullptr)),
        key_(PemKeyOf(KeyPairOf(GetParam(), d_.get()).get())),
        wrapped_(reference_.Wrap(e_.get(), recipient_.get(), kDataKey)) {}

  Reference reference_;
  BignumPtr d_, e_;
  EcPointPtr recipient_;
  PemKey key_;
  std::string wrapped_;
};

TEST_P(EciesOnCurve, AnIndependentImplementationOpensIt) {
  for (const size_t size : {1, 16, 24, 32, 64}) {
    const std::string data_key(size, 'k');
    const absl::StatusOr<std::string> wrapped = EciesWrap(key_, data_key, {});
    ASSERT_TRUE(wrapped.ok()) << wrapped.status();
    EXPECT_EQ(wrapped->size(), 2 * reference_.field_size() + 21 + size);
    EXPECT_EQ(reference_.Unwrap(d_.get(), *wrapped), data_key);
  }
}

TEST_P(EciesOnCurve, OpensWhatAnIndependentImplementationMade) {
  for (const size_t size : {1, 16, 24, 32, 64}) {
    const std::string data_key(size, 'k');
    ExpectOpens(key_, reference_.Wrap(e_.get(), recipient_.get(), data_key), data_key);
  }
}

TEST_P(EciesOnCurve, EphemeralKeysAreFresh) {
  EXPECT_NE(EciesWrap(key_, kDataKey, {})->substr(0, 20), EciesWrap(key_, kDataKey, {})->substr(0, 20));
}

TEST_P(EciesOnCurve, OpensCompressedAndHybridPoints) {
  for (const auto form : {POINT_CONVERSION_COMPRESSED, POINT_CONVERSION_HYBRID}) {
    // Both parities of y: 02 and 03, 06 and 07.
    std::string first_bytes;
    for (BN_ULONG scalar = 2; first_bytes.size() < 2; ++scalar) {
      BignumPtr e(BN_new());
      BN_set_word(e.get(), scalar);
      const std::string wrapped = reference_.Wrap(e.get(), recipient_.get(), kDataKey, form);
      if (first_bytes.find(wrapped[0]) != std::string::npos) continue;
      first_bytes += wrapped[0];
      ExpectOpens(key_, wrapped, kDataKey);
    }
    EXPECT_TRUE(first_bytes == "\2\3" || first_bytes == "\3\2" || first_bytes == "\6\7" || first_bytes == "\7\6");
  }
}

TEST_P(EciesOnCurve, SharedSecretWithLeadingZero) {
  const BignumPtr e = reference_.ScalarWithLeadingZero(recipient_.get());
  ASSERT_EQ(reference_.X(reference_.Times(e.get(), recipient_.get()).get())[0], '\0');
  const std::string expected = reference_.Wrap(e.get(), recipient_.get(), kDataKey);
  const absl::StatusOr<std::string> wrapped = EciesWrapWith(KeyPairOf(GetParam(), e.get()).get(), key_, kDataKey, {});
  ASSERT_TRUE(wrapped.ok()) << wrapped.status();
  EXPECT_EQ(*wrapped, expected);
  ExpectOpens(key_, expected, kDataKey);
}

TEST_P(EciesOnCurve, EveryFlippedByteFailsAlike) {
  for (size_t i = 0; i < wrapped_.size(); ++i) {
    SCOPED_TRACE(i);
    std::string damaged = wrapped_;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    ExpectFails(key_, damaged);
  }
}

TEST_P(EciesOnCurve, EveryLengthFailsAlike) {
  for (size_t size = 0; size < wrapped_.size(); ++size) ExpectFails(key_, wrapped_.substr(0, size));
  for (size_t more = 1; more < 100; ++more) ExpectFails(key_, wrapped_ + std::string(more, 'x'));
}

TEST_P(EciesOnCurve, PointsThatAreNoneFailAlike) {
  const size_t f = reference_.field_size();
  const std::string rest = wrapped_.substr(1 + 2 * f);
  const std::string infinity(1, '\0');
  ExpectFails(key_, infinity + rest);
  ExpectFails(key_, infinity + std::string(2 * f, '\0') + rest);
  ExpectFails(key_, "\x04" + std::string(2 * f, '\0') + rest);
  ExpectFails(key_, "\x04" + std::string(2 * f, '\xff') + rest);  // coordinates beyond the field
  ExpectFails(key_, "\x02" + std::string(f, '\xff') + rest);
  ExpectFails(key_, "\x05" + wrapped_.substr(1));
  // Hybrid, with the parity of y denied.
  const std::string hybrid = reference_.Wrap(e_.get(), recipient_.get(), kDataKey, POINT_CONVERSION_HYBRID);
  ExpectFails(key_, static_cast<char>(hybrid[0] ^ 1) + hybrid.substr(1));
}

// A point of order two on another curve: an implementation that doesn't check the curve finds Z = x for every odd
// private key, and points of other small orders would give the key away piece by piece (Biehl, Meyer, Mueller, CRYPTO
// 2000).
TEST_P(EciesOnCurve, PointOnAnotherCurveFailsThoughItsMacIsRight) {
  ASSERT_TRUE(BN_is_odd(d_.get()));
  const std::string x = std::string(reference_.field_size() - 1, '\0') + '\1';
  const std::string y(reference_.field_size(), '\0');
  ExpectFails(key_, ReferenceEcies("\x04" + x + y, x, kDataKey));
}

TEST_P(EciesOnCurve, AnotherKeyFails) { ExpectFails(PemKeyOf(KeyPairOf(GetParam(), e_.get()).get()), wrapped_); }

TEST_P(EciesOnCurve, FitsIsAboutSizeAndFirstByte) {
  const size_t point_size = 1 + 2 * reference_.field_size();
  EXPECT_TRUE(EciesFits(key_, wrapped_));
  EXPECT_FALSE(EciesFits(key_, ""));
  EXPECT_FALSE(EciesFits(key_, std::string(wrapped_.size(), '\0')));
  EXPECT_FALSE(EciesFits(key_, "\x04" + std::string(point_size - 1 + 20, 'x')));
  EXPECT_TRUE(EciesFits(key_, "\x04" + std::string(point_size - 1 + 1 + 20, 'x')));
  EXPECT_TRUE(EciesFits(key_, "\x04" + std::string(point_size - 1 + 64 + 20, 'x')));
  EXPECT_FALSE(EciesFits(key_, "\x04" + std::string(point_size - 1 + 65 + 20, 'x')));
  EXPECT_TRUE(EciesFits(key_, "\x03" + std::string(reference_.field_size() + 32 + 20, 'x')));
}

TEST_P(EciesOnCurve, PropertiesThatNothingHasAreInternal) {
  const OpenSslSource nowhere{nullptr, "provider=nowhere"};
  EXPECT_EQ(EciesWrap(key_, kDataKey, nowhere).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(EciesUnwrap(key_, wrapped_, nowhere).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_P(EciesOnCurve, DataKeySizesAreBounded) {
  EXPECT_EQ(EciesWrap(key_, "", {}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(EciesWrap(key_, std::string(65, 'k'), {}).status().code(), absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Curves, EciesOnCurve, ::testing::ValuesIn(kCurves),
                         [](const auto& curve) { return std::string(curve.param); });

}  // namespace
}  // namespace pulseal::crypto
