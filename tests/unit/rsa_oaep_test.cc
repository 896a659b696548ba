// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/rsa_oaep.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include <string>

#include "lib/crypto/unwrap_failed.h"
#include "pulseal/error.h"
#include "tests/support/raw_rsa.h"
#include "tests/support/test_keys.h"

namespace pulseal::crypto {
namespace {

using ::pulseal::testing::RawRsa;
using ::pulseal::testing::TestKey;

const std::string kDataKey = "0123456789abcdef0123456789abcdef";
constexpr size_t kHash = SHA_DIGEST_LENGTH;

const unsigned char* Bytes(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

PemKey Key(const std::string& file) {
  absl::StatusOr<PemKey> key = ReadPemKey(TestKey(file), nullptr, {});
  EXPECT_TRUE(key.ok()) << key.status();
  return key.ok() ? *key : PemKey();
}

// OAEP once more, from RFC 8017 section 7.1, over RSA without padding.
std::string Sha1(const std::string& text) {
  std::string digest(kHash, '\0');
  SHA1(Bytes(text), text.size(), Bytes(digest));
  return digest;
}

std::string Masked(std::string text, const std::string& seed) {
  std::string mask;
  for (char counter = 0; mask.size() < text.size(); ++counter) mask += Sha1(seed + std::string(3, '\0') + counter);
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(text[i] ^ mask[i]);
  return text;
}

// What goes wrong in a message that is encoded by hand; nothing by default.
struct Encoding {
  char first = '\0';
  std::string label_hash = Sha1("");
  char padding = '\0';
  char separator = '\1';
};

std::string WrapByHand(const PemKey& key, const std::string& data_key, const Encoding& encoding) {
  const size_t k = static_cast<size_t>(key.bits) / 8;
  const std::string padding(k - data_key.size() - 2 * kHash - 2, encoding.padding);
  const std::string seed(kHash, 's');
  const std::string masked = Masked(encoding.label_hash + padding + encoding.separator + data_key, seed);
  return RawRsa(key, /*with_private_key=*/false, encoding.first + Masked(seed, masked) + masked);
}

std::string UnwrapByHand(const PemKey& key, const std::string& wrapped) {
  const std::string encoded = RawRsa(key, /*with_private_key=*/true, wrapped);
  const std::string masked = encoded.substr(1 + kHash);
  const std::string message = Masked(masked, Masked(encoded.substr(1, kHash), masked));
  EXPECT_EQ(encoded[0], '\0');
  EXPECT_EQ(message.substr(0, kHash), Sha1(""));
  const size_t separator = message.find('\1', kHash);
  EXPECT_EQ(message.substr(kHash, separator - kHash), std::string(separator - kHash, '\0'));
  return message.substr(separator + 1);
}

void ExpectFails(const PemKey& key, const std::string& wrapped) {
  EXPECT_EQ(RsaOaepUnwrap(key, wrapped, {}).status(), UnwrapFailed());
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(RsaOaep, AnIndependentImplementationOpensIt) {
  for (const std::string name : {"rsa-2048", "rsa-3072", "rsa-4096"}) {
    SCOPED_TRACE(name);
    const PemKey recipient = Key(name + ".public.pem"), key = Key(name + ".private.pem");
    for (const size_t size : {16, 24, 32}) {
      const absl::StatusOr<std::string> wrapped = RsaOaepWrap(recipient, kDataKey.substr(0, size), {});
      ASSERT_TRUE(wrapped.ok()) << wrapped.status();
      EXPECT_EQ(wrapped->size(), static_cast<size_t>(key.bits) / 8);
      EXPECT_EQ(UnwrapByHand(key, *wrapped), kDataKey.substr(0, size));
    }
  }
}

TEST(RsaOaep, OpensWhatAnIndependentImplementationMade) {
  const PemKey key = Key("rsa-2048.private.pem");
  for (const size_t size : {0, 1, 16, 24, 32, 33, 256 - 42}) {
    const std::string data_key(size, 'k');
    const absl::StatusOr<SecretBytes> opened = RsaOaepUnwrap(key, WrapByHand(key, data_key, {}), {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->view(), data_key);
  }
}

TEST(RsaOaep, IsRandomized) {
  const PemKey key = Key("rsa-2048.public.pem");
  EXPECT_NE(*RsaOaepWrap(key, kDataKey, {}), *RsaOaepWrap(key, kDataKey, {}));
}

TEST(RsaOaep, EveryWrongEncodingFailsAlike) {
  const PemKey key = Key("rsa-2048.private.pem");
  const auto expect_fails = [&](auto spoil) {
    Encoding encoding;
    spoil(encoding);
    ExpectFails(key, WrapByHand(key, kDataKey, encoding));
  };
  expect_fails([](Encoding& e) { e.first = '\1'; });
  expect_fails([](Encoding& e) { e.label_hash = Sha1("label"); });
  expect_fails([](Encoding& e) { e.padding = '\2'; });
  expect_fails([](Encoding& e) { e.separator = '\0'; });
  expect_fails([](Encoding& e) { e.separator = '\2'; });
  ExpectFails(key, std::string(256, '\0'));
  ExpectFails(key, std::string(256, '\xff'));  // at least the modulus
}

TEST(RsaOaep, EveryLengthAndAnotherKeyFailAlike) {
  const PemKey key = Key("rsa-2048.private.pem");
  const std::string wrapped = *RsaOaepWrap(key, kDataKey, {});
  for (const size_t size : {0, 1, 255}) ExpectFails(key, wrapped.substr(0, size));
  ExpectFails(key, wrapped + '\0');
  ExpectFails(Key("rsa-3072.private.pem"), wrapped);
  ExpectFails(Key("rsa-2048-other.private.pem"), wrapped);
  std::string damaged = wrapped;
  damaged[200] = static_cast<char>(damaged[200] ^ 1);
  ExpectFails(key, damaged);
}

TEST(RsaOaep, FitsIsAboutTheModulus) {
  const PemKey key = Key("rsa-3072.private.pem");
  EXPECT_TRUE(RsaOaepFits(key, std::string(384, 'x')));
  for (const size_t size : {0, 256, 383, 385}) EXPECT_FALSE(RsaOaepFits(key, std::string(size, 'x')));
}

TEST(RsaOaep, DataKeyThatIsTooLongForTheModulus) {
  const PemKey key = Key("rsa-1024.public.pem");
  EXPECT_TRUE(RsaOaepWrap(key, std::string(128 - 42, 'k'), {}).ok());
  const absl::Status status = RsaOaepWrap(key, std::string(128 - 41, 'k'), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), Reason::kKeyUnusable);
}

TEST(RsaOaep, PropertiesThatNothingHasAreInternal) {
  const PemKey key = Key("rsa-2048.private.pem");
  const OpenSslSource nowhere{nullptr, "provider=nowhere"};
  EXPECT_EQ(RsaOaepWrap(key, kDataKey, nowhere).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(RsaOaepUnwrap(key, std::string(256, '\1'), nowhere).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace pulseal::crypto
