// SPDX-License-Identifier: Apache-2.0
//
// A producer's data keys, whichever way they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "pulseal/message_encryptor.h"
#include "tests/support/each_aead.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"
#include "tests/wipe/leftover_search.h"
#include "tests/wipe/watched_key_wrapper.h"

namespace pulseal {
namespace {

using ::testing::Contains;
using testing::FakeKeyWrapper;
using ::testing::IsEmpty;
using testing::LeftoverSearch;
using testing::ManualBackground;
using ::testing::SizeIs;
using testing::WatchedKeyWrapper;
using Manner = FakeKeyWrapper::Manner;

class ProducerWipes : public ::testing::TestWithParam<CipherBackend> {
 protected:
  EncryptorOptions Options() {
    EncryptorOptions options;
    options.key_names = {"orders", "audit"};
    options.key_wrapper = std::make_shared<WatchedKeyWrapper>(search_, wrapper_);
    options.background = background_.options();
    options.key_timeout = std::chrono::milliseconds(1);
    options.cipher_backend = GetParam();
    return options;
  }

  std::unique_ptr<MessageEncryptor> Create() {
    auto encryptor = MessageEncryptor::Create(Options());
    EXPECT_TRUE(encryptor.ok()) << encryptor.status();
    return *std::move(encryptor);
  }

  void Encrypt(MessageEncryptor& encryptor) {
    const auto sealed = encryptor.Encrypt("hello", &out_, &fields_);
    EXPECT_TRUE(sealed.ok()) << sealed.status();
  }

  // WatchedKeyWrapper keeps a data key once for each recipient, so Live() names it as often.
  void ExpectSecretsLive() { EXPECT_THAT(search_.Live(), Contains("data key")); }
  void ExpectNoneLive() { EXPECT_THAT(search_.Live(), IsEmpty()); }

  void ExpectNothingLeft() {
    background_.DropAll();
    EXPECT_THAT(search_.Found(), IsEmpty());
  }

  LeftoverSearch search_;
  ManualBackground background_;
  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  std::string out_, fields_;
};

TEST_P(ProducerWipes, EveryKeyOfItsLife) {
  search_.Run([&] {
    auto encryptor = Create();
    Encrypt(*encryptor);
    EXPECT_THAT(search_.Live(), SizeIs(2));
    EXPECT_TRUE(encryptor->Rotate().ok());
    Encrypt(*encryptor);
    EXPECT_TRUE(encryptor->SetKeyNames({"orders"}).ok());
    EXPECT_THAT(search_.Live(), SizeIs(1));  // the first two data keys are gone at once: no lane is in use
    Encrypt(*encryptor);
  });
  ExpectNothingLeft();
}

TEST_P(ProducerWipes, KeysThatAgeAndReachTheirLimits) {
  search_.Run([&] {
    EncryptorOptions options = Options();
    options.rotation.messages = 2;
    options.rotation.hard_messages = 3;
    auto encryptor = *MessageEncryptor::Create(std::move(options));
    for (int i = 0; i < 3; ++i) Encrypt(*encryptor);
    EXPECT_FALSE(encryptor->Encrypt("hello", &out_, &fields_).ok());
    ExpectNoneLive();
    background_.RunDue();
    Encrypt(*encryptor);
    ExpectSecretsLive();
    background_.Advance(std::chrono::hours(5));
    Encrypt(*encryptor);
  });
  ExpectNothingLeft();
}

TEST_P(ProducerWipes, ARotationThatFails) {
  search_.Run([&] {
    auto encryptor = Create();
    wrapper_->SetStatus("audit", absl::UnavailableError("vault sealed"));
    EXPECT_FALSE(encryptor->Rotate().ok());
    wrapper_->SetManner(Manner::kThrow);
    EXPECT_FALSE(encryptor->Rotate().ok());
    EXPECT_THAT(search_.Live(), SizeIs(2));  // the first one alone
  });
  ExpectNothingLeft();
}

TEST_P(ProducerWipes, ACreateThatFails) {
  search_.Run([&] {
    wrapper_->SetStatus("audit", absl::NotFoundError("no such key"));
    EXPECT_FALSE(MessageEncryptor::Create(Options()).ok());
  });
  ExpectNothingLeft();
}

TEST_P(ProducerWipes, ARotationThatIsNeverAnswered) {
  search_.Run([&] {
    auto encryptor = Create();
    wrapper_->SetManner(Manner::kNever);
    EXPECT_FALSE(encryptor->Rotate().ok());
    EXPECT_THAT(search_.Live(), SizeIs(2));
    encryptor->RotateAsync([](const absl::Status&) {});
    background_.RunDue();
    encryptor.reset();
    background_.DropAll();
  });
  // The wrapper still holds the functions that it was to answer with.
  ExpectNothingLeft();
}

TEST_P(ProducerWipes, AnswersThatComeTwiceOrAfterTheEnd) {
  search_.Run([&] {
    wrapper_->SetManner(Manner::kTwice);
    auto encryptor = Create();
    wrapper_->SetManner(Manner::kHeld);
    encryptor->RotateAsync([](const absl::Status&) {});
    background_.RunDue();
    encryptor.reset();
    wrapper_->Release();
    background_.DropAll();
  });
  ExpectNothingLeft();
}

TEST_P(ProducerWipes, APinnedKeyThatOutlivesTheEncryptor) {
  search_.Run([&] {
    auto encryptor = Create();
    {
      const absl::StatusOr<PinnedKey> pinned = encryptor->Pin(2);
      char out[64], fields[1024];
      const auto sealed = encryptor->Encrypt(*pinned, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
      EXPECT_TRUE(sealed.ok()) << sealed.status();
      EXPECT_TRUE(encryptor->Rotate().ok());
      encryptor.reset();
      EXPECT_THAT(search_.Live(), SizeIs(2));
    }
    ExpectNoneLive();
  });
  ExpectNothingLeft();
}

INSTANTIATE_TEST_SUITE_P(, ProducerWipes, testing::EachAead(), testing::AeadName);

}  // namespace
}  // namespace pulseal
