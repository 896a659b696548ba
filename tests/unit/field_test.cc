// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/field.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/wire_fields.h"

namespace pulseal::framing {
namespace {

using ::pulseal::testing::Bytes;
using ::pulseal::testing::Varint;
using Type = FieldView::Type;

TEST(FieldTest, EachTypeInOrder) {
  const std::string fixed64 =
                        "\x19"
                        "12345678",
                    fixed32 =
                        "\x25"
                        "1234",
                    group = "\x2b" + Varint(1, 7) + "\x2c";
  const std::string message = Varint(1, 300) + Bytes(2, "text") + fixed64 + fixed32 + group;
  std::string_view rest = message;
  FieldView field;
  ASSERT_TRUE(TakeField(&rest, &field));
  EXPECT_EQ(field.number, 1u);
  EXPECT_EQ(field.type, Type::kVarint);
  EXPECT_EQ(field.value, 300u);
  EXPECT_EQ(field.content, "");
  EXPECT_EQ(field.bytes, Varint(1, 300));
  ASSERT_TRUE(TakeField(&rest, &field));
  EXPECT_EQ(field.number, 2u);
  EXPECT_EQ(field.type, Type::kBytes);
  EXPECT_EQ(field.value, 0u);
  EXPECT_EQ(field.content, "text");
  EXPECT_EQ(field.content.data(), message.data() + 5);
  EXPECT_EQ(field.bytes, Bytes(2, "text"));
  for (const auto& [number, type, bytes] :
       {std::tuple{3u, Type::kFixed64, fixed64}, {4u, Type::kFixed32, fixed32}, {5u, Type::kGroup, group}}) {
    ASSERT_TRUE(TakeField(&rest, &field));
    EXPECT_EQ(field.number, number);
    EXPECT_EQ(field.type, type);
    EXPECT_EQ(field.value, 0u);
    EXPECT_EQ(field.content, "");
    EXPECT_EQ(field.bytes, bytes);
  }
  EXPECT_TRUE(rest.empty());
  EXPECT_FALSE(TakeField(&rest, &field));
}

TEST(FieldTest, ANegativeNumberHasItsSignInAllBits) {
  const std::string message = Varint(1, static_cast<uint64_t>(int64_t{-2}));
  std::string_view rest = message;
  FieldView field;
  ASSERT_TRUE(TakeField(&rest, &field));
  EXPECT_EQ(static_cast<int64_t>(field.value), -2);
}

TEST(FieldTest, WhereNoFieldBeginsNothingChanges) {
  const std::string whole = Varint(1, 300) + Bytes(2, "text");
  const std::string bad[] = {whole.substr(0, 1),
                             whole.substr(0, 2),
                             Bytes(2, "text").substr(0, 5),
                             std::string(1, '\0'),
                             "\x2b" + Varint(1, 7),
                             "\x2c",
                             "\x19"
                             "1234567",
                             "\x25"
                             "123",
                             "\x0e",
                             std::string(11, '\xff')};
  for (const std::string& bytes : bad) {
    std::string_view rest = bytes;
    FieldView field;
    field.number = 77;
    EXPECT_FALSE(TakeField(&rest, &field));
    EXPECT_EQ(rest.data(), bytes.data());
    EXPECT_EQ(rest.size(), bytes.size());
    EXPECT_EQ(field.number, 77u);
  }
}

}  // namespace
}  // namespace pulseal::framing
