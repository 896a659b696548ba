// SPDX-License-Identifier: Apache-2.0
#include "tests/support/metadata_mutator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "proto/pulsar_metadata.pb.h"
#include "tests/support/made_message.h"

namespace pulseal::testing {
namespace {

// A byte more, where there is room.
size_t AppendX(uint8_t* data, size_t size, size_t most) {
  if (size < most) data[size++] = 'x';
  return size;
}

class MetadataMutatorTest : public ::testing::Test {
 protected:
  // What 20,000 mutations make of a message for two recipients.
  std::set<std::string> Mutants() {
    std::minstd_rand random(1);
    std::set<std::string> mutants;
    for (int i = 0; i < 20'000; ++i) mutants.insert(MutateMetadata(metadata_, 1000, AppendX, random));
    return mutants;
  }

  // Those of the mutants that protobuf parses.
  std::vector<proto::MessageMetadata> Messages() {
    std::vector<proto::MessageMetadata> messages;
    for (const std::string& mutant : Mutants()) {
      if (proto::MessageMetadata message; message.ParsePartialFromString(mutant))
        messages.push_back(std::move(message));
    }
    return messages;
  }

  template <typename Condition>
  void ExpectOne(const Condition& condition) {
    const std::vector<proto::MessageMetadata> messages = Messages();
    EXPECT_TRUE(std::any_of(messages.begin(), messages.end(), condition));
  }

  const std::string metadata_ = Seal("plaintext", {"alice", "bob"}).metadata();
};

TEST_F(MetadataMutatorTest, DependsOnTheRandomNumbersAlone) { EXPECT_EQ(Mutants(), Mutants()); }

TEST_F(MetadataMutatorTest, MakesManyDifferentMessagesOfWhichMostParse) {
  EXPECT_GT(Mutants().size(), 500);
  EXPECT_GT(Messages().size(), Mutants().size() / 2);
}

TEST_F(MetadataMutatorTest, RepeatsFields) {
  ExpectOne([](const auto& message) { return message.encryption_keys_size() == 3; });
}

TEST_F(MetadataMutatorTest, DropsFields) {
  ExpectOne([](const auto& message) { return message.encryption_keys_size() == 1; });
  ExpectOne([](const auto& message) { return !message.has_encryption_param(); });
}

TEST_F(MetadataMutatorTest, MovesFields) {
  ExpectOne([](const auto& message) {
    return message.encryption_keys_size() == 2 && message.encryption_keys(0).key() == "bob" &&
           message.encryption_keys(1).key() == "alice";
  });
}

TEST_F(MetadataMutatorTest, ResizesFieldsToTheSizesBesideLimits) {
  for (const size_t size : {0, 11, 13}) {
    ExpectOne([size](const auto& message) {
      return message.has_encryption_param() && message.encryption_param().size() == size;
    });
  }
}

TEST_F(MetadataMutatorTest, ReachesFieldsOfFields) {
  ExpectOne([](const auto& message) {
    return message.encryption_keys_size() == 2 && message.encryption_keys(0).key() == "alicex";
  });
}

TEST_F(MetadataMutatorTest, RenumbersFields) {
  ExpectOne([](const auto& message) { return message.partition_key() == "a producer"; });
}

TEST_F(MetadataMutatorTest, WritesNumbersAtTheirLimits) {
  ExpectOne([](const auto& message) { return message.sequence_id() == ~uint64_t{0}; });
}

TEST_F(MetadataMutatorTest, ChangesWireTypesAndLengthensTags) {
  const std::set<std::string> mutants = Mutants();
  const auto contains = [&mutants](std::string_view bytes) {
    return std::any_of(mutants.begin(), mutants.end(),
                       [bytes](const std::string& mutant) { return mutant.find(bytes) != std::string::npos; });
  };
  EXPECT_TRUE(
      contains("\x0b"
               "a producer\x0c"));  // a group instead of bytes
  EXPECT_TRUE(
      contains("\x7d"
               "twel"));  // four bytes
  EXPECT_TRUE(
      contains("\x79"
               "twelve b"));                          // eight bytes
  EXPECT_TRUE(contains(std::string("\x08\x0a", 2)));  // a number
  EXPECT_TRUE(
      contains(std::string("\x8a\x00\x0a"
                           "a producer",
                           13)));
}

TEST_F(MetadataMutatorTest, KeepsTheLimit) {
  std::minstd_rand random(2);
  for (size_t most = 0; most < metadata_.size() + 10; ++most) {
    for (int i = 0; i < 100; ++i) EXPECT_LE(MutateMetadata(metadata_, most, AppendX, random).size(), most);
  }
}

TEST_F(MetadataMutatorTest, MutatesWhatIsNoMessageAsBytes) {
  std::minstd_rand random(3);
  EXPECT_EQ(MutateMetadata("", 10, AppendX, random), "x");
  EXPECT_EQ(MutateMetadata("\xff", 10, AppendX, random), "\xffx");
}

TEST_F(MetadataMutatorTest, KeepsWhatComesBehindTheFields) {
  std::minstd_rand random(4);
  int kept = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string mutant = MutateMetadata(metadata_ + "\xff\xff", 1000, AppendX, random);
    kept += mutant.substr(mutant.size() - 2) == "\xff\xff";
  }
  EXPECT_GT(kept, 50);
}

}  // namespace
}  // namespace pulseal::testing
