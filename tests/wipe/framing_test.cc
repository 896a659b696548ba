// SPDX-License-Identifier: Apache-2.0
//
// Plaintext on its way through framing: built into batches, compressed, cut, put together, decompressed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/framing_fixture.h"
#include "tests/wipe/leftover_search.h"

namespace pulseal {
namespace {

using framing::MessageReader;
using framing::SingleMessage;
using ::testing::Contains;
using ::testing::IsEmpty;
using testing::LeftoverSearch;
using testing::SentEntry;

class FramingWipes : public testing::FramingFixture {
 protected:
  // The secret is somewhere in each of the messages, which are too many for the first buffers.
  void BatchAndBack() {
    for (const size_t messages : {1, 30}) {
      SingleMessage message;
      message.payload = secret_;
      for (const SentEntry& entry : SendBatch(std::vector<SingleMessage>(messages, message))) {
        const framing::Consumed consumed = Consume(entry, 1);
        MessageReader reader(consumed.outcomes.at(0));
        ASSERT_TRUE(reader.Next(&message));
        ASSERT_EQ(message.payload, secret_);
      }
    }
  }

  void ChunksAndBack() {
    for (const SentEntry& entry : Send(secret_)) {
      const framing::Consumed consumed = Consume(entry, 1);
      for (const framing::Outcome& outcome : consumed.outcomes) ASSERT_EQ(outcome.decision.payload, secret_);
    }
  }

  template <typename Code>
  void RunAndSearch(Code code) {
    search_.Run([&] {
      code();
      producer_.reset();
      consumer_.reset();
    });
    EXPECT_THAT(search_.Found(), IsEmpty());
  }

  LeftoverSearch search_;
  const std::string_view secret_ = search_.NewSecret("plaintext", 5000);
};

TEST_F(FramingWipes, Batches) {
  for (const framing::Compression codec :
       {framing::Compression::kNone, framing::Compression::kLz4, framing::Compression::kZlib,
        framing::Compression::kZstd, framing::Compression::kSnappy}) {
    producer_options_.compression = codec;
    RunAndSearch([&] {
      BatchAndBack();
      EXPECT_THAT(search_.Live(), Contains("plaintext"));
    });
  }
}

TEST_F(FramingWipes, Chunks) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2000;
  for (const framing::Compression codec : {framing::Compression::kNone, framing::Compression::kLz4}) {
    producer_options_.compression = codec;
    RunAndSearch([&] {
      ChunksAndBack();
      EXPECT_THAT(search_.Live(), Contains("plaintext"));
    });
  }
}

// Chunks that wait for others, and those of a message that failed.
TEST_F(FramingWipes, ChunksOfAMessageThatFails) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2000;
  RunAndSearch([&] {
    const std::vector<SentEntry> sent = Send(secret_);
    Consume(sent.at(0), 1);
    SentEntry forged = sent.at(1);
    forged.payload[0] = static_cast<char>(forged.payload[0] ^ 1);
    EXPECT_EQ(Consume(forged, 2).outcomes.size(), 1u);
    Consume(sent.at(0), 1);
    Consume(sent.at(1), 2);
    consumer().Flush();
  });
}

}  // namespace
}  // namespace pulseal
