// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "pulseal/key_readers.h"

namespace pulseal {
namespace {

TEST(KeyName, AllowsWhatStaysAFileInTheFolder) {
  for (const char* name :
       {"orders", "a", "with space", "a.b", "-rf", "name\nline", "K\xc3\xb6ln", "a\\b", "*", "a..", "~"}) {
    EXPECT_TRUE(CanNameKeyFile(name)) << name;
  }
  EXPECT_TRUE(CanNameKeyFile(std::string(kMaxKeyDirectoryNameSize, 'x')));
}

TEST(KeyName, RefusesWhatCouldLeadElsewhere) {
  for (const char* name : {"", ".", "..", "../x", ".hidden", "/etc/passwd", "a/b", "a/../b", "a/", "/", "..data"}) {
    EXPECT_FALSE(CanNameKeyFile(name)) << name;
  }
  EXPECT_FALSE(CanNameKeyFile(std::string_view("a\0b", 3)));
  EXPECT_FALSE(CanNameKeyFile(std::string_view("\0", 1)));
  EXPECT_FALSE(CanNameKeyFile(std::string(kMaxKeyDirectoryNameSize + 1, 'x')));
}

}  // namespace
}  // namespace pulseal
