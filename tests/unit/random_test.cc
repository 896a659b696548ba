// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/random.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <set>
#include <string>

#include "lib/crypto/openssl_ptr.h"

namespace pulseal::crypto {
namespace {

using LibraryPtr = OwnedBy<OSSL_LIB_CTX, OSSL_LIB_CTX_free>;

// A library context whose generators repeat themselves: OpenSSL's TEST-RAND, which gives out the entropy it was set to.
class RepeatingContext {
 public:
  RepeatingContext() : library_(OSSL_LIB_CTX_new()) {
    EXPECT_EQ(RAND_set_DRBG_type(library_.get(), "TEST-RAND", nullptr, nullptr, nullptr), 1);
    EXPECT_EQ(RAND_set_seed_source_type(library_.get(), "TEST-RAND", nullptr), 1);
  }

  OSSL_LIB_CTX* get() const { return library_.get(); }

  // Draws start again.
  void Rewind() {
    for (EVP_RAND_CTX* generator : {RAND_get0_primary(get()), RAND_get0_public(get()), RAND_get0_private(get())}) {
      unsigned int strength = 256;
      OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string("test_entropy", entropy_.data(), entropy_.size()),
                             OSSL_PARAM_construct_uint("strength", &strength), OSSL_PARAM_construct_end()};
      EXPECT_EQ(EVP_RAND_CTX_set_params(generator, params), 1);
      EXPECT_EQ(EVP_RAND_instantiate(generator, 0, 0, nullptr, 0, nullptr), 1);
    }
  }

 private:
  LibraryPtr library_;
  std::array<char, 4096> entropy_{};
};

TEST(NewDataKey, Is32BytesAndNew) {
  std::set<std::string> keys;
  for (int i = 0; i < 100; ++i) {
    const absl::StatusOr<SecretBytes> key = NewDataKey(nullptr);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->size(), 32u);
    keys.emplace(key->view());
  }
  EXPECT_EQ(keys.size(), 100u);
}

TEST(NewDataKey, DrawsFromTheGivenContextAndTheKernel) {
  RepeatingContext context;
  context.Rewind();
  std::array<unsigned char, 32> first, second;
  ASSERT_EQ(RAND_priv_bytes_ex(context.get(), first.data(), first.size(), 256), 1);
  context.Rewind();
  ASSERT_EQ(RAND_priv_bytes_ex(context.get(), second.data(), second.size(), 256), 1);
  ASSERT_EQ(first, second) << "the generator of this test must repeat itself";

  // A generator that repeats itself gives other keys all the same: the kernel's bytes are in them.
  context.Rewind();
  const absl::StatusOr<SecretBytes> key = NewDataKey(context.get());
  ASSERT_TRUE(key.ok()) << key.status();
  context.Rewind();
  EXPECT_NE(NewDataKey(context.get())->view(), key->view());
}

TEST(NewDataKey, FailsWhereTheGeneratorDoes) {
  RepeatingContext context;  // never instantiated: TEST-RAND without entropy has nothing to give
  EXPECT_EQ(NewDataKey(context.get()).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(ReseedGenerator, ReseedsBothGeneratorsOfTheContext) {
  LibraryPtr library(OSSL_LIB_CTX_new());
  for (OSSL_LIB_CTX* context : {static_cast<OSSL_LIB_CTX*>(nullptr), library.get()}) {
    const auto reseeds = [&](EVP_RAND_CTX* generator) {
      unsigned int count = 0;
      OSSL_PARAM params[] = {OSSL_PARAM_construct_uint("reseed_counter", &count), OSSL_PARAM_construct_end()};
      EXPECT_EQ(EVP_RAND_CTX_get_params(generator, params), 1);
      return count;
    };
    const unsigned int public_before = reseeds(RAND_get0_public(context));
    const unsigned int private_before = reseeds(RAND_get0_private(context));
    ASSERT_TRUE(ReseedGenerator(context).ok());
    EXPECT_GT(reseeds(RAND_get0_public(context)), public_before);
    EXPECT_GT(reseeds(RAND_get0_private(context)), private_before);
  }
}

TEST(FillFromKernel, FillsEveryByte) {
  EXPECT_TRUE(FillFromKernel({}).ok());
  // Over 256 bytes getrandom(2) may return less than it was asked for.
  std::string bytes(100'000, '\0');
  ASSERT_TRUE(FillFromKernel(absl::MakeSpan(&bytes[0], bytes.size())).ok());
  EXPECT_EQ(bytes.find(std::string(8, '\0')), std::string::npos);
  EXPECT_EQ(std::set<char>(bytes.begin(), bytes.end()).size(), 256u);
}

}  // namespace
}  // namespace pulseal::crypto
