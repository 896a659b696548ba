// SPDX-License-Identifier: Apache-2.0
#include "lib/secret_memory.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "pulseal/secret_bytes.h"
#include "tests/support/memory_mappings.h"

namespace pulseal {
namespace {

using testing::MappingOf;
using testing::MemoryMapping;
using testing::MemoryMappings;

constexpr size_t kSizes[] = {1, 32, 55, 56, 57, 64, 1704, 3272, 4088, 4096, 16000, kMostSecretMemory};

// Sanitizers answer mlock themselves, without doing it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCanLock = false;
#else
constexpr bool kCanLock = true;
#endif

std::vector<SecretBytes> DataKeys(int count) {
  std::vector<SecretBytes> keys;
  for (int i = 0; i < count; ++i) keys.push_back(SecretBytes::OfSize(32));
  return keys;
}

std::set<uintptr_t> PagesOf(const std::vector<SecretBytes>& secrets) {
  const auto page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  std::set<uintptr_t> pages;
  for (const SecretBytes& secret : secrets) pages.insert(reinterpret_cast<uintptr_t>(secret.view().data()) / page_size);
  return pages;
}

bool CanLockAPage() {
  alignas(4096) static char page[4096];
  return kCanLock && mlock(page, sizeof page) == 0;
}

enum Answer { kHolds, kDoesNotHold, kMayLock };

// Whether `body` holds in a forked child that may lock nothing; kMayLock where it still may.
Answer InChildThatMayNotLock(const std::function<bool()>& body) {
  const auto holds = [&body]() noexcept { return body(); };  // or ends, rather than to go on with the other tests
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_MEMLOCK, &none);
    (void)!setresuid(65534, 65534, 65534);  // the limit isn't root's
    _exit(CanLockAPage() ? kMayLock : holds() ? kHolds : kDoesNotHold);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? static_cast<Answer>(WEXITSTATUS(status)) : kDoesNotHold;
}

TEST(SecretMemory, IsLeftOutOfDumpsAndLocked) {
  for (const size_t size : kSizes) {
    char* memory = TakeSecretMemory(size);
    for (const char* at : {memory, memory + size - 1}) {
      const MemoryMapping mapping = MappingOf(at);
      EXPECT_TRUE(mapping.IsLeftOutOfDumps()) << size << ": " << mapping.flags;
      EXPECT_TRUE(mapping.IsLocked() || !kCanLock) << size << ": " << mapping.flags;
    }
    ReturnSecretMemory(memory, size);
  }
}

TEST(SecretMemory, HoldsNothingElse) {
  const auto on_the_heap = std::make_unique<std::string>(100, 'x');
  EXPECT_FALSE(MappingOf(on_the_heap->data()).IsLeftOutOfDumps());
  EXPECT_FALSE(MappingOf(&kSizes).IsLeftOutOfDumps());
}

TEST(SecretMemory, WhereNothingMayBeLockedItIsStillLeftOutOfDumps) {
  const Answer answer = InChildThatMayNotLock([] {
    // So many that pages are made here.
    for (int i = 0; i < 1000; ++i) {
      char* memory = TakeSecretMemory(1000);
      memory[0] = memory[999] = 'x';
      const MemoryMapping mapping = i % 100 == 99 ? MappingOf(memory) : MemoryMapping{0, 0, "", "dd"};
      if (!mapping.IsLeftOutOfDumps() || mapping.IsLocked()) return false;
    }
    return true;
  });
  if (answer == kMayLock) GTEST_SKIP() << "this machine lets every process lock memory";
  EXPECT_EQ(answer, kHolds);
}

TEST(SecretMemory, IsZeroedAlignedAndApart) {
  for (const size_t size : kSizes) {
    std::vector<char*> taken;
    for (char fill = 1; fill <= 100; ++fill) {
      taken.push_back(TakeSecretMemory(size));
      EXPECT_EQ(std::count(taken.back(), taken.back() + size, '\0'), static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(taken.back()) % 64, 0u);
      memset(taken.back(), fill, size);
    }
    char fill = 1;
    for (char* memory : taken) {
      EXPECT_EQ(std::count(memory, memory + size, fill++), static_cast<std::ptrdiff_t>(size)) << size;
    }
    for (char* memory : taken) ReturnSecretMemory(memory, size);
  }
}

TEST(SecretMemory, IsWipedWhenItIsReturned) {
#ifndef __SANITIZE_ADDRESS__  // nobody may look there any more
  for (const size_t size : kSizes) {
    char* memory = TakeSecretMemory(size);
    memset(memory, 'x', size);
    ReturnSecretMemory(memory, size);
    EXPECT_EQ(std::count(memory, memory + size, '\0'), static_cast<std::ptrdiff_t>(size)) << size;
  }
#endif
}

TEST(SecretMemory, IsUsedAgain) {
  const std::set<uintptr_t> pages = PagesOf(DataKeys(1000));
  for (int i = 0; i < 100; ++i) {
    std::vector<SecretBytes> keys = DataKeys(1000);
    EXPECT_EQ(PagesOf(keys), pages);
    std::reverse(keys.begin(), keys.end());
  }
}

TEST(SecretMemory, SixtyFourDataKeysShareAPage) {
  EXPECT_LE(PagesOf(DataKeys(10000)).size(), 10000 / 64 + 10u) << "a few may be partly in use";
}

TEST(SecretMemory, WhatIsTooLargeLiesOnTheHeap) {
  const SecretBytes large = SecretBytes::OfSize(kMostSecretMemory + 1);
  EXPECT_FALSE(MappingOf(large.view().data()).IsLeftOutOfDumps());
  EXPECT_EQ(large.view().find_first_not_of('\0'), std::string_view::npos);
}

TEST(SecretMemory, ThreadsGetMemoryOfTheirOwn) {
  constexpr int kThreads = 8, kRounds = 30000;
  std::atomic<int> shared{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<SecretBytes> held(20);
      for (int i = 0; i < kRounds; ++i) {
        SecretBytes& secret = held[static_cast<size_t>(i * 7 % 20)];
        const std::string_view mine(secret.view());
        if (mine.find_first_not_of(static_cast<char>('a' + t)) != std::string_view::npos) ++shared;
        secret = SecretBytes::CopyOf(std::string(i % 3 == 0 ? 32 : 500, static_cast<char>('a' + t)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared, 0);
}

#ifndef __SANITIZE_THREAD__  // TSan dies in a child of a parent with threads
TEST(SecretMemory, AChildForkedWhileThreadsAreInThereTakesAndReturns) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) SecretBytes::OfSize(32);
    });
  }
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      for (int j = 0; j < 200; ++j) ReturnSecretMemory(TakeSecretMemory(32), 32);
      _exit(0);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}
#endif

#ifdef __SANITIZE_ADDRESS__
TEST(SecretMemoryDeathTest, ABytePastTheEndOrAfterTheReturnIsReported) {
  for (const size_t size : kSizes) {
    SecretBytes secret = SecretBytes::OfSize(size);
    volatile char* memory = secret.mutable_span().data();
    EXPECT_DEATH(memory[size] = 'x', "use-after-poison") << size;
    secret = SecretBytes();
    EXPECT_DEATH(memory[0] = 'x', "use-after-poison") << size;
  }
}
#endif

}  // namespace
}  // namespace pulseal
