// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/nearest.h"

#include <gtest/gtest.h>

namespace pulseal::tools {
namespace {

const std::vector<std::string> kNames = {"keygen", "check", "produce", "consume", "rewrap"};

TEST(NearestTest, OneLetterInThreeMayBeWrong) {
  EXPECT_EQ(Nearest("consume", kNames), "consume");
  EXPECT_EQ(Nearest("konsume", kNames), "consume");   // changed
  EXPECT_EQ(Nearest("cosume", kNames), "consume");    // missing
  EXPECT_EQ(Nearest("consumer", kNames), "consume");  // too much
  EXPECT_EQ(Nearest("produse", kNames), "produce");
  EXPECT_EQ(Nearest("prodcue", kNames), "produce");  // swapped: two changes
  EXPECT_EQ(Nearest("rwarp", kNames), "");           // two changes and a letter of five
  EXPECT_EQ(Nearest("subscribe", kNames), "");
}

TEST(NearestTest, AmongSeveralTheNearest) {
  EXPECT_EQ(Nearest("abcdef", {"abxxef", "abcdxf", "xbcdex"}), "abcdxf");
  EXPECT_EQ(Nearest("ax", {"ab", "ac"}), "ab");  // the first of equals
}

TEST(NearestTest, NothingNearNothing) {
  EXPECT_EQ(Nearest("", kNames), "");
  EXPECT_EQ(Nearest("x", {}), "");
  EXPECT_EQ(Nearest(std::string(2'000'000, 'x'), kNames), "");
}

}  // namespace
}  // namespace pulseal::tools
