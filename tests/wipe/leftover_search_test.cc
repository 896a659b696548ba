// SPDX-License-Identifier: Apache-2.0
//
// The search itself: each kind of leftover, planted.
#include "tests/wipe/leftover_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "pulseal/secret_bytes.h"

namespace pulseal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LeftoverSearch;

class Planted : public ::testing::Test {
 protected:
  LeftoverSearch search_;
  // In a way that the compiler can't leave out.
  void Plant(volatile char* memory) {
    for (size_t i = 0; i < secret_.size(); ++i) memory[i] = secret_[i];
  }

  const std::string_view secret_ = search_.NewSecret("data key", 32);
};

TEST_F(Planted, AFreedStringIsFound) {
  search_.Run([&] { auto copy = std::make_unique<std::string>(secret_); });
  EXPECT_THAT(search_.Found(), ElementsAre(HasSubstr("data key in a freed block of")));
}

TEST_F(Planted, FifteenBytesOfItAreFound) {
  for (size_t at = 0; at + 15 <= secret_.size(); ++at) {
    std::vector<std::string> found;
    search_.Run([&] {
      std::string text(100, 'x');
      text.replace(50, 15, secret_.substr(at, 15));
      found = search_.Live();
    });
    EXPECT_THAT(found, ElementsAre("data key")) << at;
  }
}

TEST_F(Planted, AStringThatGrewIsFound) {
  search_.Run([&] {
    std::string text(secret_);
    text.append(text.capacity(), 'x');
    memset(text.data(), 0, 32);
  });
  EXPECT_THAT(search_.Found(), ElementsAre(HasSubstr("data key in a freed block of")));
}

TEST_F(Planted, ABlockWithAnAlignmentIsFound) {
  search_.Run([&] {
    constexpr std::align_val_t kAlignment{128};
    void* block = operator new(128, kAlignment);
    Plant(static_cast<char*>(block));
    operator delete(block, kAlignment);
  });
  EXPECT_THAT(search_.Found(), ElementsAre(HasSubstr("data key in a freed block of 128 bytes")));
}

TEST_F(Planted, ABlockThatIsStillHeldIsFound) {
  std::unique_ptr<std::string> held;
  search_.Run([&] { held = std::make_unique<std::string>(secret_); });
  EXPECT_THAT(search_.Found(), ElementsAre("data key in memory that is still held"));
}

TEST_F(Planted, WhatIsLeftInPagesForSecretsIsFound) {
  constexpr size_t kSize = 4096;
  void* pages = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(madvise(pages, kSize, MADV_DONTDUMP), 0);
  search_.Run([&] { Plant(static_cast<char*>(pages) + 1000); });
  EXPECT_THAT(search_.Found(), ElementsAre("data key in memory that is still held"));
  munmap(pages, kSize);
}

TEST_F(Planted, ASecretInUseIsFound) {
  const SecretBytes held = SecretBytes::CopyOf(secret_);
  EXPECT_THAT(search_.Live(), ElementsAre("data key"));
}

TEST_F(Planted, ACopyOnTheStackIsFound) {
  search_.Run([&] {
    char copy[32];
    Plant(copy);
  });
  EXPECT_THAT(search_.Found(), ElementsAre("data key on the stack"));
}

TEST_F(Planted, ASecretThatIsNamedAfterwardsIsFound) {
  std::string_view later;
  search_.Run([&] {
    const auto copy = std::make_unique<std::string>("0f9c2d77-b1e4-4a55-9e0d-63a8c1f27b90");
    later = search_.Copy(*copy);
  });
  EXPECT_THAT(search_.Found(), IsEmpty());
  search_.Keep("passphrase", later);
  EXPECT_THAT(search_.Found(), ElementsAre(HasSubstr("passphrase in a freed block of")));
}

TEST_F(Planted, WhatWasWipedIsNotFound) {
  std::vector<std::string> live;
  search_.Run([&] {
    SecretBytes copy = SecretBytes::CopyOf(secret_);
    SecretBytes assigned = SecretBytes::CopyOf(secret_);
    assigned = SecretBytes::CopyOf("short");
    live = search_.Live();
    copy.Truncate(5);
  });
  EXPECT_THAT(live, ElementsAre("data key"));
  EXPECT_THAT(search_.Found(), IsEmpty());
}

}  // namespace
}  // namespace pulseal
