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

// Under kSend the memory for ciphertext holds plaintext.
TEST_F(FramingWipes, WhatIsSentInClear) {
  encryptor_options_.failure_action = ProducerCryptoFailureAction::kSend;
  encryptor_options_.rotation.messages = encryptor_options_.rotation.hard_messages = 4;
  RunAndSearch([&] {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(Send("encrypted").at(0).encrypted);
    wrapper_->SetStatus("orders", absl::UnavailableError("vault sealed"));
    encryptor().Maintain();
    for (const size_t size : {size_t{100}, secret_.size()}) {
      const absl::Status status =
          producer().Send(metadata_, secret_.substr(0, size), [&](const framing::OutgoingEntry& entry) {
            EXPECT_FALSE(entry.encrypted);
            EXPECT_EQ(entry.payload, secret_.substr(0, size));
            return absl::OkStatus();
          });
      EXPECT_TRUE(status.ok()) << status;
    }
    EXPECT_THAT(search_.Live(), Contains("plaintext"));
  });
}

// What the codecs work in, kept or not. Digits, so that there is something to compress.
class CodecWipes : public ::testing::TestWithParam<framing::Compression> {
 protected:
  std::string_view NewDigits() {
    std::string digits;
    for (const unsigned char byte : search_.Copy(search_.NewSecret("seed", 2500))) digits += std::to_string(byte);
    return search_.Keep("plaintext", digits);
  }

  absl::Span<char> Room(size_t size) {
    static char room[20000];
    return absl::MakeSpan(room).first(size);
  }

  LeftoverSearch search_;
  const std::string_view secret_ = NewDigits();
  const size_t most_ = framing::MaxCompressedSize(GetParam(), secret_.size());
  const bool keeps_plaintext_ = GetParam() == framing::Compression::kZlib || GetParam() == framing::Compression::kZstd;
};

TEST_P(CodecWipes, MemoryThatIsKept) {
  search_.Run([&] {
    framing::Compressor compressor;
    framing::Decompressor decompressor;
    for (int i = 0; i < 2; ++i) {
      const std::string_view compressed = *compressor.Compress(GetParam(), secret_, Room(most_));
      EXPECT_EQ(!search_.Live().empty(), keeps_plaintext_);
      const std::string_view copy = search_.Copy(compressed);
      const auto size = static_cast<uint32_t>(secret_.size());
      EXPECT_EQ(*decompressor.Decompress(GetParam(), copy, size, Room(size)), secret_);
      EXPECT_FALSE(decompressor.Decompress(GetParam(), copy.substr(0, copy.size() - 1), size, Room(size)).ok());
    }
  });
  EXPECT_THAT(search_.Found(), IsEmpty());
}

TEST_P(CodecWipes, MemoryForOneCall) {
  search_.Run([&] {
    const std::string_view copy = search_.Copy(*framing::Compress(GetParam(), secret_, Room(most_)));
    const auto size = static_cast<uint32_t>(secret_.size());
    EXPECT_EQ(*framing::Decompress(GetParam(), copy, size, Room(size)), secret_);
    EXPECT_FALSE(framing::Decompress(GetParam(), copy.substr(0, copy.size() - 1), size, Room(size)).ok());
    EXPECT_THAT(search_.Live(), IsEmpty());
  });
  EXPECT_THAT(search_.Found(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Codecs, CodecWipes,
                         ::testing::Values(framing::Compression::kLz4, framing::Compression::kZlib,
                                           framing::Compression::kZstd, framing::Compression::kSnappy),
                         [](const auto& test) { return framing::CompressionName(test.param); });

}  // namespace
}  // namespace pulseal
