// SPDX-License-Identifier: Apache-2.0
//
// MessageDecryptor with threads, and across fork().
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/message_decryptor.h"
#include "tests/support/fake_key_wrapper.h"
#include "tests/support/made_message.h"

namespace pulseal {
namespace {

using testing::FakeKeyWrapper;
using testing::MadeMessage;
using testing::Seal;
using Action = Decision::Action;
using Manner = FakeKeyWrapper::Manner;

class DecryptorThreads : public ::testing::Test {
 protected:
  DecryptorThreads() { options_.key_wrapper = wrapper_; }
  void Create() { decryptor_ = *MessageDecryptor::Create(options_); }
  std::string Decrypt(const MadeMessage& message) {
    std::string out;
    const Decision decision = decryptor_->Decrypt(message.metadata(), message.payload, &out);
    return decision.action == Action::kDeliver ? out : std::string(decision.status.message());
  }

  std::shared_ptr<FakeKeyWrapper> wrapper_ = std::make_shared<FakeKeyWrapper>();
  DecryptorOptions options_;
  std::unique_ptr<MessageDecryptor> decryptor_;
};

TEST_F(DecryptorThreads, ThreadsThatNeedTheSameKeyUnwrapItOnce) {
  wrapper_->SetManner(Manner::kHeld);
  Create();
  const MadeMessage message = Seal("hello", {"orders"});
  std::vector<std::future<std::string>> results;
  for (int i = 0; i < 8; ++i) results.push_back(std::async(std::launch::async, [&] { return Decrypt(message); }));
  wrapper_->WaitForHeld(1);
  std::promise<bool> resolved;
  decryptor_->Resolve(message.metadata(), [&](absl::StatusOr<ResolvedKey> key) { resolved.set_value(key.ok()); });
  wrapper_->Release();
  for (auto& result : results) EXPECT_EQ(result.get(), "hello");
  EXPECT_TRUE(resolved.get_future().get());
  EXPECT_EQ(wrapper_->unwraps(), 1u);
}

TEST_F(DecryptorThreads, AnswersFromOtherThreadsGoThroughAllCandidates) {
  wrapper_->SetManner(Manner::kOtherThread);
  Create();
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) {
    names.push_back(absl::StrCat("k", i));
    if (i < 19) wrapper_->SetStatus(names.back(), absl::NotFoundError("x"));
  }
  EXPECT_EQ(Decrypt(Seal("hello", names)), "hello");
  EXPECT_EQ(wrapper_->unwraps(), 20u);
}

TEST_F(DecryptorThreads, ManyThreadsManyKeysSmallCacheAndForget) {
  options_.cache_max_keys = 4;
  options_.max_wrapped_keys = 4;
  options_.cache_max_failures = 4;
  options_.unwraps_per_second = 1000000000;
  wrapper_->SetStatus("nobody", absl::NotFoundError("x"));
  Create();
  std::vector<MadeMessage> messages;
  for (int i = 0; i < 16; ++i) messages.push_back(Seal(absl::StrCat("text", i), {"nobody", absl::StrCat("k", i)}));
  const MadeMessage unknown = Seal("hello", {"nobody"});
  std::atomic<uint64_t> opened{0}, failed{0}, wrong{0};
  constexpr int kThreads = 8, kRounds = 300;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::string out;
      for (int i = 0; i < kRounds; ++i) {
        const size_t which = static_cast<size_t>(t * 7 + i * 3) % messages.size();
        const MadeMessage& message = i % 10 == 9 ? unknown : messages[which];
        const Decision decision = decryptor_->Decrypt(message.metadata(), message.payload, &out);
        if (decision.action != Action::kDeliver) {
          ++failed;
          continue;
        }
        ++opened;
        if (out != absl::StrCat("text", which)) ++wrong;
        if (i % 50 == 49) decryptor_->Forget();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(failed, uint64_t{kThreads} * kRounds / 10);
  const DecryptorCounters counters = decryptor_->counters();
  EXPECT_EQ(counters.messages_decrypted, opened);
  EXPECT_EQ(counters.messages_failed, failed);
  EXPECT_EQ(counters.key_not_found, failed);
  EXPECT_LE(counters.keys_cached, 4u);
}

TEST_F(DecryptorThreads, ResolveFromManyThreadsAnswersEachOnce) {
  wrapper_->SetManner(Manner::kOtherThread);
  options_.unwraps_per_second = 1000000000;
  Create();
  constexpr int kThreads = 4, kEach = 50;
  std::atomic<int> answers{0};
  std::promise<void> all;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        decryptor_->Resolve(Seal("hello", {absl::StrCat("k", (t + i) % 20)}).metadata(),
                            [&](absl::StatusOr<ResolvedKey> key) {
                              EXPECT_TRUE(key.ok());
                              if (++answers == kThreads * kEach) all.set_value();
                            });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  all.get_future().wait();
  EXPECT_EQ(answers, kThreads * kEach);
}

TEST_F(DecryptorThreads, DestructionDoesNotWaitForAWrapperThatIsStuck) {
  std::promise<void> entered, leave;
  wrapper_->SetBeforeCall([&](const std::string&) {
    entered.set_value();
    leave.get_future().wait();
  });
  Create();
  std::atomic<int> answers{0};
  decryptor_->Resolve(Seal("hello", {"orders"}).metadata(), [&](absl::StatusOr<ResolvedKey>) { ++answers; });
  entered.get_future().wait();
  decryptor_.reset();
  std::weak_ptr<FakeKeyWrapper> wrapper = wrapper_;
  options_.key_wrapper.reset();
  wrapper_.reset();
  leave.set_value();
  while (!wrapper.expired()) std::this_thread::yield();  // the thread has come back and let go
  EXPECT_EQ(answers, 0);
}

TEST_F(DecryptorThreads, AForkedChildIsRefusedWhateverTheParentsThreadsHold) {
  wrapper_->SetManner(Manner::kHeld);
  Create();
  const MadeMessage message = Seal("hello", {"orders"});
  auto held = std::async(std::launch::async, [&] { return Decrypt(message); });
  wrapper_->WaitForHeld(1);
  const std::string metadata = message.metadata();
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // whoever waits for what a parent's thread held waits for ever
    char out[64];
    const auto is_forked = [](const Decision& decision) {
      return decision.action == Action::kFail && decision.reason == Reason::kForked &&
             decision.status.code() == absl::StatusCode::kFailedPrecondition;
    };
    bool refused = is_forked(decryptor_->Decrypt(metadata, message.payload, absl::MakeSpan(out)));
    refused = refused && is_forked(decryptor_->TryDecrypt(metadata, message.payload, absl::MakeSpan(out)));
    refused =
        refused && is_forked(decryptor_->TryDecrypt(ResolvedKey(), metadata, message.payload, absl::MakeSpan(out)));
    bool answered_inside = false;
    decryptor_->Resolve(metadata, [&](absl::StatusOr<ResolvedKey> key) {
      answered_inside = ReasonOf(key.status()) == Reason::kForked;
    });
    decryptor_->Forget();
    decryptor_->Maintain();
    refused = refused && decryptor_->counters().messages_failed == 0;
    decryptor_.reset();
    _exit(refused && answered_inside ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  wrapper_->Release();
  EXPECT_EQ(held.get(), "hello") << "the parent goes on";
}

}  // namespace
}  // namespace pulseal
