// SPDX-License-Identifier: Apache-2.0
#include "pulseal/message_encryptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "pulseal/encryption_metadata.h"
#include "pulseal/error.h"
#include "tests/support/encryptor_fixture.h"
#include "tests/support/sealed_message.h"

namespace pulseal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MessageEncryptorTest;
using testing::OpenedMessage;
using testing::OpenMessage;

TEST_F(MessageEncryptorTest, EncryptsForEveryRecipientAndEverySize) {
  const auto encryptor = Make(Options());
  std::set<std::string> nonces;
  for (const size_t size : {0, 1, 15, 16, 17, 1000, 1 << 20}) {
    const OpenedMessage opened = Send(*encryptor, std::string(size, 'x'));
    EXPECT_THAT(opened.key_names, ElementsAre("orders", "audit"));
    EXPECT_TRUE(nonces.insert(opened.nonce).second);
  }
  EXPECT_EQ(encryptor->counters().messages_encrypted, 7u);
  EXPECT_EQ(encryptor->counters().bytes_encrypted, 0u + 1 + 15 + 16 + 17 + 1000 + (1 << 20));
}

TEST_F(MessageEncryptorTest, EncryptsInPlace) {
  const auto encryptor = Make(Options());
  std::string buffer = "in place" + std::string(MessageEncryptor::kPayloadOverhead, '\0');
  std::string fields(encryptor->fields_size(), '\0');
  const auto sealed =
      encryptor->Encrypt(std::string_view(buffer.data(), 8), absl::MakeSpan(buffer), absl::MakeSpan(fields));
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ(sealed->payload.data(), buffer.data());
  EXPECT_EQ(OpenMessage(*sealed).plaintext, "in place");
}

TEST_F(MessageEncryptorTest, RefusesBuffersThatDontFitAndWritesNothing) {
  const auto encryptor = Make(Options());
  std::string memory(200, 'm');
  std::string fields(encryptor->fields_size(), 'f');
  const std::string payload = "payload";
  const auto code = [&](std::string_view plaintext, absl::Span<char> out, absl::Span<char> to_fields) {
    const auto sealed = encryptor->Encrypt(plaintext, out, to_fields);
    EXPECT_EQ(ReasonOf(sealed.status()), Reason::kMisuse);
    EXPECT_EQ(memory, std::string(200, 'm'));
    EXPECT_EQ(fields, std::string(fields.size(), 'f'));
    return sealed.status().code();
  };
  const absl::Span<char> out = absl::MakeSpan(memory);
  const absl::Span<char> all_fields = absl::MakeSpan(fields);
  using absl::StatusCode;
  EXPECT_EQ(code(payload, out.subspan(0, payload.size() + 15), all_fields), StatusCode::kOutOfRange);
  EXPECT_EQ(code(payload, out, all_fields.subspan(1)), StatusCode::kOutOfRange);
  EXPECT_EQ(code(payload, out, {}), StatusCode::kOutOfRange);
  EXPECT_EQ(code(std::string_view(memory.data(), 20), out.subspan(1, 40), all_fields), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(std::string_view(memory.data() + 1, 20), out, all_fields), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(payload, out, out.subspan(22)), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(std::string_view(memory.data() + 199, 1), out.subspan(0, 17), out.subspan(100)),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(encryptor->counters().messages_encrypted, 0u);
  EXPECT_EQ(encryptor->counters().messages_refused, 0u);
}

TEST_F(MessageEncryptorTest, AFieldsBufferThatIsTooSmallSaysHowLargeItMustBeAndCostsNoBudget) {
  EncryptorOptions options = Options();
  options.rotation.messages = options.rotation.hard_messages = 2;
  const auto encryptor = Make(std::move(options));
  std::string out(100, '\0'), fields(10, '\0');
  for (int i = 0; i < 10; ++i) {
    const auto sealed = encryptor->Encrypt("x", absl::MakeSpan(out), absl::MakeSpan(fields));
    EXPECT_THAT(std::string(sealed.status().message()), HasSubstr(std::to_string(encryptor->fields_size())));
  }
  Send(*encryptor);
  Send(*encryptor);
}

TEST_F(MessageEncryptorTest, RefusesAPayloadThatNoDataKeyCouldHold) {
  EncryptorOptions options = Options();
  options.rotation.bytes = options.rotation.hard_bytes = 100;
  const auto encryptor = Make(std::move(options));
  const absl::Status status = encryptor->Encrypt(std::string(101, 'x'), &out_, &fields_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(encryptor->counters().rotations, 1u);
}

TEST_F(MessageEncryptorTest, StringsThatAreNotApartAreRefused) {
  const auto encryptor = Make(Options());
  std::string text = "payload";
  EXPECT_EQ(ReasonOf(encryptor->Encrypt(text, &text, &fields_).status()), Reason::kMisuse);
  EXPECT_EQ(ReasonOf(encryptor->Encrypt("x", &out_, &out_).status()), Reason::kMisuse);
  EXPECT_EQ(text, "payload");
}

TEST_F(MessageEncryptorTest, RandomNoncesAreNotCounters) {
  EncryptorOptions options = Options();
  options.random_nonces = true;
  const auto encryptor = Make(std::move(options));
  std::set<std::string> nonces, tails;
  for (int i = 0; i < 100; ++i) {
    const std::string nonce = Send(*encryptor).nonce;
    nonces.insert(nonce);
    tails.insert(nonce.substr(4, 7));
  }
  EXPECT_EQ(nonces.size(), 100u);
  EXPECT_GT(tails.size(), 90u);  // a counter's high bytes would all be zero
}

TEST_F(MessageEncryptorTest, RandomNoncesAreThoseOfChunksToo) {
  EncryptorOptions options = Options();
  options.random_nonces = true;
  const auto encryptor = Make(std::move(options));
  const auto pin = encryptor->Pin(50);
  ASSERT_TRUE(pin.ok());
  std::string out(100, '\0'), fields(pin->fields_size(), '\0');
  std::set<std::string> nonces, tails;
  for (int i = 0; i < 50; ++i) {
    const auto sealed = encryptor->Encrypt(*pin, "chunk", absl::MakeSpan(out), absl::MakeSpan(fields));
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    const std::string nonce = OpenMessage(*sealed).nonce;
    nonces.insert(nonce);
    tails.insert(nonce.substr(4, 7));
  }
  EXPECT_EQ(nonces.size(), 50u);
  EXPECT_GT(tails.size(), 40u);
}

TEST_F(MessageEncryptorTest, EightThreadsAndManyRotationsNeverRepeatANonce) {
  EncryptorOptions options = Options();
  options.background = Background();
  options.rotation.messages = 500;
  options.on_event = nullptr;
  const auto encryptor = Make(std::move(options));
  constexpr int kThreads = 8, kMessages = 3000;
  std::vector<std::vector<std::pair<std::string, std::string>>> seen(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::string out, fields;
      for (int i = 0; i < kMessages; ++i) {
        const auto sealed = encryptor->Encrypt("message", &out, &fields);
        ASSERT_TRUE(sealed.ok()) << sealed.status();
        const auto context = ParseEncryptionContext(sealed->fields);
        seen[static_cast<size_t>(t)].emplace_back(context->keys[0].bytes, context->nonce);
        if (t == 0 && i % 500 == 250) {
          ASSERT_TRUE(encryptor->Rotate().ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::pair<std::string, std::string>> unique;
  for (const auto& of_thread : seen) unique.insert(of_thread.begin(), of_thread.end());
  EXPECT_EQ(unique.size(), static_cast<size_t>(kThreads) * kMessages);
  EXPECT_GE(encryptor->counters().rotations, 7u);
  EXPECT_EQ(encryptor->counters().messages_encrypted, static_cast<uint64_t>(kThreads) * kMessages);
}

}  // namespace
}  // namespace pulseal
