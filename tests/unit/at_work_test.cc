// SPDX-License-Identifier: Apache-2.0
#include "lib/at_work.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string_view>
#include <thread>

#include "lib/background_worker.h"
#include "lib/crypto/openssl_end.h"
#include "pulseal/background.h"

namespace pulseal {
namespace {

std::atomic<bool> openssl_ends{false};

// Runs `work` on a thread that nobody waits for, and ends the program when that has begun.
template <typename Work>
[[noreturn]] void ExitDuring(Work work) {
  OPENSSL_init_crypto(0, nullptr);  // otherwise there is nothing that could end
  AtWork::MakeExitWait();
  std::atomic<bool> has_begun{false};
  std::thread([&has_begun, work] {
    const AtWork at_work;
    has_begun = true;
    work();
    crypto::ReleaseThread();  // so that nothing of OpenSSL's is left to this thread when exit goes on
  }).detach();
  while (!has_begun) std::this_thread::yield();
  OPENSSL_atexit([] { openssl_ends = true; });  // the newest of these is called first
  std::exit(0);
}

void UseOpenSslWhileItEnds() {
  while (!openssl_ends) std::this_thread::yield();
  unsigned char bytes[16];
  for (int i = 0; i < 100; ++i) RAND_priv_bytes(bytes, sizeof bytes);
  constexpr std::string_view kDone = "done\n";
  (void)!write(STDERR_FILENO, kDone.data(), kDone.size());
}

TEST(AtWorkDeathTest, ExitWaitsForIt) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "under ThreadSanitizer the program ends before OpenSSL does";
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ExitDuring(UseOpenSslWhileItEnds), ::testing::ExitedWithCode(0), "done");
}

TEST(AtWorkDeathTest, ExitDoesNotWaitForEver) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto never_end = [] {
    while (true) pause();
  };
  EXPECT_EXIT(ExitDuring(never_end), ::testing::ExitedWithCode(0), "");
}

std::shared_ptr<BackgroundWorker>& Worker() {
  static auto* const worker = new std::shared_ptr<BackgroundWorker>(BackgroundWorker::Create(Background()));
  return *worker;
}

size_t ThreadsHere() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// Once OpenSSL is ending. A thread that ends all the same does so within a tenth of a second, in good time to be seen.
void StopWorkerAndCountThreads() {
  const size_t threads = ThreadsHere();
  Worker()->Stop();
  for (int i = 0; i < 100 && ThreadsHere() == threads; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (ThreadsHere() != threads) _exit(1);
}

[[noreturn]] void ExitBesideAThreadThatHasNotWorkedYet() {
  OPENSSL_init_crypto(0, nullptr);
  OPENSSL_atexit(StopWorkerAndCountThreads);  // before the thread is started, so called after exit has waited
  Worker()->After(std::chrono::hours(1), [] {});
  std::exit(0);
}

TEST(AtWorkDeathTest, NoThreadEndsOnceOpenSslIsEnding) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "under ThreadSanitizer the program ends before OpenSSL does";
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ExitBesideAThreadThatHasNotWorkedYet(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace pulseal
