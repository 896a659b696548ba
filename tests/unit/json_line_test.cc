// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/json_line.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace pulseal::tools {
namespace {

using std::string_view_literals::operator""sv;

TEST(ParseJsonTest, ReadsAnObject) { EXPECT_EQ(ParseJson(R"({"payload":"a"})")["payload"], "a"); }

TEST(ParseJsonTest, TakesNothingThatHasMoreBehindIt) {
  EXPECT_FALSE(ParseJson(R"({"payload":"a"} {"payload":"b"})").is_object());
  EXPECT_FALSE(ParseJson("{\"payload\":\"a\"}\0{\"payload\":\"b\"}"sv).is_object());
  EXPECT_FALSE(ParseJson("{\"payload\":\"a\"}\0"sv).is_object());
}

TEST(ParseJsonTest, DropsWhatLiesTooDeep) {
  const std::string deep = R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_LT(JsonText(ParseJson(deep)).size(), 30);
}

std::string ObjectOf(int names) {
  std::string text = "{";
  for (int i = 0; i < names; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  return text + "}";
}

// The names of an object are compared with each other. Without the limit the last of these takes most of an hour.
TEST(ParseJsonTest, TakesNothingWithTooManyNames) {
  EXPECT_EQ(ParseJson(ObjectOf(kMostJsonNames)).size(), static_cast<size_t>(kMostJsonNames));
  EXPECT_FALSE(ParseJson(ObjectOf(kMostJsonNames + 1)).is_object());
  EXPECT_FALSE(ParseJson(R"({"a":{"a":)" + ObjectOf(kMostJsonNames - 1) + "}}").is_object());
  EXPECT_FALSE(ParseJson(ObjectOf(1'000'000)).is_object());
}

}  // namespace
}  // namespace pulseal::tools
