// SPDX-License-Identifier: Apache-2.0
//
// An OpenSSL library context of the embedder's own: everything comes from it, nothing from the default one.
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "lib/crypto/ecies.h"
#include "lib/crypto/pem_key.h"
#include "lib/crypto/rsa_oaep.h"
#include "pulseal/key_pair.h"
#include "pulseal/key_readers.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"
#include "tests/support/test_keys.h"

namespace pulseal {
namespace {

using testing::FakeKeyWrapper;
using testing::ManualBackground;
using testing::TestKey;
using Context = std::unique_ptr<OSSL_LIB_CTX, decltype(&OSSL_LIB_CTX_free)>;

Context NewContext() { return {OSSL_LIB_CTX_new(), OSSL_LIB_CTX_free}; }

// What is fetched from it without properties isn't found either. Its generators are there already.
Context NewContextWithoutDefaults() {
  Context context = NewContext();
  RAND_get0_public(context.get());
  RAND_get0_private(context.get());
  EVP_set_default_properties(context.get(), "provider=nowhere");
  return context;
}

// While it lives, nothing can be fetched from the default context.
class NoDefaultContext {
 public:
  NoDefaultContext() { EVP_set_default_properties(nullptr, "provider=nowhere"); }
  ~NoDefaultContext() { EVP_set_default_properties(nullptr, ""); }
};

class OpenSslContextTest : public ::testing::TestWithParam<const char*> {
 protected:
  OpenSslContextTest() {
    const std::string key = GetParam();
    std::multimap<std::string, SecretBytes> private_pems;
    private_pems.emplace("orders", SecretBytes::CopyOf(TestKey(key + ".private.pem")));
    to_.key_names = {"orders"};
    to_.key_reader = from_.key_reader =
        KeysInMemory({{"orders", TestKey(key + ".public.pem")}}, std::move(private_pems));
    to_.background = from_.background = ManualBackground().options();
  }

  void Use(OSSL_LIB_CTX* context, const char* properties) {
    to_.openssl.context = from_.openssl.context = context;
    to_.openssl.properties = from_.openssl.properties = properties;
  }

  void ExpectThatAMessageGoesThrough() {
    const auto encryptor = MessageEncryptor::Create(to_);
    ASSERT_TRUE(encryptor.ok()) << encryptor.status();
    const auto decryptor = MessageDecryptor::Create(from_);
    ASSERT_TRUE(decryptor.ok()) << decryptor.status();
    std::string out, fields, opened;
    const auto sealed = (*encryptor)->Encrypt("hello", &out, &fields);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    const Decision decision = (*decryptor)->Decrypt(sealed->fields, sealed->payload, &opened);
    EXPECT_EQ(decision.action, Decision::Action::kDeliver) << decision.status;
    EXPECT_EQ(decision.payload, "hello");
  }

  EncryptorOptions to_;
  DecryptorOptions from_;
};

TEST_P(OpenSslContextTest, IsWhereEveryAlgorithmComesFrom) {
  const Context context = NewContext();
  const NoDefaultContext no_default_context;
  ASSERT_FALSE(MessageEncryptor::Create(to_).ok()) << "the test shows nothing";
  Use(context.get(), "");
  ExpectThatAMessageGoesThrough();
}

TEST_P(OpenSslContextTest, IsAskedWithThePropertiesForEveryAlgorithm) {
  const Context context = NewContextWithoutDefaults();
  const NoDefaultContext no_default_context;
  Use(context.get(), "");
  ASSERT_FALSE(MessageEncryptor::Create(to_).ok()) << "the test shows nothing";
  Use(context.get(), "provider=default");
  ExpectThatAMessageGoesThrough();
}

INSTANTIATE_TEST_SUITE_P(Keys, OpenSslContextTest, ::testing::Values("rsa-2048", "p-256"));

TEST(OpenSslContext, IsWhereKeyPairsAreMadeAndDescribed) {
  const Context context = NewContextWithoutDefaults();
  const NoDefaultContext no_default_context;
  const OpenSslOptions without_properties{context.get(), ""}, openssl{context.get(), "provider=default"};
  for (const KeyType type : {KeyType::kRsa2048, KeyType::kP256}) {
    EXPECT_EQ(GenerateKeyPair(type).status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(GenerateKeyPair(type, without_properties).status().code(), absl::StatusCode::kInternal);
    const absl::StatusOr<KeyPair> pair = GenerateKeyPair(type, openssl);
    ASSERT_TRUE(pair.ok()) << pair.status();
    EXPECT_FALSE(DescribeKey(pair->public_pem).ok());
    EXPECT_FALSE(DescribeKey(pair->public_pem, without_properties).ok());
    const auto public_half = DescribeKey(pair->public_pem, openssl);
    const auto private_half = DescribeKey(pair->private_pem.view(), openssl);
    ASSERT_TRUE(public_half.ok() && private_half.ok()) << public_half.status() << private_half.status();
    EXPECT_EQ(public_half->fingerprint, private_half->fingerprint);
  }
}

TEST(OpenSslContext, IsWhereEncryptedKeysAreMadeAndRead) {
  const Context context = NewContext();
  const NoDefaultContext no_default_context;
  const OpenSslOptions openssl{context.get(), ""}, nowhere{context.get(), "provider=nowhere"};
  const absl::StatusOr<KeyPair> pair = GenerateKeyPair(KeyType::kP256, "secret", openssl);
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_FALSE(GenerateKeyPair(KeyType::kP256, "secret", nowhere).ok());
  EXPECT_FALSE(GenerateKeyPair(KeyType::kP256, "secret").ok());
  EXPECT_TRUE(DescribeKey(pair->private_pem.view(), "secret", openssl).ok());
  EXPECT_FALSE(DescribeKey(pair->private_pem.view(), "secret", nowhere).ok());
  EXPECT_FALSE(DescribeKey(pair->private_pem.view(), "secret").ok());
}

TEST(OpenSslContext, IsWhereEveryFormOfAKeyIsRead) {
  const Context context = NewContextWithoutDefaults();
  const NoDefaultContext no_default_context;
  size_t read = 0;
  for (const auto& file : std::filesystem::directory_iterator(PULSEAL_SOURCE_DIR "/tests/vectors/keys")) {
    const std::string name = file.path().filename();
    // OpenSSL's PBKDF2 looks its digest up by the context's default properties.
    if (file.path().extension() != ".pem" || name == "rsa-2048.encrypted.private.pem") continue;
    EXPECT_FALSE(DescribeKey(TestKey(name), {context.get(), ""}).ok()) << name;
    const auto key = DescribeKey(TestKey(name), {context.get(), "provider=default"});
    EXPECT_TRUE(key.ok()) << name << ": " << key.status();
    ++read;
  }
  EXPECT_EQ(read, 27u);
}

EncryptorOptions WithContext(OSSL_LIB_CTX* context, const ManualBackground& background) {
  EncryptorOptions options;
  options.key_names = {"orders"};
  options.key_wrapper = std::make_shared<FakeKeyWrapper>();
  options.background = background.options();
  options.openssl.context = context;
  return options;
}

TEST(OpenSslContext, IsWhereDataKeysAreDrawnFrom) {
  const Context context = NewContext();
  ASSERT_EQ(RAND_set_DRBG_type(context.get(), "no such generator", nullptr, nullptr, nullptr), 1);
  const absl::Status status = MessageEncryptor::Create(WithContext(context.get(), ManualBackground())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
}

// Neither an ephemeral key, nor a seed of OAEP's, nor a key pair comes from anywhere else.
TEST(OpenSslContext, AGeneratorThatFailsWrapsNothingAndMakesNoKeyPair) {
  const Context context = NewContext();
  ASSERT_EQ(RAND_set_DRBG_type(context.get(), "no such generator", nullptr, nullptr, nullptr), 1);
  const crypto::OpenSslSource source{context.get(), ""};
  const std::string data_key(32, 'k');
  const auto key = [&](const char* name) { return *crypto::ReadPemKey(TestKey(name), nullptr, source); };
  EXPECT_EQ(crypto::EciesWrap(key("p-256.public.pem"), data_key, source).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(crypto::RsaOaepWrap(key("rsa-2048.public.pem"), data_key, source).status().code(),
            absl::StatusCode::kInternal);
  for (const KeyType type : {KeyType::kP256, KeyType::kRsa2048}) {
    EXPECT_EQ(GenerateKeyPair(type, {context.get(), ""}).status().code(), absl::StatusCode::kInternal);
  }
  LocalKeyPolicy policy;
  policy.openssl.context = context.get();
  LocalKeyWrapper(KeysInMemory({{"orders", TestKey("p-256.public.pem")}}, {}), policy)
      ->Wrap("orders", std::make_shared<const SecretBytes>(SecretBytes::CopyOf(data_key)),
             [](const absl::StatusOr<WrappedKey>& answer) {
               EXPECT_EQ(answer.status().code(), absl::StatusCode::kInternal) << answer.status();
             });
}

TEST(OpenSslContext, ItsGeneratorsAreReseededBeforeEachDataKeyIsMadeAndWrapped) {
  const Context context = NewContext();
  const auto reseeds = [&context] {
    unsigned int count = 0;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_uint("reseed_counter", &count), OSSL_PARAM_construct_end()};
    EXPECT_EQ(EVP_RAND_CTX_get_params(RAND_get0_private(context.get()), params), 1);
    return count;
  };
  const auto encryptor = *MessageEncryptor::Create(WithContext(context.get(), ManualBackground()));
  const unsigned int after_create = reseeds();
  ASSERT_TRUE(encryptor->Rotate().ok());
  EXPECT_GT(reseeds(), after_create);
}

TEST(OpenSslContext, PropertiesThatNothingHasAreRefused) {
  EncryptorOptions options = WithContext(nullptr, ManualBackground());
  options.openssl.properties = "provider=nowhere";
  EXPECT_EQ(MessageEncryptor::Create(options).status().code(), absl::StatusCode::kInternal);
}

// TEST-RAND gives out what it was set to, and then fails.
void AllowOneDataKey(OSSL_LIB_CTX* context) {
  ASSERT_EQ(RAND_set_DRBG_type(context, "TEST-RAND", nullptr, nullptr, nullptr), 1);
  ASSERT_EQ(RAND_set_seed_source_type(context, "TEST-RAND", nullptr), 1);
  for (EVP_RAND_CTX* generator : {RAND_get0_primary(context), RAND_get0_public(context), RAND_get0_private(context)}) {
    unsigned int strength = 256;
    char entropy[32] = {};
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string("test_entropy", entropy, sizeof entropy),
                           OSSL_PARAM_construct_uint("strength", &strength), OSSL_PARAM_construct_end()};
    ASSERT_EQ(EVP_RAND_CTX_set_params(generator, params), 1);
    ASSERT_EQ(EVP_RAND_instantiate(generator, 0, 0, nullptr, 0, nullptr), 1);
  }
}

// An operator who allows messages in clear while a key service is down has not allowed them while the machine is broken.
TEST(OpenSslContext, AGeneratorThatFailsSendsNothingInClear) {
  const Context context = NewContext();
  ASSERT_NO_FATAL_FAILURE(AllowOneDataKey(context.get()));
  ManualBackground background;
  EncryptorOptions options = WithContext(context.get(), background);
  options.failure_action = ProducerCryptoFailureAction::kSend;
  options.rotation.messages = options.rotation.hard_messages = 1;
  const auto encryptor = *MessageEncryptor::Create(options);
  std::string out, fields;
  ASSERT_TRUE(encryptor->Encrypt("hello", &out, &fields).ok());
  background.RunDue();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(encryptor->Encrypt("hello", &out, &fields).status().code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_GE(encryptor->counters().rotations_failed, 1u);
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 0u);
}

}  // namespace
}  // namespace pulseal
