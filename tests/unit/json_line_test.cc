// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/json_line.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace pulseal::tools {
namespace {

using std::string_view_literals::operator""sv;

TEST(ParseJsonTest, ReadsAnObject) { EXPECT_EQ(ParseJson(R"({"payload":"a"})").value()["payload"], "a"); }

TEST(ParseJsonTest, TakesNothingElse) {
  for (const std::string_view text :
       {"", "x", "1", "null", "\"a\"", "[]", "[{}]", "{", "{\"a\"}", "{]", "{\"a\":1e400}"}) {
    EXPECT_EQ(ParseJson(text).status(), absl::InvalidArgumentError("is not a JSON object")) << text;
  }
}

TEST(ParseJsonTest, TakesNothingThatHasMoreBehindIt) {
  EXPECT_FALSE(ParseJson(R"({"payload":"a"} {"payload":"b"})").ok());
  EXPECT_FALSE(ParseJson("{\"payload\":\"a\"}\0{\"payload\":\"b\"}"sv).ok());
  EXPECT_FALSE(ParseJson("{\"payload\":\"a\"}\0"sv).ok());
}

std::string Repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Of the last two only the end, which nobody reads to, tells that they are no JSON.
TEST(ParseJsonTest, TakesNothingTooDeep) {
  const absl::Status too_deep = absl::ResourceExhaustedError("has JSON more than 64 levels deep");
  EXPECT_TRUE(ParseJson(R"({"a":)" + Repeated("[", 63) + Repeated("]", 63) + "}").ok());
  EXPECT_EQ(ParseJson(R"({"a":)" + Repeated("[", 64) + Repeated("]", 64) + "}").status(), too_deep);
  EXPECT_EQ(ParseJson(Repeated(R"({"a":)", 1'000'000)).status(), too_deep);
  EXPECT_EQ(ParseJson(R"({"a":)" + Repeated("[", 1'000'000)).status(), too_deep);
  EXPECT_TRUE(ParseJson(R"({"a":[)" + Repeated("{\"b\":[]},", 1000) + "0]}").ok());
}

const absl::Status kTooMany = absl::ResourceExhaustedError("has more than 4096 JSON values");

std::string ObjectOf(int names) {
  std::string text = "{";
  for (int i = 0; i < names; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  return text + "}";
}

// The names of an object are compared with each other. Without the limit the last of these takes most of an hour.
TEST(ParseJsonTest, TakesNothingWithTooManyNames) {
  EXPECT_EQ(ParseJson(ObjectOf(kMostJsonValues)).value().size(), static_cast<size_t>(kMostJsonValues));
  EXPECT_EQ(ParseJson(ObjectOf(kMostJsonValues + 1)).status(), kTooMany);
  EXPECT_EQ(ParseJson(R"({"a":{"a":)" + ObjectOf(kMostJsonValues - 1) + "}}").status(), kTooMany);
  EXPECT_EQ(ParseJson(ObjectOf(1'000'000)).status(), kTooMany);
}

// Each takes more than ten times the memory of its text; and a parser may look at all of them again behind each object.
TEST(ParseJsonTest, TakesNothingWithTooManyElements) {
  for (const std::string element : {"0", "-1", "0.5", "null", "true", "\"\"", "{}", "[]"}) {
    const auto array_of = [&](int elements) {
      return absl::StrCat(R"({"a":[)", Repeated(element + ",", elements - 1), element, "]}");
    };
    EXPECT_EQ(ParseJson(array_of(kMostJsonValues - 1)).value()["a"].size(), static_cast<size_t>(kMostJsonValues - 1));
    EXPECT_EQ(ParseJson(array_of(kMostJsonValues)).status(), kTooMany) << element;
    EXPECT_EQ(ParseJson(array_of(100'000)).status(), kTooMany) << element;
  }
}

TEST(ParseJsonTest, TakesNoNameTwice) {
  const auto twice = [](const std::string& name) {
    return absl::AlreadyExistsError("has a member \"" + name + "\" twice");
  };
  EXPECT_EQ(ParseJson(R"({"a":1,"b":2,"a":1})").status(), twice("a"));
  EXPECT_EQ(ParseJson(R"({"a":1,"\u0061":2})").status(), twice("a"));
  EXPECT_EQ(ParseJson(R"({"\u001b":1,"\u001b":2})").status(), twice("\\x1b"));
  EXPECT_EQ(ParseJson(R"({"c":{"a":1,"b":{"a":2},"a":3}})").status(), twice("a"));
  EXPECT_EQ(ParseJson(R"({"properties":{},"properties":{}})").status(), twice("properties"));
  EXPECT_EQ(ParseJson(R"({"properties":{"a":""},"c":{"a":1,"a":2}})").status(), twice("a"));
  EXPECT_EQ(ParseJson(R"({"c":{"properties":{"a":1,"a":2}}})").status(), twice("a"));
  EXPECT_TRUE(ParseJson(R"({"a":{"a":1},"b":{"a":1},"c":[{"a":1},{"a":1}]})").ok());
}

TEST(ParseJsonTest, OfAPropertyThatComesTwiceTheLastCounts) {
  EXPECT_EQ(ParseJson(R"({"properties":{"a":"1","a":"2"}})").value()["properties"], Json({{"a", "2"}}));
}

}  // namespace
}  // namespace pulseal::tools
