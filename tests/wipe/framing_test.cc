// SPDX-License-Identifier: Apache-2.0
//
// Plaintext on its way through framing: built into batches, compressed, cut, put together, decompressed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/each_aead.h"
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

class FramingWipes : public testing::FramingFixture, public ::testing::WithParamInterface<CipherBackend> {
 protected:
  FramingWipes() { encryptor_options_.cipher_backend = decryptor_options_.cipher_backend = GetParam(); }

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

TEST_P(FramingWipes, Batches) {
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

TEST_P(FramingWipes, Chunks) {
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
TEST_P(FramingWipes, ChunksOfAMessageThatFails) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2000;
  RunAndSearch([&] {
    const std::vector<SentEntry> sent = Send(secret_);
    static_cast<void>(Consume(sent.at(0), 1));
    SentEntry forged = sent.at(1);
    forged.payload[0] = static_cast<char>(forged.payload[0] ^ 1);
    EXPECT_EQ(Consume(forged, 2).outcomes.size(), 1u);
    static_cast<void>(Consume(sent.at(0), 1));
    static_cast<void>(Consume(sent.at(1), 2));
    consumer().Flush();
  });
}

TEST_P(FramingWipes, ChunksThatNeverComeTogether) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2000;
  consumer_options_.chunks.max_open_messages = 1;
  RunAndSearch([&] {
    for (uint64_t id = 0; id < 3; ++id) {
      metadata_.sequence_id = id;
      static_cast<void>(Consume(Send(secret_).at(0), id));  // the one before is given up for it
    }
    EXPECT_THAT(search_.Live(), Contains("plaintext"));
    EXPECT_EQ(consumer().Expire(2 * consumer_options_.chunks.max_age).size(), 1u);
  });
}

TEST_P(FramingWipes, ASinkThatRefuses) {
  producer_options_.compression = framing::Compression::kZlib;
  SingleMessage message;
  message.payload = secret_;
  RunAndSearch([&] {
    const absl::Status status = producer().SendBatch(
        metadata_, {message, message}, [](const framing::OutgoingEntry&) { return absl::UnavailableError("later"); });
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  });
}

TEST_P(FramingWipes, ABatchThatCannotBeEncrypted) {
  producer_options_.compression = framing::Compression::kZlib;
  encryptor_options_.rotation.messages = encryptor_options_.rotation.hard_messages = 1;
  SingleMessage message;
  message.payload = secret_;
  RunAndSearch([&] {
    SendBatch({message});
    EXPECT_EQ(producer().SendBatch(metadata_, {message}, Sink()).code(), absl::StatusCode::kUnavailable);
  });
}

// The metadata isn't authenticated: whoever handles a message can say that its plaintext is something else.
TEST_P(FramingWipes, PlaintextThatIsNotWhatItsMetadataSays) {
  const auto send_as = [this](const std::function<void(framing::MessageMetadata&)>& change) {
    SentEntry sent;
    const absl::Status status = producer().Send(metadata_, secret_, [&](const framing::OutgoingEntry& entry) {
      framing::MessageMetadata metadata = *framing::ParseMessageMetadata(entry.metadata);
      change(metadata);
      sent = {metadata.Serialize() + std::string(entry.encryption_fields), std::string(entry.payload), true};
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return sent;
  };
  RunAndSearch([&] {
    for (const framing::Compression codec : {framing::Compression::kLz4, framing::Compression::kZlib,
                                             framing::Compression::kZstd, framing::Compression::kSnappy}) {
      const framing::Consumed consumed =
          Consume(send_as([codec](framing::MessageMetadata& metadata) { metadata.compression = codec; }), 1);
      EXPECT_FALSE(consumed.outcomes.at(0).decision.status.ok());
    }
    const framing::Consumed consumed =
        Consume(send_as([](framing::MessageMetadata& metadata) { metadata.num_messages_in_batch = 3; }), 1);
    SingleMessage message;
    MessageReader reader(consumed.outcomes.at(0));
    while (reader.Next(&message)) continue;
    EXPECT_THAT(search_.Live(), Contains("plaintext"));
  });
}

// Under kSend the memory for ciphertext holds plaintext.
TEST_P(FramingWipes, WhatIsSentInClear) {
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

INSTANTIATE_TEST_SUITE_P(, FramingWipes, testing::EachAead(), testing::AeadName);

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
