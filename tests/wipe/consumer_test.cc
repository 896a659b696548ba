// SPDX-License-Identifier: Apache-2.0
//
// A consumer's data keys, whichever way they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/decryptor_fixture.h"
#include "tests/support/each_aead.h"
#include "tests/wipe/leftover_search.h"
#include "tests/wipe/watched_key_wrapper.h"

namespace pulseal {
namespace {

using ::testing::Contains;
using testing::DecryptorFixture;
using testing::FakeKeyWrapper;
using ::testing::IsEmpty;
using testing::LeftoverSearch;
using testing::MadeMessage;
using testing::Seal;
using ::testing::SizeIs;
using testing::WatchedKeyWrapper;
using Action = Decision::Action;
using Manner = FakeKeyWrapper::Manner;

class ConsumerWipes : public DecryptorFixture, public ::testing::WithParamInterface<CipherBackend> {
 protected:
  ConsumerWipes() {
    options_.key_wrapper = std::make_shared<WatchedKeyWrapper>(search_, wrapper_);
    options_.key_timeout = std::chrono::milliseconds(1);
    options_.cipher_backend = GetParam();
  }

  void ExpectDelivered(const MadeMessage& message) { EXPECT_EQ(Decrypt(message).action, Action::kDeliver); }
  void ExpectNoneLive() { EXPECT_THAT(search_.Live(), IsEmpty()); }

  template <typename Code>
  void RunAndSearch(Code code) {
    search_.Run([&] {
      code();
      decryptor_.reset();
    });
    EXPECT_THAT(search_.Found(), IsEmpty());
  }

  LeftoverSearch search_;
  const MadeMessage message_ = Seal("hello", {"orders"}, search_.NewSecret("data key", 32));
};

TEST_P(ConsumerWipes, AKeyThatOpensItsMessages) {
  RunAndSearch([&] {
    ExpectDelivered(message_);
    ExpectDelivered(message_);
    EXPECT_THAT(search_.Live(), Contains("data key"));
  });
}

TEST_P(ConsumerWipes, AShortKey) {
  const MadeMessage shorter = Seal("hello", {"orders"}, search_.NewSecret("data key of 16 bytes", 16));
  RunAndSearch([&] {
    ExpectDelivered(shorter);
    EXPECT_THAT(search_.Live(), Contains("data key of 16 bytes"));
  });
}

TEST_P(ConsumerWipes, AKeyThatDoesNotOpenThePayload) {
  MadeMessage forged = message_;
  forged.payload[0] ^= 1;
  RunAndSearch([&] {
    EXPECT_EQ(Decrypt(forged).reason, Reason::kAuthenticationFailed);
    Pass(std::chrono::minutes(2));
    ExpectNoneLive();
  });
}

TEST_P(ConsumerWipes, WhatIsNoDataKey) {
  MadeMessage odd = message_;
  odd.keys[0].bytes = FakeKeyWrapper::WrappedBytes(search_.NewSecret("33 bytes", 33));
  RunAndSearch([&] {
    EXPECT_EQ(Decrypt(odd).reason, Reason::kMalformed);
    ExpectNoneLive();
  });
}

TEST_P(ConsumerWipes, AKeyPushedOutOfTheCache) {
  options_.cache_max_keys = 1;
  std::vector<MadeMessage> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(Seal("hello", {absl::StrCat("k", i)}, search_.NewSecret("another data key", 32)));
  }
  RunAndSearch([&] {
    ExpectDelivered(message_);
    for (const MadeMessage& other : others) ExpectDelivered(other);
    Pass(std::chrono::seconds(2));  // a lane may be left with it until the next look
    EXPECT_THAT(search_.Live(), SizeIs(2)) << "the last one, known to the search from two sides";
  });
}

TEST_P(ConsumerWipes, AKeyWhoseTimeIsOver) {
  RunAndSearch([&] {
    ExpectDelivered(message_);
    Pass(std::chrono::hours(5));
    ExpectNoneLive();
  });
}

TEST_P(ConsumerWipes, AKeyThatIsNotKept) {
  options_.cache_ttl = std::chrono::seconds(0);
  RunAndSearch([&] {
    ExpectDelivered(message_);
    ExpectNoneLive();
  });
}

TEST_P(ConsumerWipes, AForgottenKey) {
  RunAndSearch([&] {
    ExpectDelivered(message_);
    decryptor().Forget();
    ExpectNoneLive();
  });
}

TEST_P(ConsumerWipes, AResolvedKeyThatOutlivesTheDecryptor) {
  RunAndSearch([&] {
    {
      const ResolvedKey key = ResolveNow(message_);
      EXPECT_EQ(TryDecrypt(key, message_).action, Action::kDeliver);
      decryptor().Forget();
      decryptor_.reset();
      EXPECT_THAT(search_.Live(), Contains("data key"));
    }
    ExpectNoneLive();
  });
}

TEST_P(ConsumerWipes, AnswersThatComeTwiceOrAfterTheEnd) {
  RunAndSearch([&] {
    wrapper_->SetManner(Manner::kTwice);
    ExpectDelivered(message_);
    decryptor().Forget();
    wrapper_->SetManner(Manner::kHeld);
    EXPECT_EQ(Decrypt(message_).reason, Reason::kKeyServiceUnavailable);
    decryptor_.reset();
    wrapper_->Release();
    ExpectNoneLive();
  });
}

INSTANTIATE_TEST_SUITE_P(, ConsumerWipes, testing::EachAead(), testing::AeadName);

}  // namespace
}  // namespace pulseal
