// SPDX-License-Identifier: Apache-2.0
//
// LocalKeyWrapper, and all that handles a private key: what goes in, what comes out, and what lies between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/crypto/ecies.h"
#include "lib/crypto/pem_key.h"
#include "lib/status.h"
#include "pulseal/key_pair.h"
#include "pulseal/key_readers.h"
#include "pulseal/key_wrapper.h"
#include "tests/support/test_keys.h"
#include "tests/wipe/leftover_search.h"
#include "tests/wipe/private_key_secrets.h"

namespace pulseal {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using testing::KeepPrivateKey;
using testing::LeftoverSearch;
using testing::TestKey;

struct Pair {
  const char* public_file;
  const char* private_file;
};

class LocalWipes : public ::testing::TestWithParam<Pair> {
 protected:
  std::shared_ptr<KeyWrapper> Wrapper(LocalKeyPolicy policy = {}) const {
    std::map<std::string, std::string> public_pems;
    std::multimap<std::string, SecretBytes> private_pems;
    public_pems["orders"] = public_pem_;
    private_pems.emplace("orders", SecretBytes::CopyOf(private_pem_));
    return LocalKeyWrapper(KeysInMemory(std::move(public_pems), std::move(private_pems)), std::move(policy));
  }

  absl::StatusOr<WrappedKey> Wrap(KeyWrapper& wrapper) const {
    absl::StatusOr<WrappedKey> wrapped = absl::UnavailableError("no answer");
    wrapper.Wrap("orders", std::make_shared<const SecretBytes>(SecretBytes::CopyOf(data_key_)),
                 [&](absl::StatusOr<WrappedKey> answer) { wrapped = std::move(answer); });
    return wrapped;
  }

  // Whether it opens to data_key_.
  absl::Status Unwrap(KeyWrapper& wrapper, const WrappedKey& wrapped) const {
    absl::Status status = absl::UnavailableError("no answer");
    wrapper.Unwrap(wrapped, /*max_operations=*/8, [&](absl::StatusOr<Unwrapped> answer) {
      status = answer.status();
      if (!answer.ok()) return;
      EXPECT_EQ(answer->data_key.view(), data_key_);
    });
    return status;
  }

  void ExpectNothingLeft() { EXPECT_THAT(search_.Found(), IsEmpty()); }

  LeftoverSearch search_;
  std::string_view public_pem_, private_pem_;
  const std::string_view data_key_ = search_.NewSecret("data key", 32);
};

TEST_P(LocalWipes, WrapAndUnwrap) {
  public_pem_ = search_.Copy(TestKey(GetParam().public_file));
  private_pem_ = search_.Copy(TestKey(GetParam().private_file));
  KeepPrivateKey(search_, private_pem_);
  search_.Run([&] {
    const auto wrapper = Wrapper();
    absl::StatusOr<WrappedKey> wrapped = Wrap(*wrapper);
    ASSERT_TRUE(wrapped.ok()) << wrapped.status();
    EXPECT_TRUE(Unwrap(*wrapper, *wrapped).ok());
    EXPECT_THAT(search_.Live(), Contains("private key's PEM"));
    wrapped->bytes.back() = static_cast<char>(wrapped->bytes.back() ^ 1);
    EXPECT_EQ(Unwrap(*wrapper, *wrapped).code(), absl::StatusCode::kUnauthenticated);
  });
  ExpectNothingLeft();
}

TEST_P(LocalWipes, Describe) {
  private_pem_ = search_.Copy(TestKey(GetParam().private_file));
  KeepPrivateKey(search_, private_pem_);
  search_.Run([&] { EXPECT_TRUE(DescribeKey(private_pem_)->is_private); });
  ExpectNothingLeft();
}

TEST_P(LocalWipes, ADamagedKey) {
  const std::string_view pem = search_.Copy(TestKey(GetParam().private_file));
  KeepPrivateKey(search_, pem);
  private_pem_ = pem.substr(0, pem.size() - 20);
  search_.Run([&] {
    const auto wrapper = Wrapper();
    EXPECT_EQ(Unwrap(*wrapper, {"orders", std::string(256, 'x'), {}}).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_FALSE(DescribeKey(private_pem_).ok());
  });
  ExpectNothingLeft();
}

INSTANTIATE_TEST_SUITE_P(Keys, LocalWipes,
                         ::testing::Values(Pair{"rsa-2048.public.pem", "rsa-2048.private.pem"},
                                           Pair{"rsa-2048.public.pem", "rsa-2048.pkcs8.private.pem"},
                                           Pair{"p-256.public.pem", "p-256.private.pem"},
                                           Pair{"p-256.public.pem", "p-256.pkcs8.private.pem"},
                                           Pair{"p-256-explicit.public.pem", "p-256-explicit.private.pem"},
                                           Pair{"p-384.public.pem", "p-384.private.pem"},
                                           Pair{"p-521.public.pem", "p-521.private.pem"}),
                         [](const auto& test) {
                           std::string name = test.param.private_file;
                           for (char& c : name) c = absl::ascii_isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

// An encrypted key of a passphrase of our own: 16 bytes, so that it can be found.
class EncryptedKeyWipes : public LocalWipes {
 protected:
  EncryptedKeyWipes() {
    search_.Run([&] {
      const absl::StatusOr<KeyPair> pair = GenerateKeyPair(KeyType::kP256, passphrase_);
      ASSERT_TRUE(pair.ok()) << pair.status();
      public_pem_ = search_.Copy(pair->public_pem);
      private_pem_ = search_.Copy(pair->private_pem.view());
    });
  }

  LocalKeyPolicy Giving(std::string_view passphrase) const {
    LocalKeyPolicy policy;
    policy.passphrase = [passphrase](const std::string&) { return SecretBytes::CopyOf(passphrase); };
    return policy;
  }

  const std::string_view passphrase_ = search_.NewSecret("passphrase", 32);
  const std::string_view wrong_ = search_.NewSecret("wrong passphrase", 32);
};

TEST_F(EncryptedKeyWipes, TheRightPassphrase) {
  search_.Run([&] {
    const auto wrapper = Wrapper(Giving(passphrase_));
    const absl::StatusOr<WrappedKey> wrapped = Wrap(*wrapper);
    ASSERT_TRUE(wrapped.ok()) << wrapped.status();
    EXPECT_TRUE(Unwrap(*wrapper, *wrapped).ok());
    EXPECT_TRUE(DescribeKey(private_pem_, passphrase_).ok());
  });
  ExpectNothingLeft();
}

TEST_F(EncryptedKeyWipes, TheWrongPassphrase) {
  search_.Run([&] {
    const auto wrapper = Wrapper(Giving(wrong_));
    const absl::StatusOr<WrappedKey> wrapped = Wrap(*wrapper);
    ASSERT_TRUE(wrapped.ok()) << wrapped.status();
    EXPECT_EQ(Unwrap(*wrapper, *wrapped).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_FALSE(DescribeKey(private_pem_, wrong_).ok());
  });
  ExpectNothingLeft();
}

class GenerateWipes : public ::testing::TestWithParam<KeyType> {
 protected:
  LeftoverSearch search_;
};

TEST_P(GenerateWipes, AKeyPair) {
  std::string_view pem;
  search_.Run([&] {
    const absl::StatusOr<KeyPair> pair = GenerateKeyPair(GetParam());
    ASSERT_TRUE(pair.ok()) << pair.status();
    pem = search_.Copy(pair->private_pem.view());
  });
  KeepPrivateKey(search_, pem);
  EXPECT_THAT(search_.Found(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Types, GenerateWipes, ::testing::Values(KeyType::kRsa2048, KeyType::kP256, KeyType::kP521));

// The known answer of ECIES on P-256, with everything between the keys and the wrapped key.
class EciesWipes : public ::testing::Test {
 protected:
  static std::string Bytes(const char* hex) { return absl::HexStringToBytes(hex); }

  // SEC1 (RFC 5915) without the public key, which OpenSSL works out.
  std::string_view PemOf(const char* name, const char* scalar) {
    search_.Keep(name, Bytes(scalar));
    const std::string der = Bytes("30310201010420") + Bytes(scalar) + Bytes("a00a06082a8648ce3d030107");
    return search_.Copy(
        absl::StrCat("-----BEGIN EC PRIVATE KEY-----\n", absl::Base64Escape(der), "\n-----END EC PRIVATE KEY-----\n"));
  }

  crypto::PemKey Read(std::string_view pem) const {
    absl::StatusOr<crypto::PemKey> key = crypto::ReadPemKey(pem, nullptr, {});
    EXPECT_TRUE(key.ok()) << key.status();
    return key.ok() ? *std::move(key) : crypto::PemKey();
  }

  LeftoverSearch search_;
  const std::string_view recipient_ =
      PemOf("private scalar", "3e46983e7b7acde009f14fbaff49db78a0e9d3a82b755ba3e390e01807702628");
  const std::string_view ephemeral_ =
      PemOf("ephemeral scalar", "d026211af2dc98805ccf1fbf101f9ad418b95f5cc015c9291f8b7d33458a350e");
  const std::string_view data_key_ =
      search_.Keep("data key", Bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  const std::string_view z_ =
      search_.Keep("Z", Bytes("f76fdc0c1db9bba7ed99b154a8d4e0113e7582de53d5070fad51eac0c546306f"));
  const std::string_view mac_key_ = search_.Keep("MAC key", Bytes("8d5e906995a4fe01724baeb5ef559110"));
  const std::string_view stream_ =
      search_.Keep("key stream", Bytes("99e31eecbce7c0d78d8ef2f9f395a115b34a3b2debb1914f36ca88acb2b047c2"));
  std::string wrapped_ = Bytes(
      "044d6a200e4d7f86d01f920c560c7cc1e92285dbcd97e4618e144c01382e760f1bef493266fc0a23ff07fc2193923a1912befcae13fb"
      "6d203fd564553188eeeb1099e21cefb8e2c6d08587f8f2ff98af1aa35b293effa487582ed392b7aead59dd3afdb6eaa7b5ebe19a7c2f"
      "dd5229589cbf771879");
};

TEST_F(EciesWipes, Wrap) {
  search_.Run([&] {
    EXPECT_EQ(*crypto::EciesWrapWith(Read(ephemeral_).key.get(), Read(recipient_), data_key_, {}), wrapped_);
  });
  EXPECT_THAT(search_.Found(), IsEmpty());
}

TEST_F(EciesWipes, Unwrap) {
  search_.Run([&] { EXPECT_EQ(crypto::EciesUnwrap(Read(recipient_), wrapped_, {})->view(), data_key_); });
  EXPECT_THAT(search_.Found(), IsEmpty());
}

TEST_F(EciesWipes, AnUnwrapThatFails) {
  wrapped_.back() = static_cast<char>(wrapped_.back() ^ 1);
  search_.Run([&] { EXPECT_FALSE(crypto::EciesUnwrap(Read(recipient_), wrapped_, {}).ok()); });
  EXPECT_THAT(search_.Found(), IsEmpty());
}

}  // namespace
}  // namespace pulseal
