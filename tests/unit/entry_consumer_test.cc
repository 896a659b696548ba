// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/entry_consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pulseal/encryption_metadata.h"
#include "tests/support/framing_fixture.h"
#include "tests/support/protobuf/random_metadata.h"
#include "tests/support/wire_fields.h"

namespace pulseal::framing {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SentEntry;
using ::testing::SizeIs;
using Action = Decision::Action;

std::string Noise(size_t size) {
  testing::Random random(size);
  std::string noise(size, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  return noise;
}

SingleMessage Message(std::string_view payload) {
  SingleMessage message;
  message.payload = payload;
  return message;
}

std::vector<std::string> Payloads(const Outcome& outcome) {
  std::vector<std::string> payloads;
  MessageReader messages(outcome);
  for (SingleMessage message; messages.Next(&message);) payloads.emplace_back(message.payload);
  return payloads;
}

class EntryConsumerTest : public testing::FramingFixture {
 protected:
  // The one outcome of an entry that isn't a chunk.
  Outcome One(const SentEntry& entry, uint64_t cookie, int64_t permits) {
    Consumed consumed = Consume(entry, cookie);
    EXPECT_EQ(consumed.permits, permits);
    EXPECT_THAT(consumed.outcomes, SizeIs(1));
    EXPECT_THAT(consumed.outcomes.at(0).cookies, ElementsAre(cookie));
    return std::move(consumed.outcomes.at(0));
  }
  // An entry with `plaintext` as it stands and this metadata.
  SentEntry Sealed(const MessageMetadata& metadata, std::string_view plaintext) {
    std::string payload, fields;
    EXPECT_TRUE(encryptor().Encrypt(plaintext, &payload, &fields).ok());
    return {metadata.Serialize() + fields, payload, true};
  }
  void UseChunks() {
    producer_options_.chunks = true;
    producer_options_.max_message_size = 2000;
  }
  void ExpectFailure(const Outcome& outcome, Action action, Reason reason, const std::string& words) {
    EXPECT_EQ(outcome.decision.action, action);
    EXPECT_EQ(outcome.decision.reason, reason);
    EXPECT_FALSE(outcome.decision.status.ok());
    EXPECT_THAT(outcome.decision.status.message(), HasSubstr(words));
    EXPECT_EQ(outcome.decision.payload, "");
    EXPECT_THAT(Payloads(outcome), IsEmpty());
  }
  // The same failure under both settings of discard_malformed.
  void ExpectMalformed(const SentEntry& entry, int32_t num_messages, const std::string& words) {
    for (const bool discard : {false, true}) {
      consumer_options_.discard_malformed = discard;
      consumer_.reset();
      const Outcome outcome = One(entry, 5, num_messages);
      ExpectFailure(outcome, discard ? Action::kDiscard : Action::kFail, Reason::kMalformed, words);
      EXPECT_EQ(outcome.decision.num_messages, num_messages);
      EXPECT_FALSE(outcome.decision.worth_asking_again);
    }
  }
};

TEST_F(EntryConsumerTest, ReadsWhatTheProducerWrites) {
  for (int codec = 0; codec <= 4; ++codec) {
    producer_options_.compression = static_cast<Compression>(codec);
    producer_.reset();
    for (const std::string& payload : {std::string(), std::string("line"), std::string(100000, 'x'), Noise(3000)}) {
      const Outcome outcome = One(Send(payload).at(0), 3, 0);
      EXPECT_EQ(outcome.decision.action, Action::kDeliver);
      EXPECT_TRUE(outcome.decision.was_encrypted);
      EXPECT_EQ(outcome.decision.key_name, "orders");
      EXPECT_EQ(outcome.decision.payload, payload);
      EXPECT_THAT(Payloads(outcome), ElementsAre(payload));
    }
    const std::string line(1000, 'x');
    const Outcome batch = One(SendBatch({Message(line), Message(""), Message("last")}).at(0), 4, 0);
    EXPECT_EQ(batch.decision.num_messages, 3);
    EXPECT_THAT(Payloads(batch), ElementsAre(line, "", "last"));
  }
}

TEST_F(EntryConsumerTest, GivesASingleMessageWhatItsMetadataSays) {
  metadata_.properties = {{"trace", "1"}, {"trace", "2"}};
  metadata_.partition_key = "a2V5";
  metadata_.partition_key_b64_encoded = true;
  metadata_.ordering_key = "order";
  metadata_.event_time = 5;
  metadata_.null_value = true;
  metadata_.null_partition_key = true;
  const Outcome outcome = One(Send("").at(0), 1, 0);
  MessageReader messages(outcome);
  SingleMessage message = Message("former contents");
  message.compacted_out = true;
  ASSERT_TRUE(messages.Next(&message));
  EXPECT_EQ(messages.batch_index(), -1);
  EXPECT_EQ(message.payload, "");
  EXPECT_EQ(message.properties.at(1).second, "2");
  EXPECT_EQ(message.partition_key, "a2V5");
  EXPECT_TRUE(message.partition_key_b64_encoded);
  EXPECT_EQ(message.ordering_key, "order");
  EXPECT_EQ(message.event_time, 5u);
  EXPECT_EQ(message.sequence_id, 7u);
  EXPECT_TRUE(message.null_value);
  EXPECT_TRUE(message.null_partition_key);
  EXPECT_FALSE(message.compacted_out);
  EXPECT_FALSE(messages.Next(&message));
}

TEST_F(EntryConsumerTest, SkipsWhatWasCompactedOutAndGivesItsPermitsBack) {
  SingleMessage out = Message("");
  out.compacted_out = true;
  const Outcome outcome = One(SendBatch({out, Message("b"), out, Message("d")}).at(0), 1, 2);
  MessageReader messages(outcome);
  SingleMessage message;
  ASSERT_TRUE(messages.Next(&message));
  EXPECT_EQ(messages.batch_index(), 1);
  ASSERT_TRUE(messages.Next(&message));
  EXPECT_EQ(messages.batch_index(), 3);
  EXPECT_FALSE(messages.Next(&message));
}

TEST_F(EntryConsumerTest, ReadsPlaintextAndSaysSo) {
  const SentEntry entry = {metadata_.Serialize(), "never encrypted", false};
  const Outcome outcome = One(entry, 1, 0);
  EXPECT_FALSE(outcome.decision.was_encrypted);
  EXPECT_THAT(Payloads(outcome), ElementsAre("never encrypted"));
  decryptor_options_.require_encryption = true;
  consumer_.reset();
  decryptor_.reset();
  ExpectFailure(One(entry, 1, 1), Action::kFail, Reason::kNotEncrypted, "");
}

TEST_F(EntryConsumerTest, ABatchOfOneIsABatch) {
  const Outcome outcome = One(SendBatch({Message("only")}).at(0), 1, 0);
  EXPECT_THAT(Payloads(outcome), ElementsAre("only"));
  MessageReader messages(outcome);
  SingleMessage message;
  ASSERT_TRUE(messages.Next(&message));
  EXPECT_EQ(messages.batch_index(), 0);
}

TEST_F(EntryConsumerTest, FailsABatchAsAWhole) {
  std::string batch;
  for (const char* payload : {"a", "b"}) ASSERT_TRUE(AppendToBatch(Message(payload), &batch).ok());
  metadata_.num_messages_in_batch = 2;
  EXPECT_THAT(Payloads(One(Sealed(metadata_, batch), 1, 0)), ElementsAre("a", "b"));
  ExpectMalformed(Sealed(metadata_, batch + "x"), 2, "bytes trail behind");
  metadata_.num_messages_in_batch = 3;
  ExpectMalformed(Sealed(metadata_, batch + "xxxxxxxx"), 3, "message 2 of 3 at offset 14");
}

TEST_F(EntryConsumerTest, RefusesWhatIsntWhatItSays) {
  metadata_.compression = Compression::kLz4;
  std::string compressed;
  ASSERT_TRUE(Compress(Compression::kLz4, std::string(1000, 'x'), &compressed).ok());
  metadata_.uncompressed_size = 1000;
  EXPECT_THAT(Payloads(One(Sealed(metadata_, compressed), 1, 0)), ElementsAre(std::string(1000, 'x')));
  metadata_.uncompressed_size = 999;
  ExpectMalformed(Sealed(metadata_, compressed), 1, "lz4");
  metadata_.uncompressed_size = 0;
  ExpectMalformed(Sealed(metadata_, compressed), 1, "lz4");
  metadata_.uncompressed_size = 5 * 1024 * 1024 + 1;
  ExpectMalformed(Sealed(metadata_, compressed), 1, "5242881 bytes are declared; 5242880 are allowed");
  metadata_.compression = static_cast<Compression>(9);
  metadata_.uncompressed_size = 1000;
  ExpectMalformed(Sealed(metadata_, compressed), 1, "doesn't know codec 9");
}

// 32 MiB of zeros in a few bytes, whatever their metadata declares: neither more than is allowed nor more than is declared
// is ever made of them, and the next message is read.
TEST_F(EntryConsumerTest, DecompressionBombs) {
  const size_t size = size_t{32} << 20;
  const std::string zeros(size, '\0');
  for (const Compression codec : {Compression::kLz4, Compression::kZlib, Compression::kZstd, Compression::kSnappy}) {
    SCOPED_TRACE(CompressionName(codec));
    std::string bomb;
    ASSERT_TRUE(Compress(codec, zeros, &bomb).ok());
    EXPECT_LT(bomb.size(), size / 20);
    metadata_.compression = codec;
    for (const uint32_t declared :
         {0u, 1u, 1000u, 5u << 20, (5u << 20) + 1, uint32_t{32} << 20, 0x7fffffffu, 0xffffffffu}) {
      SCOPED_TRACE(declared);
      metadata_.uncompressed_size = declared;
      ExpectMalformed(Sealed(metadata_, bomb), 1, declared > 5u << 20 ? "5242880 are allowed" : CompressionName(codec));
    }
    metadata_.num_messages_in_batch = 1000000;
    ExpectMalformed(Sealed(metadata_, bomb), 1000000, "5242880 are allowed");
    metadata_.num_messages_in_batch.reset();
    metadata_.compression = Compression::kNone;
    EXPECT_THAT(Payloads(One(Sealed(metadata_, "good"), 1, 0)), ElementsAre("good"));
  }
  // What is allowed is made, and no batch is found in it: zeros are no size of anything.
  std::string allowed;
  metadata_.compression = Compression::kZstd;
  metadata_.uncompressed_size = 5u << 20;
  metadata_.num_messages_in_batch = (5 << 20) / 6;
  ASSERT_TRUE(Compress(Compression::kZstd, std::string_view(zeros).substr(0, 5u << 20), &allowed).ok());
  ExpectMalformed(Sealed(metadata_, allowed), (5 << 20) / 6, "payload_size (field 3) is absent");
}

// Metadata that is enough to decrypt and not enough for a message.
TEST_F(EntryConsumerTest, RefusesMetadataWithoutItsRequiredFields) {
  SentEntry entry = Sealed(metadata_, "payload");
  entry.metadata = entry.parsed().encryption_fields;
  ExpectMalformed(entry, 1, "no producer_name");
}

TEST_F(EntryConsumerTest, HoldsTheMessageSize) {
  consumer_options_.max_message_size = 1000;
  EXPECT_EQ(One(Send(std::string(1000, 'x')).at(0), 1, 0).decision.action, Action::kDeliver);
  ExpectMalformed(Send(std::string(1001, 'x')).at(0), 1, "1001 bytes came; 1000 are allowed");
  producer_options_.compression = Compression::kZstd;
  producer_.reset();
  ExpectMalformed(Send(std::string(1001, 'x')).at(0), 1, "1001 bytes are declared; 1000 are allowed");
}

// The C++ and Python clients leave it out where nothing is compressed.
TEST_F(EntryConsumerTest, DoesntNeedASizeWhereNothingIsCompressed) {
  metadata_.uncompressed_size = 0;
  EXPECT_THAT(Payloads(One(Sealed(metadata_, "payload"), 1, 0)), ElementsAre("payload"));
}

TEST_F(EntryConsumerTest, NeverTakesCiphertextApart) {
  decryptor_options_.failure_action = ConsumerCryptoFailureAction::kConsume;
  decryptor_options_.deliver_whole_batch = true;
  producer_options_.compression = Compression::kZstd;
  const std::string line(1000, 'x');
  const SentEntry batch = SendBatch({Message(line), Message(line)}).at(0), single = Send(line).at(0);
  wrapper_->SetStatus("orders", absl::NotFoundError("gone"));
  for (const SentEntry& entry : {batch, single}) {
    const Outcome outcome = One(entry, 1, 0);
    EXPECT_EQ(outcome.decision.action, Action::kDeliverEncrypted);
    EXPECT_EQ(outcome.decision.payload, entry.payload);
    EXPECT_THAT(Payloads(outcome), IsEmpty());
  }
}

TEST_F(EntryConsumerTest, CountsAndPermitsAWholeBatchThatItCantDecrypt) {
  const SentEntry batch = SendBatch({Message("a"), Message("b"), Message("c")}).at(0);
  wrapper_->SetStatus("orders", absl::NotFoundError("gone"));
  for (const bool discard : {true, false}) {
    decryptor_options_.failure_action =
        discard ? ConsumerCryptoFailureAction::kDiscard : ConsumerCryptoFailureAction::kFail;
    consumer_.reset();
    decryptor_.reset();
    const Outcome outcome = One(batch, 1, 3);
    ExpectFailure(outcome, discard ? Action::kDiscard : Action::kFail, Reason::kKeyNotFound, "");
    EXPECT_EQ(outcome.decision.num_messages, 3);
  }
}

TEST_F(EntryConsumerTest, PutsChunksTogether) {
  UseChunks();
  for (const Compression codec : {Compression::kNone, Compression::kLz4}) {
    producer_options_.compression = codec;
    producer_.reset();
    const std::string message = Noise(5000) + std::string(3000, 'x');
    const std::vector<SentEntry> sent = Send(message);
    ASSERT_GT(sent.size(), 2u);
    std::vector<uint64_t> cookies;
    for (size_t i = 0; i + 1 < sent.size(); ++i) {
      const Consumed consumed = Consume(sent[i], i);
      EXPECT_THAT(consumed.outcomes, IsEmpty());
      EXPECT_EQ(consumed.permits, 1);
      cookies.push_back(i);
    }
    cookies.push_back(99);
    const Consumed last = Consume(sent.back(), 99);
    ASSERT_THAT(last.outcomes, SizeIs(1));
    EXPECT_EQ(last.permits, 0);
    const Outcome& outcome = last.outcomes[0];
    EXPECT_EQ(outcome.cookies, cookies);
    EXPECT_EQ(outcome.decision.action, Action::kDeliver);
    EXPECT_TRUE(outcome.decision.was_encrypted);
    EXPECT_THAT(Payloads(outcome), ElementsAre(message));
    EXPECT_EQ(outcome.metadata.chunk_uuid, "producer-7");
  }
}

TEST_F(EntryConsumerTest, FailsAChunkedMessageOnce) {
  UseChunks();
  for (const auto action : {ConsumerCryptoFailureAction::kFail, ConsumerCryptoFailureAction::kDiscard}) {
    decryptor_options_.failure_action = action;
    consumer_.reset();
    decryptor_.reset();
    const Action expected = action == ConsumerCryptoFailureAction::kFail ? Action::kFail : Action::kDiscard;
    std::vector<SentEntry> sent = Send(Noise(5000));
    ASSERT_GT(sent.size(), 3u - 1u);
    sent[1].payload[0] = static_cast<char>(sent[1].payload[0] ^ 1);
    EXPECT_THAT(Consume(sent[0], 10).outcomes, IsEmpty());
    const Consumed failed = Consume(sent[1], 11);
    EXPECT_EQ(failed.permits, 1);
    ASSERT_THAT(failed.outcomes, SizeIs(1));
    ExpectFailure(failed.outcomes[0], expected, Reason::kAuthenticationFailed, "");
    EXPECT_THAT(failed.outcomes[0].cookies, ElementsAre(10, 11));
    EXPECT_FALSE(failed.outcomes[0].failed_before);
    EXPECT_EQ(failed.outcomes[0].metadata.chunk_uuid, "producer-7");
    for (size_t i = 2; i < sent.size(); ++i) {
      const Consumed late = Consume(sent[i], 10 + i);
      EXPECT_EQ(late.permits, 1);
      ASSERT_THAT(late.outcomes, SizeIs(1));
      ExpectFailure(late.outcomes[0], expected, Reason::kAuthenticationFailed, "");
      EXPECT_THAT(late.outcomes[0].cookies, ElementsAre(10 + i));
      EXPECT_TRUE(late.outcomes[0].failed_before);
    }
    EXPECT_THAT(consumer().Flush(), IsEmpty());
  }
}

TEST_F(EntryConsumerTest, HandsEachChunkOutThatItCantDecrypt) {
  UseChunks();
  decryptor_options_.failure_action = ConsumerCryptoFailureAction::kConsume;
  const std::vector<SentEntry> sent = Send(Noise(5000));
  wrapper_->SetStatus("orders", absl::NotFoundError("gone"));
  for (const SentEntry& entry : sent) {
    const Outcome outcome = One(entry, 1, 0);
    EXPECT_EQ(outcome.decision.action, Action::kDeliverEncrypted);
    EXPECT_EQ(outcome.decision.payload, entry.payload);
    EXPECT_EQ(ParseEncryptionContext(entry.metadata)->chunk_id, entry.parsed().chunk_id);
  }
  EXPECT_THAT(consumer().Flush(), IsEmpty());
}

TEST_F(EntryConsumerTest, AsksAgainForChunksWhoseKeyIsAway) {
  UseChunks();
  const std::vector<SentEntry> sent = Send(Noise(3000));
  ASSERT_THAT(sent, SizeIs(2));
  wrapper_->SetStatus("orders", absl::UnavailableError("down"));
  const Consumed away = Consume(sent[0], 1);
  ExpectFailure(away.outcomes.at(0), Action::kFail, Reason::kKeyServiceUnavailable, "");
  EXPECT_TRUE(away.outcomes[0].decision.worth_asking_again);
  EXPECT_TRUE(Consume(sent[1], 2).outcomes.at(0).failed_before);
  wrapper_->SetStatus("orders", absl::OkStatus());
  EXPECT_THAT(Consume(sent[0], 1).outcomes, IsEmpty());
  EXPECT_EQ(Consume(sent[1], 2).outcomes.at(0).decision.action, Action::kDeliver);
}

TEST_F(EntryConsumerTest, RefusesABatchInChunks) {
  metadata_.chunk_uuid = "u";
  metadata_.num_chunks = 2;
  metadata_.total_chunk_size = 10;
  metadata_.num_messages_in_batch = 2;
  const Consumed consumed = Consume(Sealed(metadata_, "01234"), 1);
  ExpectFailure(consumed.outcomes.at(0), Action::kFail, Reason::kMalformed, "a batch doesn't travel in chunks");
  EXPECT_EQ(consumed.permits, 2);  // as many as a broker takes
}

// A chunk of somebody else's, sent ahead of an honest message's with its uuid: in clear, and encrypted under a data key of
// his own, for which he needs the public key only. The honest message is delivered as it is.
TEST_F(EntryConsumerTest, NeverPutsChunksUnderDifferentKeysTogether) {
  UseChunks();
  const std::string message = Noise(3000);
  const std::vector<SentEntry> sent = Send(message);
  ASSERT_THAT(sent, SizeIs(2));
  MessageMetadata forged = sent[0].parsed();
  forged.encryption_fields.clear();
  const std::string text(sent[0].payload.size() - 16, 'f');
  ASSERT_TRUE(encryptor().Rotate().ok());
  for (int i = 0; i < 3; ++i) encryptor().Maintain();
  for (const SentEntry& entry : {SentEntry{forged.Serialize(), text, false}, Sealed(forged, text)}) {
    EXPECT_THAT(Consume(entry, 90).outcomes, IsEmpty());
    EXPECT_THAT(Consume(sent[0], 1).outcomes, IsEmpty());
    const Consumed consumed = Consume(sent[1], 2);
    ASSERT_THAT(consumed.outcomes, SizeIs(1));
    EXPECT_THAT(Payloads(consumed.outcomes[0]), ElementsAre(message));
    EXPECT_TRUE(consumed.outcomes[0].decision.was_encrypted);
    EXPECT_THAT(consumed.outcomes[0].cookies, ElementsAre(1, 2));
    EXPECT_THAT(consumer().Flush(), SizeIs(1));
  }
}

// As by the C++ client, whose every chunk repeats the list once more.
TEST_F(EntryConsumerTest, KnowsADataKeyHoweverOftenItIsListed) {
  UseChunks();
  const std::string message = Noise(3000);
  std::vector<SentEntry> sent = Send(message);
  ASSERT_THAT(sent, SizeIs(2));
  const std::vector<WrappedKey> keys = ParseEncryptionContext(sent[1].metadata)->keys;
  sent[1].metadata = *ReplaceWrappedKeys(sent[1].metadata, {keys.at(0), keys.at(0)});
  EXPECT_THAT(Consume(sent[0], 1).outcomes, IsEmpty());
  EXPECT_THAT(Payloads(Consume(sent[1], 2).outcomes.at(0)), ElementsAre(message));
}

// As by Go's client, whose maps have another order each time.
TEST_F(EntryConsumerTest, KnowsADataKeyWhateverTheOrderOfItsMetadata) {
  UseChunks();
  const std::string message = Noise(3000);
  std::vector<SentEntry> sent = Send(message);
  ASSERT_THAT(sent, SizeIs(2));
  const WrappedKey key = ParseEncryptionContext(sent[0].metadata)->keys.at(0);
  const std::string a = Bytes(3, Bytes(1, "a") + Bytes(2, "1")), b = Bytes(3, Bytes(1, "b") + Bytes(2, "1"));
  for (size_t i = 0; i < 2; ++i) {
    MessageMetadata metadata = sent[i].parsed();
    metadata.encryption_fields = Bytes(13, Bytes(1, key.key_name) + Bytes(2, key.bytes) + (i == 0 ? a + b : b + a)) +
                                 Bytes(15, ParseEncryptionContext(sent[i].metadata)->nonce);
    sent[i].metadata = metadata.Serialize();
  }
  EXPECT_THAT(Consume(sent[0], 1).outcomes, IsEmpty());
  EXPECT_THAT(Payloads(Consume(sent[1], 2).outcomes.at(0)), ElementsAre(message));
}

// One tiny chunk in clear, whose uuid anybody can predict.
TEST_F(EntryConsumerTest, ARefusedPlaintextChunkEndsNoOtherMessage) {
  UseChunks();
  decryptor_options_.require_encryption = true;
  const std::string message = Noise(3000);
  const std::vector<SentEntry> sent = Send(message);
  MessageMetadata forged = sent.at(0).parsed();
  forged.encryption_fields.clear();
  forged.num_chunks = 1000000;
  forged.chunk_id = 999999;
  forged.total_chunk_size = 2000000;
  for (int i = 0; i < 2; ++i) {
    const Outcome refused = One({forged.Serialize(), "x", false}, 90, 1);
    ExpectFailure(refused, Action::kFail, Reason::kNotEncrypted, "");
    EXPECT_FALSE(refused.failed_before);
    EXPECT_EQ(refused.metadata.chunk_uuid, "producer-7");
  }
  EXPECT_THAT(Consume(sent.at(0), 1).outcomes, IsEmpty());
  EXPECT_THAT(Payloads(Consume(sent.at(1), 2).outcomes.at(0)), ElementsAre(message));
  EXPECT_THAT(consumer().Flush(), IsEmpty());
}

// The metadata of the chunk that comes last isn't believed alone.
TEST_F(EntryConsumerTest, ChunksOfOneMessageAgreeHowItIsCompressed) {
  UseChunks();
  const std::vector<SentEntry> sent = Send(Noise(3000));
  MessageMetadata other = sent.at(1).parsed();
  other.compression = Compression::kZstd;
  EXPECT_THAT(Consume(sent.at(0), 1).outcomes, IsEmpty());
  EXPECT_THAT(Consume({other.Serialize(), sent[1].payload, true}, 2).outcomes, IsEmpty());
  EXPECT_THAT(consumer().Flush(), SizeIs(2));
}

TEST_F(EntryConsumerTest, AccountsForAllChunksOfAMessageThatDoesntDecompress) {
  metadata_.chunk_uuid = "u";
  metadata_.num_chunks = 2;
  metadata_.total_chunk_size = 10;
  metadata_.compression = Compression::kZstd;
  metadata_.uncompressed_size = 100;
  consumer_options_.discard_malformed = true;
  EXPECT_EQ(Consume(Sealed(metadata_, "01234"), 1).permits, 1);
  metadata_.chunk_id = 1;
  const Consumed consumed = Consume(Sealed(metadata_, "56789"), 2);
  ExpectFailure(consumed.outcomes.at(0), Action::kDiscard, Reason::kMalformed, "zstd");
  EXPECT_THAT(consumed.outcomes[0].cookies, ElementsAre(1, 2));
  EXPECT_EQ(consumed.permits, 1);
}

TEST_F(EntryConsumerTest, EndsMessagesWhoseChunksDontCome) {
  UseChunks();
  const std::vector<SentEntry> sent = Send(Noise(3000));
  EXPECT_THAT(Consume(sent[0], 1).outcomes, IsEmpty());
  EXPECT_THAT(consumer().Expire(now_ = std::chrono::minutes(1)), IsEmpty());
  const std::vector<Outcome> expired = consumer().Expire(now_ = std::chrono::seconds(61));
  ASSERT_THAT(expired, SizeIs(1));
  ExpectFailure(expired[0], Action::kFail, Reason::kLimitReached, "chunks were missing");
  EXPECT_TRUE(expired[0].decision.worth_asking_again);
  EXPECT_THAT(expired[0].cookies, ElementsAre(1));
  consumer_options_.discard_malformed = true;
  consumer_.reset();
  EXPECT_THAT(Consume(sent[0], 1).outcomes, IsEmpty());
  const std::vector<Outcome> left = consumer().Flush();
  ASSERT_THAT(left, SizeIs(1));
  ExpectFailure(left[0], Action::kDiscard, Reason::kLimitReached, "chunks were missing");
  EXPECT_FALSE(left[0].decision.worth_asking_again);
}

TEST_F(EntryConsumerTest, UnpacksWhatTheCallerHasDecrypted) {
  producer_options_.compression = Compression::kSnappy;
  const std::string line(1000, 'x');
  const SentEntry entry = SendBatch({Message(line), Message("b")}).at(0);
  std::string out(entry.payload.size(), '\0');
  ResolvedKey key;
  decryptor().Resolve(entry.metadata, [&key](absl::StatusOr<ResolvedKey> resolved) { key = *std::move(resolved); });
  for (int i = 0; i < 3; ++i) decryptor().Maintain();
  const Decision decision = decryptor().TryDecrypt(key, entry.metadata, entry.payload, absl::MakeSpan(out));
  const Consumed consumed = consumer().Unpack(decision, entry.metadata, 1, now_);
  EXPECT_THAT(Payloads(consumed.outcomes.at(0)), ElementsAre(line, "b"));
}

}  // namespace
}  // namespace pulseal::framing
