// SPDX-License-Identifier: Apache-2.0
//
// One encryptor and one decryptor, eight threads, and everything that can happen to them meanwhile. What must not
// happen is mostly ThreadSanitizer's to see.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using testing::FakeKeyWrapper;
using testing::MadeMessage;
using testing::Seal;
using Action = Decision::Action;
using Manner = FakeKeyWrapper::Manner;
using Names = std::vector<std::string>;

constexpr int kThreads = 8;

template <typename Body>
void OnEightThreads(Body body) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&body, t] { body(t); });
  for (std::thread& thread : threads) thread.join();
}

class SharedObjects : public ::testing::Test {
 protected:
  EncryptorOptions ToOrders() const {
    EncryptorOptions options;
    options.key_names = {"orders"};
    options.key_wrapper = wrapper_;
    return options;
  }
  DecryptorOptions From() const {
    DecryptorOptions options;
    options.key_wrapper = wrapper_;
    options.unwraps_per_second = 1000000000;
    return options;
  }

  const std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
};

TEST_F(SharedObjects, EncryptingWhileRecipientsChangeAndKeysRotate) {
  constexpr int kMessages = 1500;
  const std::array<Names, 3> lists = {Names{"orders"}, Names{"orders", "audit"}, Names{"billing", "orders", "audit"}};
  EncryptorOptions options = ToOrders();
  options.rotation.messages = 500;
  const auto encryptor = *MessageEncryptor::Create(std::move(options));
  const auto decryptor = *MessageDecryptor::Create(From());
  std::array<std::vector<std::pair<std::string, std::string>>, kThreads> seen;
  std::atomic<int> changes_asked{0}, changes_answered{0};
  const auto change = [&](int i) {
    const Names& names = lists[static_cast<size_t>(i) % lists.size()];
    const auto answer = [&](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      ++changes_answered;
    };
    switch (i % 4) {
      case 0: EXPECT_TRUE(encryptor->SetKeyNames(names).ok()); break;
      case 1: EXPECT_TRUE(encryptor->Rotate().ok()); break;
      case 2:
        ++changes_asked;
        encryptor->SetKeyNamesAsync(names, answer);
        break;
      default: ++changes_asked; encryptor->RotateAsync(answer);
    }
  };
  OnEightThreads([&](int t) {
    std::string out, fields, opened;
    for (int i = 0; i < kMessages; ++i) {
      if (i % 100 == t) change(i / 100 + t);
      const auto sealed = encryptor->Encrypt("message", &out, &fields);
      ASSERT_TRUE(sealed.ok()) << sealed.status();
      const auto context = ParseEncryptionContext(sealed->fields);
      ASSERT_TRUE(context.ok()) << context.status();
      Names names;
      for (const WrappedKey& key : context->keys) names.push_back(key.key_name);
      EXPECT_EQ(std::count(lists.begin(), lists.end(), names), 1) << "recipients that nobody asked for";
      seen[static_cast<size_t>(t)].emplace_back(FakeKeyWrapper::DataKeyIn(context->keys[0].bytes), context->nonce);
      EXPECT_EQ(decryptor->Decrypt(sealed->fields, sealed->payload, &opened).action, Action::kDeliver);
    }
  });
  while (changes_answered < changes_asked) std::this_thread::yield();
  std::set<std::pair<std::string, std::string>> unique;
  for (const auto& of_thread : seen) unique.insert(of_thread.begin(), of_thread.end());
  EXPECT_EQ(unique.size(), size_t{kThreads} * kMessages) << "a nonce repeats under a data key";
}

TEST_F(SharedObjects, DecryptingWhileKeysAreEvictedForgottenAndResolved) {
  constexpr int kRounds = 600;
  DecryptorOptions options = From();
  options.cache_max_keys = 3;
  const auto decryptor = *MessageDecryptor::Create(std::move(options));
  wrapper_->SetManner(Manner::kOtherThread);
  std::vector<MadeMessage> messages;
  for (int i = 0; i < 8; ++i) messages.push_back(Seal("hello", {absl::StrCat("k", i)}));
  std::atomic<uint64_t> delivered{0}, pending{0};
  std::atomic<int> asked{0}, answered{0};
  OnEightThreads([&](int t) {
    std::array<char, 5> out;
    const auto count = [&](const Decision& decision) {
      if (decision.action == Action::kPending) return ++pending;
      EXPECT_EQ(decision.action, Action::kDeliver) << decision.status;
      return ++delivered;
    };
    for (int i = 0; i < kRounds; ++i) {
      const MadeMessage& message = messages[static_cast<size_t>(t + i * 3) % messages.size()];
      const std::string metadata = message.metadata();
      switch ((t + i) % 10) {
        case 0: decryptor->Forget(); break;
        case 1: EXPECT_LE(decryptor->counters().keys_cached, 3u); break;
        case 2: {
          ++asked;
          decryptor->Resolve(metadata, [&, metadata, payload = message.payload](absl::StatusOr<ResolvedKey> key) {
            std::array<char, 5> room;
            EXPECT_EQ(decryptor->TryDecrypt(*key, metadata, payload, absl::MakeSpan(room)).action, Action::kDeliver);
            ++delivered;
            ++answered;
          });
          break;
        }
        case 3: count(decryptor->Decrypt(metadata, message.payload, absl::MakeSpan(out))); break;
        default: count(decryptor->TryDecrypt(metadata, message.payload, absl::MakeSpan(out)));
      }
    }
  });
  while (answered < asked) std::this_thread::yield();
  const DecryptorCounters counters = decryptor->counters();
  EXPECT_EQ(counters.messages_decrypted, delivered);
  EXPECT_EQ(counters.pending, pending);
  EXPECT_EQ(counters.messages_failed, 0u);
}

// Each callback at most once, and nobody is left who keeps the wrapper.
TEST_F(SharedObjects, DestructionWhileCallbacksRun) {
  wrapper_->SetManner(Manner::kOtherThread);
  const MadeMessage message = Seal("hello", {"orders"});
  const std::string metadata = message.metadata();
  for (int round = 0; round < 60; ++round) {
    const auto calls = std::make_shared<std::array<std::atomic<int>, 40>>();
    EncryptorOptions to = ToOrders();
    DecryptorOptions from = From();
    from.cache_ttl = std::chrono::seconds(0);  // so that each Resolve asks the wrapper
    const auto called = [calls](size_t which) {
      return [calls, which](const auto&) {
        EXPECT_EQ(++(*calls)[which], 1);
        std::this_thread::yield();
      };
    };
    to.on_event = from.on_event = [calls](const CryptoEvent&) { std::this_thread::yield(); };
    auto encryptor = *MessageEncryptor::Create(std::move(to));
    auto decryptor = *MessageDecryptor::Create(std::move(from));
    OnEightThreads([&](int t) {
      const auto first = static_cast<size_t>(t) * 5;
      encryptor->RotateAsync(called(first));
      encryptor->SetKeyNamesAsync({"orders", "audit"}, called(first + 1));
      for (size_t i = 2; i < 5; ++i) decryptor->Resolve(metadata, called(first + i));
    });
    for (int i = 0; i < round; ++i) std::this_thread::yield();
    encryptor.reset();
    decryptor.reset();
  }
  while (wrapper_.use_count() > 1) std::this_thread::yield();
}

}  // namespace
}  // namespace pulseal
