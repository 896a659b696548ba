// SPDX-License-Identifier: Apache-2.0
//
// What a producer does where OpenSSL itself fails.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "pulseal/message_encryptor.h"
#include "tests/fault/allocation_counter.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"

namespace pulseal {
namespace {

using testing::FakeKeyWrapper;
using testing::LetOpenSslAllocate;
using testing::ManualBackground;

// Not even while the next data key can't be had: that is what kSend is for, but not why this message has none.
TEST(EncryptFailure, AFailingCipherSendsNothingInClear) {
  ManualBackground background;
  const auto wrapper = std::make_shared<FakeKeyWrapper>();
  EncryptorOptions options;
  options.key_names = {"orders"};
  options.key_wrapper = wrapper;
  options.cipher_backend = CipherBackend::kOpenSsl;  // the other can't fail
  options.failure_action = ProducerCryptoFailureAction::kSend;
  options.background = background.options();
  const auto encryptor = *MessageEncryptor::Create(options);
  wrapper->SetStatus("orders", absl::UnavailableError("down"));
  background.Advance(options.rotation.age);
  background.RunDue();
  ASSERT_EQ(encryptor->counters().rotations_failed, 1u);

  std::string out, fields;
  LetOpenSslAllocate(false);
  const absl::StatusOr<Sealed> sealed = encryptor->Encrypt("hello", &out, &fields);
  LetOpenSslAllocate(true);
  EXPECT_EQ(sealed.status().code(), absl::StatusCode::kInternal) << sealed.status();
  EXPECT_EQ(out, "");
  EXPECT_EQ(fields, "");
  EXPECT_EQ(encryptor->counters().messages_sent_in_clear, 0u);
  EXPECT_EQ(encryptor->counters().messages_refused, 1u);
  EXPECT_TRUE(encryptor->Encrypt("hello", &out, &fields).ok()) << "it is well again when OpenSSL is";
}

}  // namespace
}  // namespace pulseal
