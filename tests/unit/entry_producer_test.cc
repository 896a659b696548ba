// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/entry_producer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/chunk.h"
#include "tests/support/framing_fixture.h"
#include "tests/support/protobuf/random_metadata.h"
#include "tests/support/sealed_message.h"

namespace pulseal::framing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SentEntry;
using ::testing::SizeIs;

// Text that no codec makes much shorter than half.
std::string Noise(size_t size) {
  testing::Random random(size);
  std::string noise(size, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  return noise;
}

class EntryProducerTest : public testing::FramingFixture {
 protected:
  static std::string Plaintext(const SentEntry& entry) {
    return testing::OpenMessage({entry.payload, entry.parsed().encryption_fields, entry.encrypted}).plaintext;
  }
  void ExpectMisuse(const absl::Status& status, const std::string& words) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse);
    EXPECT_THAT(status.message(), HasSubstr(words));
    EXPECT_THAT(sent_, IsEmpty());
  }
};

TEST_F(EntryProducerTest, EncryptsAMessage) {
  metadata_.properties = {{"trace", "1"}};
  metadata_.other_fields = "\x98\x01\x05";
  const std::vector<SentEntry> sent = Send("payload");
  ASSERT_THAT(sent, SizeIs(1));
  const MessageMetadata metadata = sent[0].parsed();
  EXPECT_TRUE(sent[0].encrypted);
  EXPECT_EQ(Plaintext(sent[0]), "payload");
  EXPECT_EQ(metadata.sequence_id, 7u);
  EXPECT_EQ(metadata.properties, metadata_.properties);
  EXPECT_EQ(metadata.other_fields, metadata_.other_fields);
  EXPECT_EQ(metadata.compression, Compression::kNone);
  EXPECT_EQ(metadata.uncompressed_size, 7u);
  EXPECT_EQ(metadata.num_messages_in_batch, std::nullopt);
  EXPECT_EQ(metadata.num_chunks, 0);
}

TEST_F(EntryProducerTest, CompressesThenEncrypts) {
  const std::string text(1000, 'x');
  for (const Compression codec : {Compression::kLz4, Compression::kZlib, Compression::kZstd, Compression::kSnappy}) {
    producer_options_.compression = codec;
    producer_.reset();
    const std::vector<SentEntry> sent = Send(text);
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(sent[0].parsed().compression, codec);
    EXPECT_EQ(sent[0].parsed().uncompressed_size, 1000u);
    EXPECT_LT(sent[0].payload.size(), 200u);
    std::string out;
    EXPECT_TRUE(Decompress(codec, Plaintext(sent[0]), 1000, &out).ok());
    EXPECT_EQ(out, text);
  }
}

TEST_F(EntryProducerTest, SendsAsItIsWhatCompressionMakesNoShorter) {
  producer_options_.compression = Compression::kLz4;
  metadata_.compression = Compression::kZstd;  // not believed
  for (const std::string& payload : {std::string(), std::string("x"), Noise(1000)}) {
    const std::vector<SentEntry> sent = Send(payload);
    EXPECT_EQ(sent.at(0).parsed().compression, Compression::kNone);
    EXPECT_EQ(sent.at(0).parsed().uncompressed_size, payload.size());
    EXPECT_EQ(Plaintext(sent.at(0)), payload);
  }
}

TEST_F(EntryProducerTest, BatchesThenCompressesThenEncrypts) {
  producer_options_.compression = Compression::kZstd;
  const std::string line(500, 'x');
  SingleMessage first, last;
  first.payload = last.payload = line;
  first.partition_key = "key";
  last.sequence_id = 9;
  const std::vector<SentEntry> sent = SendBatch({first, last});
  ASSERT_THAT(sent, SizeIs(1));
  const MessageMetadata metadata = sent[0].parsed();
  EXPECT_EQ(metadata.num_messages_in_batch, 2);
  EXPECT_EQ(metadata.sequence_id, 7u);
  EXPECT_EQ(metadata.highest_sequence_id, 9u);
  EXPECT_EQ(metadata.compression, Compression::kZstd);
  EXPECT_EQ(metadata.uncompressed_size, SizeInBatch(first) + SizeInBatch(last));
  std::string batch;
  ASSERT_TRUE(Decompress(Compression::kZstd, Plaintext(sent[0]), metadata.uncompressed_size, &batch).ok());
  BatchReader messages(batch, 2);
  SingleMessage message;
  ASSERT_TRUE(messages.Next(&message));
  EXPECT_EQ(message.partition_key, "key");
  ASSERT_TRUE(messages.Next(&message));
  EXPECT_EQ(message.payload, line);
  // One that the caller has built comes out the same.
  const std::vector<SentEntry> whole = SendBatch({first});
  std::string built;
  ASSERT_TRUE(AppendToBatch(first, &built).ok());
  metadata_.num_messages_in_batch = 1;
  EXPECT_EQ(Plaintext(Send(built).at(0)), Plaintext(whole.at(0)));
}

TEST_F(EntryProducerTest, HoldsTheMessageSize) {
  producer_options_.max_message_size = 1000;
  EXPECT_THAT(Send(std::string(1000, 'x')), SizeIs(1));
  sent_.clear();
  ExpectMisuse(producer().Send(metadata_, std::string(1001, 'x'), Sink()),
               "message: 1001 bytes, over 1000; turn chunks on");
  SingleMessage message;
  const std::string line(995, 'x');
  message.payload = line;
  ExpectMisuse(producer().SendBatch(metadata_, {message}, Sink()),
               "batch: 1002 bytes, over 1000; make smaller batches");
  EXPECT_EQ(EntryProducerOptions().max_message_size, 5u * 1024 * 1024);
}

TEST_F(EntryProducerTest, RefusesWhatItMust) {
  metadata_.encryption_fields = "\x7a\x00";
  ExpectMisuse(producer().Send(metadata_, "x", Sink()), "encryption fields already");
  metadata_.encryption_fields.clear();
  ExpectMisuse(producer().SendBatch(metadata_, {}, Sink()), "batch: it has no message");
  SingleMessage message;
  message.properties.resize(kMaxProperties + 1);
  ExpectMisuse(producer().SendBatch(metadata_, {message}, Sink()), "more than 1,000 properties");
  metadata_.properties.resize(kMaxProperties + 1);
  ExpectMisuse(producer().Send(metadata_, "x", Sink()), "more than 1,000 properties");
  metadata_.properties.clear();
  metadata_.other_fields.assign(kMaxMetadataSize, 'x');
  ExpectMisuse(producer().Send(metadata_, "x", Sink()), "its metadata is over 5 MiB");
  metadata_.other_fields.clear();
  producer_options_.compression = static_cast<Compression>(9);
  producer_.reset();
  ExpectMisuse(producer().Send(metadata_, "x", Sink()), "doesn't know codec 9");
}

// The encryption fields count: to the byte what a consumer reads.
TEST_F(EntryProducerTest, HoldsTheMetadataSize) {
  metadata_.properties = {{"pad", ""}};
  std::string& pad = metadata_.properties[0].second;
  pad.assign(kMaxMetadataSize - 1000, 'x');
  pad.append(kMaxMetadataSize - Send("x").at(0).metadata.size(), 'x');
  const SentEntry longest = Send("x").at(0);
  EXPECT_EQ(longest.metadata.size(), kMaxMetadataSize);
  EXPECT_EQ(Consume(longest, 1).outcomes.at(0).decision.payload, "x");
  pad += 'x';
  sent_.clear();
  ExpectMisuse(producer().Send(metadata_, "x", Sink()), "its metadata is over 5 MiB: ");
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2 * kMaxMetadataSize;
  producer_.reset();
  ExpectMisuse(producer().Send(metadata_, std::string(2 * kMaxMetadataSize + 1, 'x'), Sink()),
               "its metadata is over 5 MiB: ");
}

TEST_F(EntryProducerTest, SendsOnWhatCameInChunks) {
  metadata_.chunk_uuid = "producer-7";
  metadata_.num_chunks = 2;
  metadata_.chunk_id = 1;
  metadata_.total_chunk_size = 3000;
  const SentEntry entry = Send("whole").at(0);
  EXPECT_EQ(entry.parsed().chunk_uuid, "");
  EXPECT_EQ(entry.parsed().num_chunks, 0);
  EXPECT_EQ(entry.parsed().chunk_id, 0);
  EXPECT_EQ(entry.parsed().total_chunk_size, 0);
  EXPECT_EQ(Consume(entry, 1).outcomes.at(0).decision.payload, "whole");
}

TEST_F(EntryProducerTest, ReturnsTheSinksStatus) {
  const EntrySink full = [](const OutgoingEntry&) { return absl::UnavailableError("full"); };
  EXPECT_EQ(producer().Send(metadata_, "x", full), absl::UnavailableError("full"));
}

TEST_F(EntryProducerTest, CutsWhatIsTooLongAndEncryptsEachChunk) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2000;
  const std::string message = Noise(10000);
  const std::vector<SentEntry> sent = Send(message);
  ASSERT_GT(sent.size(), 5u);
  std::string whole;
  std::set<std::string> nonces;
  for (size_t i = 0; i < sent.size(); ++i) {
    const MessageMetadata metadata = sent[i].parsed();
    EXPECT_EQ(metadata.chunk_uuid, "producer-7");
    EXPECT_EQ(metadata.num_chunks, static_cast<int32_t>(sent.size()));
    EXPECT_EQ(metadata.chunk_id, static_cast<int32_t>(i));
    EXPECT_EQ(metadata.total_chunk_size, 10000);
    EXPECT_EQ(metadata.uncompressed_size, 10000u);
    EXPECT_TRUE(sent[i].encrypted);
    EXPECT_LE(sent[i].metadata.size() + sent[i].payload.size(), 2000u);
    const auto opened = testing::OpenMessage({sent[i].payload, metadata.encryption_fields, true});
    EXPECT_THAT(opened.key_names, SizeIs(1));  // one key list
    EXPECT_TRUE(nonces.insert(opened.nonce).second);
    whole += opened.plaintext;
  }
  EXPECT_EQ(whole, message);
  // All but the last are full, but for the numbers' size in the metadata.
  EXPECT_GE(sent[0].metadata.size() + sent[0].payload.size(), 1990u);
}

TEST_F(EntryProducerTest, TellsTheSinkOfChunks) {
  std::vector<std::pair<int32_t, int32_t>> seen;
  const EntrySink sink = [&seen](const OutgoingEntry& entry) {
    seen.emplace_back(entry.chunk_id, entry.num_chunks);
    return absl::OkStatus();
  };
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2000;
  ASSERT_TRUE(producer().Send(metadata_, Noise(5000), sink).ok());
  ASSERT_TRUE(producer().Send(metadata_, "whole", sink).ok());
  EXPECT_THAT(seen,
              ElementsAre(std::make_pair(0, 3), std::make_pair(1, 3), std::make_pair(2, 3), std::make_pair(0, 0)));
}

TEST_F(EntryProducerTest, CompressesTheWholeBeforeItCuts) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2000;
  producer_options_.compression = Compression::kZstd;
  EXPECT_THAT(Send(std::string(10000, 'x')), SizeIs(1));  // short enough by then
  const std::string message = Noise(5000) + std::string(5000, 'x');
  std::string compressed, out;
  const std::vector<SentEntry> sent = Send(message);
  ASSERT_GT(sent.size(), 2u);
  for (const SentEntry& entry : sent) compressed += Plaintext(entry);
  EXPECT_EQ(sent[0].parsed().total_chunk_size, static_cast<int32_t>(compressed.size()));
  EXPECT_EQ(sent[0].parsed().uncompressed_size, 10000u);
  EXPECT_TRUE(Decompress(Compression::kZstd, compressed, 10000, &out).ok());
  EXPECT_EQ(out, message);
}

TEST_F(EntryProducerTest, NeverCutsABatch) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 1000;
  metadata_.num_messages_in_batch = 1;
  ExpectMisuse(producer().Send(metadata_, std::string(2000, 'x'), Sink()), "make smaller batches");
}

TEST_F(EntryProducerTest, NeedsRoomForAChunk) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 100;
  ExpectMisuse(producer().Send(metadata_, std::string(200, 'x'), Sink()), "leaves no room for a chunk");
}

TEST_F(EntryProducerTest, KeepsTheCallersUuid) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2000;
  metadata_.chunk_uuid = "mine";
  EXPECT_EQ(Send(Noise(5000)).at(0).parsed().chunk_uuid, "mine");
}

TEST_F(EntryProducerTest, StopsWhereTheSinkDoes) {
  producer_options_.chunks = true;
  producer_options_.max_message_size = 2000;
  int entries = 0;
  const EntrySink full = [&entries](const OutgoingEntry&) {
    return ++entries == 2 ? absl::UnavailableError("full") : absl::OkStatus();
  };
  EXPECT_EQ(producer().Send(metadata_, Noise(10000), full), absl::UnavailableError("full"));
  EXPECT_EQ(entries, 2);
}

TEST_F(EntryProducerTest, SendsInClearOnlyWhatIsWhole) {
  encryptor_options_.failure_action = ProducerCryptoFailureAction::kSend;
  encryptor_options_.rotation.messages = encryptor_options_.rotation.hard_messages = 4;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Send("one").at(0).encrypted);
  wrapper_->SetStatus("orders", absl::UnavailableError("down"));
  for (int i = 0; i < 3; ++i) encryptor().Maintain();
  producer_options_.max_message_size = 2000;
  producer_options_.chunks = true;
  producer_.reset();
  const std::vector<SentEntry> clear = Send("two");
  ASSERT_THAT(clear, SizeIs(1));
  EXPECT_FALSE(clear[0].encrypted);
  EXPECT_EQ(clear[0].payload, "two");
  EXPECT_EQ(clear[0].parsed().encryption_fields, "");
  EXPECT_EQ(clear[0].parsed().uncompressed_size, 3u);
  sent_.clear();
  EXPECT_EQ(producer().Send(metadata_, Noise(5000), Sink()).code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(sent_, IsEmpty());
}

TEST_F(EntryProducerTest, SendsEverythingInClearWhereThatIsItsName) {
  producer_options_.max_message_size = 2000;
  producer_options_.chunks = true;
  producer_options_.compression = Compression::kLz4;
  EntryProducer in_clear = EntryProducer::InClear(producer_options_);
  SingleMessage message;
  message.payload = "in a batch";
  const std::string text(1000, 'x'), chunked = Noise(8000);
  ASSERT_TRUE(in_clear.Send(metadata_, text, Sink()).ok());
  ASSERT_TRUE(in_clear.SendBatch(metadata_, {message, message}, Sink()).ok());
  ASSERT_TRUE(in_clear.Send(metadata_, chunked, Sink()).ok());
  ASSERT_GT(sent_.size(), 4u);
  for (const SentEntry& entry : sent_) {
    EXPECT_FALSE(entry.encrypted);
    EXPECT_EQ(entry.parsed().encryption_fields, "");
    EXPECT_LE(entry.metadata.size() + entry.payload.size(), 2000u);
  }
  EXPECT_EQ(sent_[0].parsed().compression, Compression::kLz4);
  EXPECT_EQ(sent_[1].parsed().num_messages_in_batch, 2);
  EXPECT_EQ(sent_[2].parsed().num_chunks, static_cast<int32_t>(sent_.size()) - 2);
  // The room that encryption doesn't take is used, but for the numbers' size in the metadata.
  EXPECT_GE(sent_[2].metadata.size() + sent_[2].payload.size(), 1990u);
  std::vector<std::string> read;
  for (const SentEntry& entry : sent_) {
    for (const Outcome& outcome : Consume(entry, 1).outcomes) {
      EXPECT_FALSE(outcome.decision.was_encrypted);
      MessageReader messages(outcome);
      for (SingleMessage next; messages.Next(&next);) read.emplace_back(next.payload);
    }
  }
  EXPECT_THAT(read, ElementsAre(text, "in a batch", "in a batch", chunked));
}

TEST_F(EntryProducerTest, HoldsTheLimitsInClearToo) {
  producer_options_.max_message_size = 100;
  EntryProducer in_clear = EntryProducer::InClear(producer_options_);
  ExpectMisuse(in_clear.Send(metadata_, std::string(101, 'x'), Sink()), "turn chunks on");
  metadata_.encryption_fields = "\x7a\x00";
  ExpectMisuse(in_clear.Send(metadata_, "x", Sink()), "encryption fields already");
}

}  // namespace
}  // namespace pulseal::framing
