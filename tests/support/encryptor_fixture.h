// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_ENCRYPTOR_FIXTURE_H_
#define PULSEAL_TESTS_SUPPORT_ENCRYPTOR_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/mutex.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/manual_background.h"
#include "tests/support/sealed_message.h"

namespace pulseal::testing {

// Encryptors with a FakeKeyWrapper, and an executor and a clock that the test moves.
class MessageEncryptorTest : public ::testing::Test {
 protected:
  EncryptorOptions Options() {
    EncryptorOptions options;
    options.key_names = {"orders", "audit"};
    options.key_wrapper = wrapper_;
    options.background = background_.options();
    options.key_timeout = std::chrono::milliseconds(5000);
    options.on_event = [this](const CryptoEvent& event) {
      MutexLock lock(mutex_);
      events_.push_back(event);
    };
    return options;
  }

  std::unique_ptr<MessageEncryptor> Make(EncryptorOptions options) {
    absl::StatusOr<std::unique_ptr<MessageEncryptor>> made = MessageEncryptor::Create(std::move(options));
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }

  // What one more message of `encryptor` looks like to a recipient.
  OpenedMessage Send(MessageEncryptor& encryptor, std::string_view payload = "hello") {
    absl::StatusOr<Sealed> sealed = encryptor.Encrypt(payload, &out_, &fields_);
    EXPECT_TRUE(sealed.ok()) << sealed.status();
    if (!sealed.ok() || !sealed->encrypted) return {};
    OpenedMessage opened = OpenMessage(*sealed);
    EXPECT_EQ(opened.plaintext, payload);
    return opened;
  }

  absl::Status Refused(MessageEncryptor& encryptor) {
    absl::StatusOr<Sealed> sealed = encryptor.Encrypt("hello", &out_, &fields_);
    EXPECT_FALSE(sealed.ok());
    return sealed.status();
  }

  size_t CountEvents(CryptoEvent::Kind kind) {
    MutexLock lock(mutex_);
    size_t count = 0;
    for (const CryptoEvent& event : events_) count += event.kind == kind ? 1 : 0;
    return count;
  }

  ManualBackground background_;
  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  std::string out_, fields_;
  Mutex mutex_;
  std::vector<CryptoEvent> events_;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_ENCRYPTOR_FIXTURE_H_
