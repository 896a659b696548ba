// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/aead.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "tests/support/each_aead.h"
#include "tests/support/guarded_buffer.h"

namespace pulseal::crypto {
namespace {

using testing::GuardedBuffer;

std::string Hex(const char* hex) { return absl::HexStringToBytes(hex); }

std::string Random(size_t size) {
  std::string bytes(size, '\0');
  EXPECT_EQ(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)), 1);
  return bytes;
}

std::shared_ptr<const AeadBackend> Backend(CipherBackend choice) {
  absl::StatusOr<std::shared_ptr<const AeadBackend>> backend = ChooseAead(choice, {});
  EXPECT_TRUE(backend.ok()) << backend.status();
  return *std::move(backend);
}

class Aead : public ::testing::TestWithParam<CipherBackend> {
 protected:
  static std::unique_ptr<AeadContext> Context(const std::string& key, CipherBackend choice = GetParam()) {
    absl::StatusOr<std::unique_ptr<AeadContext>> context = Backend(choice)->NewContext(key);
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

TEST_P(Aead, KnownAnswers) {
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

TEST_P(Aead, OneContextServesManyMessagesInAnyOrder) {
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

TEST_P(Aead, SealsInPlace) {
  const std::unique_ptr<AeadContext> context = Context(std::string(32, 'k'));
  const std::string nonce(kNonceSize, 'n'), plaintext(1000, 'p');
  std::string buffer = plaintext + std::string(kTagSize, '?');
  EXPECT_EQ(context->Seal(nonce.data(), "", std::string_view(buffer).substr(0, 1000), &buffer[0]), AeadResult::kOk);
  EXPECT_EQ(buffer, Seal(*context, nonce, "", plaintext));
}

TEST_P(Aead, WritesNothingBeyondItsOutput) {
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

TEST_P(Aead, NothingMayBeNowhere) {
  const std::unique_ptr<AeadContext> context = Context(std::string(32, 'k'));
  const std::string nonce(kNonceSize, 'n');
  std::string tag(kTagSize, '?');
  EXPECT_EQ(context->Seal(nonce.data(), {}, {}, tag.data()), AeadResult::kOk);
  EXPECT_EQ(tag, Seal(*context, nonce, "", ""));
  EXPECT_EQ(context->Open(nonce.data(), {}, tag, nullptr), AeadResult::kOk);
  tag[0] = static_cast<char>(tag[0] ^ 1);
  EXPECT_EQ(context->Open(nonce.data(), {}, tag, nullptr), AeadResult::kTagMismatch);
}

TEST_P(Aead, EveryFlippedBitFailsAndLeavesZeros) {
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

TEST_P(Aead, KeySizes) {
  const std::shared_ptr<const AeadBackend> backend = Backend(GetParam());
  EXPECT_EQ(backend->kind(), GetParam());
  for (const size_t size : {16, 24, 32}) EXPECT_TRUE(backend->NewContext(std::string(size, 'k')).ok());
  for (const size_t size : {0, 15, 17, 31, 33, 64}) {
    EXPECT_EQ(backend->NewContext(std::string(size, 'k')).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

// Every length of up to 600 bytes, and longer ones; nothing is touched behind any of the buffers.
TEST_P(Aead, GivesOpenSslsBytes) {
  std::vector<size_t> sizes(600);
  std::iota(sizes.begin(), sizes.end(), 0);
  for (const size_t size : {1024, 4095, 4097, 65'536, 1'000'003}) sizes.push_back(size);
  for (const size_t key_size : {16, 24, 32}) {
    const GuardedBuffer key(Random(key_size));
    const auto ours = Context(std::string(key.view())),
               openssl = Context(std::string(key.view()), CipherBackend::kOpenSsl);
    for (const size_t size : sizes) {
      SCOPED_TRACE(size);
      const GuardedBuffer nonce(Random(kNonceSize)), data(Random(size % 50)), plaintext(Random(size));
      GuardedBuffer sealed(size + kTagSize), opened(size);
      ASSERT_EQ(ours->Seal(nonce.view().data(), data.view(), plaintext.view(), sealed.data()), AeadResult::kOk);
      std::string expected(size + kTagSize, '?');
      ASSERT_EQ(openssl->Seal(nonce.view().data(), data.view(), plaintext.view(), expected.data()), AeadResult::kOk);
      ASSERT_EQ(sealed.view(), expected);
      ASSERT_EQ(ours->Open(nonce.view().data(), data.view(), sealed.view(), opened.data()), AeadResult::kOk);
      ASSERT_EQ(opened.view(), plaintext.view());
    }
  }
}

// The same bytes and the same verdict as OpenSSL's, whatever the sizes, in place or apart, honest or forged.
TEST_P(Aead, AgreesWithOpenSslOnWhateverComes) {
  std::mt19937_64 random(77);
  const auto bytes = [&random](size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
  };
  int verdicts[2] = {0, 0};
  for (int i = 0; i < 600; ++i) {
    SCOPED_TRACE(i);
    const std::string key = bytes(16 + 8 * (random() % 3)), nonce = bytes(kNonceSize);
    const auto ours = Context(key), openssl = Context(key, CipherBackend::kOpenSsl);
    const size_t size = random() % (size_t{1} << random() % 18);  // up to 128 KiB, small ones as often as large ones
    const std::string data = bytes(random() % 3 == 0 ? random() % 300 : 0), plaintext = bytes(size);

    std::string apart(size + kTagSize, '?'), in_place = plaintext + std::string(kTagSize, '?'), expected = apart;
    ASSERT_EQ(ours->Seal(nonce.data(), data, plaintext, apart.data()), AeadResult::kOk);
    ASSERT_EQ(ours->Seal(nonce.data(), data, {in_place.data(), size}, in_place.data()), AeadResult::kOk);
    ASSERT_EQ(openssl->Seal(nonce.data(), data, plaintext, expected.data()), AeadResult::kOk);
    ASSERT_TRUE(apart == expected && in_place == expected);

    if (random() % 2) {
      char& changed = apart[random() % 2 ? apart.size() - 1 - random() % kTagSize : random() % apart.size()];
      changed = static_cast<char>(changed ^ (1 << random() % 8));
    }
    if (random() % 8 == 0) apart.resize(kTagSize + random() % (size + 1));
    std::string opened(apart.size() - kTagSize, '?'), reference = opened;
    const AeadResult verdict = ours->Open(nonce.data(), data, apart, opened.data());
    ASSERT_EQ(verdict, openssl->Open(nonce.data(), data, apart, reference.data()));
    ASSERT_TRUE(opened == reference);
    ASSERT_EQ(verdict == AeadResult::kOk, apart == expected);
    ++verdicts[verdict == AeadResult::kOk];
  }
  EXPECT_GT(verdicts[0], 200);
  EXPECT_GT(verdicts[1], 200);
}

TEST_P(Aead, RefusesWhatIsTooLongUntouched) {
  if (GetParam() == CipherBackend::kOpenSsl) GTEST_SKIP() << "OpenSSL takes an int, which its caller must keep to";
  const std::unique_ptr<AeadContext> context = Context(std::string(32, 'k'));
  const std::string nonce(kNonceSize, 'n');
  char out[kTagSize] = {'?'};
  const std::string_view too_long(out, (size_t{1} << 31) + kTagSize);
  EXPECT_EQ(context->Seal(nonce.data(), "", too_long, out), AeadResult::kBackendFailed);
  EXPECT_EQ(context->Open(nonce.data(), "", too_long, out), AeadResult::kBackendFailed);
  EXPECT_EQ(out[0], '?');
}

INSTANTIATE_TEST_SUITE_P(, Aead, testing::EachAead(), testing::AeadName);

TEST(OpenSslAeadTest, PropertiesThatNothingHasAreInternal) {
  EXPECT_EQ(OpenSslAead({nullptr, "provider=nowhere"}).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace pulseal::crypto
