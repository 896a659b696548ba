// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <utility>

#include "lib/crypto/aead.h"
#include "pulseal/error.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"

namespace pulseal::crypto {
namespace {

using ::testing::HasSubstr;

bool HasIpsecMb() { return ChooseAead(CipherBackend::kIpsecMb, {}).ok(); }

CipherBackend Chosen(const OpenSslSource& source) {
  const auto backend = ChooseAead(CipherBackend::kAutomatic, source);
  EXPECT_TRUE(backend.ok()) << backend.status();
  return backend.ok() ? (*backend)->kind() : CipherBackend::kAutomatic;
}

TEST(ChooseAeadTest, AutomaticIsIpsecMbWhereOpenSslHasNoVaesCode) {
  const bool is_ipsec_mb = HasIpsecMb() && OpenSSL_version_num() < 0x30200000UL;
  EXPECT_EQ(Chosen({}), is_ipsec_mb ? CipherBackend::kIpsecMb : CipherBackend::kOpenSsl);
}

TEST(ChooseAeadTest, OpenSslCanBeForced) {
  EXPECT_EQ((*ChooseAead(CipherBackend::kOpenSsl, {}))->kind(), CipherBackend::kOpenSsl);
}

TEST(ChooseAeadTest, IpsecMbForcedIsUsedOrRefused) {
  const auto backend = ChooseAead(CipherBackend::kIpsecMb, {});
  if (backend.ok()) {
    EXPECT_EQ((*backend)->kind(), CipherBackend::kIpsecMb);
    return;
  }
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(backend.status()), Reason::kMisuse);
  EXPECT_THAT(backend.status().message(), HasSubstr("libipsec-mb"));
}

TEST(ChooseAeadTest, AContextOfTheEmbeddersOwnIsObeyed) {
  const std::unique_ptr<OSSL_LIB_CTX, decltype(&OSSL_LIB_CTX_free)> context(OSSL_LIB_CTX_new(), OSSL_LIB_CTX_free);
  EXPECT_EQ(Chosen({context.get(), ""}), CipherBackend::kOpenSsl);
  EXPECT_EQ(Chosen({nullptr, "provider=default"}), CipherBackend::kOpenSsl);
  for (const OpenSslSource& source : {OpenSslSource{context.get(), ""}, OpenSslSource{nullptr, "provider=default"}}) {
    const absl::Status status = ChooseAead(CipherBackend::kIpsecMb, source).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse);
    EXPECT_THAT(status.message(), HasSubstr("kAutomatic"));
  }
}

TEST(ChooseAeadTest, FipsDefaultsAreObeyed) {
  EVP_default_properties_enable_fips(nullptr, 1);
  const absl::Status automatic = ChooseAead(CipherBackend::kAutomatic, {}).status();
  const absl::Status forced = ChooseAead(CipherBackend::kIpsecMb, {}).status();
  EVP_default_properties_enable_fips(nullptr, 0);
  EXPECT_EQ(automatic.code(), absl::StatusCode::kInternal) << "no FIPS provider is loaded, so nothing can be had";
  EXPECT_EQ(forced.code(), absl::StatusCode::kInvalidArgument);
}

// An implementation of OpenSSL's that gives wrong tags for messages of one size.
class Wrong final : public AeadContext {
 public:
  Wrong(std::unique_ptr<AeadContext> right, size_t size) : right_(std::move(right)), size_(size) {}
  AeadResult Seal(const char* nonce, std::string_view data, std::string_view plaintext, char* out) override {
    const AeadResult result = right_->Seal(nonce, data, plaintext, out);
    if (plaintext.size() == size_) out[size_] = static_cast<char>(out[size_] ^ 1);
    return result;
  }
  AeadResult Open(const char* nonce, std::string_view data, std::string_view sealed, char* out) override {
    return right_->Open(nonce, data, sealed, out);
  }

 private:
  const std::unique_ptr<AeadContext> right_;
  const size_t size_;
};

class WrongBackend final : public AeadBackend {
 public:
  WrongBackend(size_t key_size, size_t size) : key_size_(key_size), size_(size) {}
  CipherBackend kind() const override { return CipherBackend::kOpenSsl; }
  absl::StatusOr<std::unique_ptr<AeadContext>> NewContext(std::string_view key) const override {
    auto context = (*OpenSslAead({}))->NewContext(key);
    if (!context.ok() || key.size() != key_size_) return context;
    return std::make_unique<Wrong>(*std::move(context), size_);
  }

 private:
  const size_t key_size_, size_;
};

TEST(ChooseAeadTest, IpsecMbIsNotUsedWhereItDiffersFromOpenSsl) {
  if (!HasIpsecMb()) GTEST_SKIP() << "there is none";
  for (const size_t key_size : {16, 24, 32}) {
    const absl::Status status = IpsecMbAead(WrongBackend(key_size, 1000)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(status.message(), HasSubstr("differ on 1000 bytes under AES-" + std::to_string(8 * key_size)));
  }
}

TEST(ChooseAeadTest, EncryptorAndDecryptorTakeTheChoice) {
  EncryptorOptions to;
  to.key_names = {"orders"};
  DecryptorOptions from;
  to.key_wrapper = from.key_wrapper = std::make_shared<testing::FakeKeyWrapper>();
  to.background = from.background = testing::ManualBackground().options();
  for (const CipherBackend choice : {CipherBackend::kAutomatic, CipherBackend::kOpenSsl, CipherBackend::kIpsecMb}) {
    const auto expected = ChooseAead(choice, {});
    to.cipher_backend = from.cipher_backend = choice;
    const auto encryptor = MessageEncryptor::Create(to);
    const auto decryptor = MessageDecryptor::Create(from);
    EXPECT_EQ(encryptor.status(), expected.status());
    EXPECT_EQ(decryptor.status(), expected.status());
    if (!expected.ok()) continue;
    EXPECT_EQ((*encryptor)->cipher_backend(), (*expected)->kind());
    EXPECT_EQ((*decryptor)->cipher_backend(), (*expected)->kind());
  }
}

// What one library encrypts the other decrypts.
TEST(ChooseAeadTest, EachReadsTheOthersMessages) {
  if (!HasIpsecMb()) GTEST_SKIP() << "there is only one";
  for (const CipherBackend choice : {CipherBackend::kOpenSsl, CipherBackend::kIpsecMb}) {
    EncryptorOptions to;
    to.key_names = {"orders"};
    to.cipher_backend = choice;
    DecryptorOptions from;
    from.cipher_backend = choice == CipherBackend::kOpenSsl ? CipherBackend::kIpsecMb : CipherBackend::kOpenSsl;
    to.key_wrapper = from.key_wrapper = std::make_shared<testing::FakeKeyWrapper>();
    to.background = from.background = testing::ManualBackground().options();
    const auto encryptor = *MessageEncryptor::Create(to);
    const auto decryptor = *MessageDecryptor::Create(from);
    std::string out, fields, opened;
    const auto sealed = encryptor->Encrypt("hello", &out, &fields);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    EXPECT_EQ(decryptor->Decrypt(sealed->fields, sealed->payload, &opened).payload, "hello");
  }
}

}  // namespace
}  // namespace pulseal::crypto
