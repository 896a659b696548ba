// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/entry_facts.h"

#include <gtest/gtest.h>

#include "tests/support/wire_fields.h"

namespace pulseal::tools {
namespace {

using ::pulseal::testing::Bytes;
using ::pulseal::testing::Varint;

std::string Guess(char first, size_t size) {
  const Wrapping wrapping = GuessWrapping(first + std::string(size - 1, 'x'));
  return wrapping.scheme + " " + wrapping.key_type;
}

TEST(EntryFactsTest, WrappingBySizeAndFirstByte) {
  for (const char form : {'\4', '\6', '\7'}) {
    EXPECT_EQ(Guess(form, 117), "ECIES p-256");
    EXPECT_EQ(Guess(form, 149), "ECIES p-384");
    EXPECT_EQ(Guess(form, 185), "ECIES p-521");
    EXPECT_EQ(Guess(form, 101), "ECIES p-256");  // a data key of 16 bytes
  }
  for (const char form : {'\2', '\3'}) {
    EXPECT_EQ(Guess(form, 85), "ECIES p-256");
    EXPECT_EQ(Guess(form, 101), "ECIES p-384");
    EXPECT_EQ(Guess(form, 119), "ECIES p-521");
  }
  EXPECT_EQ(Guess('\4', 256), "RSA-OAEP rsa-2048");
  EXPECT_EQ(Guess('\0', 128), "RSA-OAEP rsa-1024");
  EXPECT_EQ(Guess('z', 384), "RSA-OAEP rsa-3072");
  EXPECT_EQ(Guess('z', 512), "RSA-OAEP rsa-4096");
  EXPECT_EQ(Guess('z', 117), "unknown ");
  EXPECT_EQ(Guess('\4', 118), "unknown ");
  EXPECT_EQ(Guess('z', 64), "unknown ");
  EXPECT_EQ(GuessWrapping("").scheme, "unknown");
}

TEST(EntryFactsTest, MessagesThatBeginWithAnEntry) {
  const auto messages = [](const std::string& metadata) {
    EntryFacts facts;
    EXPECT_TRUE(ReadFacts(metadata, facts));
    return facts.messages();
  };
  EXPECT_EQ(messages(""), 1u);
  EXPECT_EQ(messages(Varint(11, 1)), 1u);
  EXPECT_EQ(messages(Varint(11, 16)), 16u);
  EXPECT_EQ(messages(Varint(11, 0)), 1u);
  EXPECT_EQ(messages(Varint(11, static_cast<uint64_t>(int64_t{-5}))), 1u);
  EXPECT_EQ(messages(Varint(27, 3) + Varint(29, 0)), 1u);
  EXPECT_EQ(messages(Varint(27, 3) + Varint(29, 2)), 0u);
  EXPECT_EQ(messages(Varint(27, 1)), 1u);
}

// Nothing of one message is left in the next one's facts.
TEST(EntryFactsTest, FactsBeginAnew) {
  EntryFacts facts;
  ASSERT_TRUE(ReadFacts(Varint(2, 9) + Varint(11, 3) + Bytes(13, "k") + Bytes(15, "n") + Varint(27, 2), facts));
  EXPECT_TRUE(facts.encrypted());
  ASSERT_TRUE(ReadFacts("", facts));
  EXPECT_FALSE(facts.encrypted());
  EXPECT_FALSE(facts.num_messages_in_batch.has_value());
  EXPECT_EQ(facts.nonce, "");
  EXPECT_EQ(facts.sequence_id, 0u);
  EXPECT_FALSE(facts.is_chunk());
  EXPECT_FALSE(ReadFacts(Bytes(13, "key").substr(0, 3), facts));
}

}  // namespace
}  // namespace pulseal::tools
