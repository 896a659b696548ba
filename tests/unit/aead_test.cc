// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/aead.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "lib/crypto/openssl_ptr.h"

namespace pulseal::crypto {
namespace {

std::string Hex(const char* hex) { return absl::HexStringToBytes(hex); }

class Aead : public ::testing::Test {
 protected:
  static std::unique_ptr<AeadContext> Context(const std::string& key) {
    const absl::StatusOr<std::shared_ptr<const AeadBackend>> backend = OpenSslAead({});
    EXPECT_TRUE(backend.ok()) << backend.status();
    absl::StatusOr<std::unique_ptr<AeadContext>> context = (*backend)->NewContext(key);
    EXPECT_TRUE(context.ok()) << context.status();
    return *std::move(context);
  }

  static std::string Seal(AeadContext& context, const std::string& nonce, const std::string& data,
                          const std::string& plaintext) {
    std::string out(plaintext.size() + kTagSize, '?');
    EXPECT_EQ(context.Seal(nonce.data(), data, plaintext, &out[0]), AeadResult::kOk);
    return out;
  }
};

struct Vector {
  const char *key, *nonce, *data, *plaintext, *sealed;
};

// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: cases 1, 2, 4, 7, 8, 10, 13, 14, 16.
constexpr Vector kVectors[] = {
    {"00000000000000000000000000000000", "000000000000000000000000", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
    {"00000000000000000000000000000000", "000000000000000000000000", "", "00000000000000000000000000000000",
     "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
     "ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac97"
     "3d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    {"000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
     "cd33b28ac773f74ba00ed1f312572435"},
    {"000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "98e7247c07f0fe411c267e4384b0f6002ff58d80033927ab8ef4d4587514f0fb"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
     "ba637b39",
     "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9"
     "ccda27102519498e80f1478f37ba55bd6d27618c"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
     "ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
     "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
};

TEST_F(Aead, KnownAnswers) {
  for (const Vector& vector : kVectors) {
    SCOPED_TRACE(vector.sealed);
    const std::unique_ptr<AeadContext> context = Context(Hex(vector.key));
    const std::string sealed = Seal(*context, Hex(vector.nonce), Hex(vector.data), Hex(vector.plaintext));
    EXPECT_EQ(absl::BytesToHexString(sealed), vector.sealed);
    std::string opened(sealed.size() - kTagSize, '?');
    EXPECT_EQ(context->Open(Hex(vector.nonce).data(), Hex(vector.data), sealed, &opened[0]), AeadResult::kOk);
    EXPECT_EQ(absl::BytesToHexString(opened), vector.plaintext);
  }
}

TEST_F(Aead, OneContextServesManyMessagesInAnyOrder) {
  const std::string key(32, 'k');
  const std::unique_ptr<AeadContext> context = Context(key);
  for (const size_t size : {100, 0, 5, 100'000, 1, 16}) {
    const std::string nonce(kNonceSize, static_cast<char>('a' + size % 20));
    const std::string plaintext(size, 'p');
    const std::string sealed = Seal(*context, nonce, "", plaintext);
    EXPECT_EQ(sealed, Seal(*Context(key), nonce, "", plaintext));
    std::string opened(size, '?');
    EXPECT_EQ(context->Open(nonce.data(), "", sealed, &opened[0]), AeadResult::kOk);
    EXPECT_EQ(opened, plaintext);
  }
}

TEST_F(Aead, SealsInPlace) {
  const std::unique_ptr<AeadContext> context = Context(std::string(32, 'k'));
  const std::string nonce(kNonceSize, 'n'), plaintext(1000, 'p');
  std::string buffer = plaintext + std::string(kTagSize, '?');
  EXPECT_EQ(context->Seal(nonce.data(), "", std::string_view(buffer).substr(0, 1000), &buffer[0]), AeadResult::kOk);
  EXPECT_EQ(buffer, Seal(*context, nonce, "", plaintext));
}

TEST_F(Aead, WritesNothingBeyondItsOutput) {
  const std::unique_ptr<AeadContext> context = Context(std::string(32, 'k'));
  const std::string nonce(kNonceSize, 'n');
  for (const size_t size : {0, 1, 15, 16, 17, 100}) {
    std::string out(size + kTagSize + 32, '?');
    EXPECT_EQ(context->Seal(nonce.data(), "", std::string(size, 'p'), &out[0]), AeadResult::kOk);
    EXPECT_EQ(out.substr(size + kTagSize), std::string(32, '?'));
    std::string opened(size + 32, '?');
    EXPECT_EQ(context->Open(nonce.data(), "", std::string_view(out).substr(0, size + kTagSize), &opened[0]),
              AeadResult::kOk);
    EXPECT_EQ(opened, std::string(size, 'p') + std::string(32, '?'));
  }
}

TEST_F(Aead, EveryFlippedBitFailsAndLeavesZeros) {
  const std::unique_ptr<AeadContext> context = Context(std::string(32, 'k'));
  const std::string nonce(kNonceSize, 'n'), plaintext(20, 'p');
  const std::string sealed = Seal(*context, nonce, "data", plaintext);
  const auto expect_mismatch = [&](const std::string& n, const std::string& data, const std::string& s) {
    std::string out(s.size() - kTagSize, '?');
    EXPECT_EQ(context->Open(n.data(), data, s, &out[0]), AeadResult::kTagMismatch);
    EXPECT_EQ(out, std::string(out.size(), '\0'));
    EXPECT_EQ(ERR_peek_error(), 0u);
  };
  for (size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string damaged = sealed;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    expect_mismatch(nonce, "data", damaged);
  }
  expect_mismatch(std::string(kNonceSize, 'N'), "data", sealed);
  expect_mismatch(nonce, "", sealed);
  expect_mismatch(nonce, "datA", sealed);
  expect_mismatch(nonce, "data", sealed.substr(0, sealed.size() - 1));
  expect_mismatch(nonce, "", std::string(kTagSize, 'x'));

  // A failure leaves nothing behind in the context.
  std::string opened(plaintext.size(), '?');
  EXPECT_EQ(context->Open(nonce.data(), "data", sealed, &opened[0]), AeadResult::kOk);
  EXPECT_EQ(opened, plaintext);
}

TEST_F(Aead, KeySizes) {
  const absl::StatusOr<std::shared_ptr<const AeadBackend>> backend = OpenSslAead({});
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_STREQ((*backend)->name(), "openssl");
  for (const size_t size : {16, 24, 32}) EXPECT_TRUE((*backend)->NewContext(std::string(size, 'k')).ok());
  for (const size_t size : {0, 15, 17, 31, 33, 64}) {
    EXPECT_EQ((*backend)->NewContext(std::string(size, 'k')).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(Aead, PropertiesThatNothingHasAreInternal) {
  EXPECT_EQ(OpenSslAead({nullptr, "provider=nowhere"}).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace pulseal::crypto
