// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "lib/as_absl.h"
#include "lib/framing/big_endian.h"
#include "lib/wire.h"
#include "proto/pulsar_metadata.pb.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/error.h"
#include "tests/support/protobuf/random_metadata.h"
#include "tests/support/wire_fields.h"

namespace pulseal::framing {
namespace {

using ::pulseal::testing::Bytes;
using ::pulseal::testing::Random;
using ::pulseal::testing::Varint;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

SingleMessage Full() {
  SingleMessage message;
  message.payload = "payload";
  message.properties = {{"trace", "1"}, {"trace", "2"}, {"", ""}};
  message.partition_key = "a2V5";
  message.partition_key_b64_encoded = true;
  message.ordering_key = std::string_view("\0\xff", 2);
  message.event_time = 1700000000000;
  message.sequence_id = 0;
  message.null_value = true;
  message.null_partition_key = true;
  message.compacted_out = true;
  message.other_fields = Varint(11, 5) + Bytes(300, "unknown");
  return message;
}

SingleMessage Plain(std::string_view payload) {
  SingleMessage message;
  message.payload = payload;
  return message;
}

std::string Batched(const std::vector<SingleMessage>& messages) {
  std::string batch;
  for (const SingleMessage& message : messages) EXPECT_TRUE(AppendToBatch(message, &batch).ok());
  return batch;
}

// One message with `metadata` as it stands.
std::string Raw(std::string_view metadata, std::string_view payload) {
  std::string size(4, '\0');
  StoreBigEndian(static_cast<uint32_t>(metadata.size()), &size[0]);
  return size + std::string(metadata) + std::string(payload);
}

void ExpectEqual(const SingleMessage& a, const SingleMessage& b) {
  EXPECT_EQ(a.payload, b.payload);
  EXPECT_EQ(a.properties, b.properties);
  EXPECT_EQ(a.partition_key, b.partition_key);
  EXPECT_EQ(a.partition_key_b64_encoded, b.partition_key_b64_encoded);
  EXPECT_EQ(a.ordering_key, b.ordering_key);
  EXPECT_EQ(a.event_time, b.event_time);
  EXPECT_EQ(a.sequence_id, b.sequence_id);
  EXPECT_EQ(a.null_value, b.null_value);
  EXPECT_EQ(a.null_partition_key, b.null_partition_key);
  EXPECT_EQ(a.compacted_out, b.compacted_out);
  EXPECT_EQ(a.other_fields, b.other_fields);
}

TEST(Batch, SurvivesARoundTrip) {
  const std::vector<SingleMessage> written = {Full(), Plain(""), Plain(std::string_view("\0line\n", 6)), Full()};
  const std::string batch = Batched(written);
  BatchReader messages(batch, 4);
  EXPECT_EQ(messages.index(), -1);
  SingleMessage message;
  for (int32_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(messages.Next(&message)) << messages.status();
    EXPECT_EQ(messages.index(), i);
    ExpectEqual(message, written[static_cast<size_t>(i)]);
  }
  EXPECT_FALSE(messages.Next(&message));
  EXPECT_TRUE(messages.status().ok()) << messages.status();
  EXPECT_EQ(messages.index(), 3);
  EXPECT_TRUE(CheckBatch(batch, 4).ok());
}

TEST(Batch, SaysTheSameOfAMessageAlone) {
  MessageMetadata metadata;
  metadata.producer_name = "producer";
  metadata.publish_time = 4;
  metadata.sequence_id = 5;
  metadata.properties = {{"of", "another"}};
  metadata.num_messages_in_batch = 3;
  metadata.highest_sequence_id = 7;
  metadata.other_fields = "theirs";
  SingleMessage message = Full();
  message.sequence_id = 6;
  DescribeAlone(message, &metadata);
  EXPECT_EQ(metadata.properties, (Properties{{"trace", "1"}, {"trace", "2"}, {"", ""}}));
  EXPECT_EQ(metadata.partition_key, "a2V5");
  EXPECT_TRUE(metadata.partition_key_b64_encoded);
  EXPECT_EQ(metadata.ordering_key, std::string("\0\xff", 2));
  EXPECT_EQ(metadata.event_time, 1700000000000u);
  EXPECT_EQ(metadata.sequence_id, 6u);
  EXPECT_TRUE(metadata.null_value);
  EXPECT_TRUE(metadata.null_partition_key);
  EXPECT_EQ(metadata.num_messages_in_batch, std::nullopt);
  EXPECT_EQ(metadata.highest_sequence_id, 0u);
  EXPECT_EQ(metadata.producer_name, "producer");
  EXPECT_EQ(metadata.publish_time, 4u);
  EXPECT_EQ(metadata.other_fields, "theirs");

  message.compacted_out = false;
  message.other_fields.clear();
  const SingleMessage alone = MessageAlone(metadata, message.payload);
  ExpectEqual(alone, message);
  EXPECT_EQ(alone.payload.data(), message.payload.data());
  EXPECT_EQ(alone.partition_key->data(), metadata.partition_key->data());
}

TEST(Batch, SaysNothingOfAMessageAloneThatItDoesntSay) {
  MessageMetadata metadata;
  DescribeAlone(Full(), &metadata);
  metadata.sequence_id = 5;
  DescribeAlone(Plain("payload"), &metadata);
  EXPECT_EQ(metadata.sequence_id, 5u);
  metadata.sequence_id = 0;
  EXPECT_EQ(metadata.Serialize(), MessageMetadata().Serialize());
  SingleMessage nothing = Plain("payload");
  nothing.sequence_id = 0;
  ExpectEqual(MessageAlone(metadata, "payload"), nothing);
}

TEST(Batch, PointsIntoTheCallersBytes) {
  const std::string batch = Batched({Full()});
  BatchReader messages(batch, 1);
  SingleMessage message;
  ASSERT_TRUE(messages.Next(&message));
  EXPECT_EQ(message.payload.data() + message.payload.size(), batch.data() + batch.size());
  EXPECT_GT(message.partition_key->data(), batch.data());
  EXPECT_LT(message.properties[0].second.data(), batch.data() + batch.size());
}

TEST(Batch, HasTheSizeThatWasSaid) {
  std::string batch = "before";
  size_t expected = batch.size();
  for (const uint64_t number : {uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{16384}, ~uint64_t{0}}) {
    SingleMessage message = Full();
    const std::string payload(static_cast<size_t>(number % 20000), 'x');
    message.payload = payload;
    message.partition_key = payload;
    message.properties.emplace_back(payload, payload);
    message.event_time = number;
    message.sequence_id = number;
    for (const SingleMessage& one : {message, Plain(payload)}) {
      expected += SizeInBatch(one);
      ASSERT_TRUE(AppendToBatch(one, &batch).ok());
      EXPECT_EQ(batch.size(), expected);
    }
  }
  EXPECT_EQ(batch.substr(0, 6), "before");
}

TEST(Batch, AllocatesNothingWhereThereIsRoom) {
  const SingleMessage message = Full();
  std::string batch;
  batch.reserve(3 * SizeInBatch(message));
  const char* memory = batch.data();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(AppendToBatch(message, &batch).ok());
  EXPECT_EQ(batch.data(), memory);
}

TEST(Batch, WritesTheWiresLayout) {
  EXPECT_EQ(absl::BytesToHexString(AsAbsl(Batched({Plain("abc")}))), "000000021803616263");
  proto::SingleMessageMetadata metadata;
  const std::string batch = Batched({Full()});
  ASSERT_TRUE(metadata.ParseFromString(batch.substr(4, LoadBigEndian(batch))));
  EXPECT_EQ(metadata.payload_size(), 7);
  EXPECT_EQ(metadata.properties(1).value(), "2");
  EXPECT_EQ(metadata.partition_key(), "a2V5");
  EXPECT_TRUE(metadata.partition_key_b64_encoded());
  EXPECT_EQ(metadata.ordering_key(), std::string("\0\xff", 2));
  EXPECT_EQ(metadata.event_time(), 1700000000000u);
  EXPECT_TRUE(metadata.has_sequence_id());
  EXPECT_EQ(metadata.sequence_id(), 0u);
  EXPECT_TRUE(metadata.null_value() && metadata.null_partition_key() && metadata.compacted_out());
  EXPECT_EQ(metadata.unknown_fields(), Full().other_fields);
  // Fields in the order of their numbers, as protobuf writes them.
  EXPECT_EQ(metadata.SerializeAsString(), batch.substr(4, LoadBigEndian(batch)));
}

TEST(Batch, ForgetsTheMessageBefore) {
  const std::string batch = Batched({Full(), Plain("second")});
  BatchReader messages(batch, 2);
  SingleMessage message = Full();
  ASSERT_TRUE(messages.Next(&message) && messages.Next(&message));
  ExpectEqual(message, Plain("second"));
}

TEST(Batch, RefusesWhatItCouldNotReadBack) {
  std::string batch = "before";
  const auto expect_misuse = [&batch](const SingleMessage& message, const char* words) {
    const absl::Status status = AppendToBatch(message, &batch);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse);
    EXPECT_THAT(status.message(), HasSubstr(words));
    EXPECT_EQ(batch, "before");
  };
  expect_misuse(Plain(std::string_view("", size_t{1} << 31)), "over 2^31 - 1 bytes");  // not read
  SingleMessage message;
  message.properties.resize(kMaxProperties + 1);
  expect_misuse(message, "more than 1,000 properties");
  const std::string long_key(kMaxMetadataSize, 'k');
  message = SingleMessage();
  message.partition_key = long_key;
  expect_misuse(message, "over 5 MiB");
  message = SingleMessage();
  message.properties.resize(kMaxProperties);
  EXPECT_TRUE(AppendToBatch(message, &batch).ok());
  EXPECT_TRUE(CheckBatch(std::string_view(batch).substr(6), 1).ok());
}

void ExpectMalformed(const std::string& batch, int32_t num_messages, const std::string& words) {
  const std::unique_ptr<char[]> copy(new char[batch.size()]);
  std::copy(batch.begin(), batch.end(), copy.get());
  const absl::Status status = CheckBatch({copy.get(), batch.size()}, num_messages);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kMalformed);
  EXPECT_THAT(status.message(), HasSubstr(words));
}

TEST(Batch, RefusesACountThatLies) {
  const std::string batch = Batched({Plain("a"), Plain("b")});
  ExpectMalformed(batch, 0, "0 messages are declared, and it has 14 bytes");
  ExpectMalformed(batch, -1, "-1 messages are declared");
  ExpectMalformed(batch, 3, "3 messages are declared");
  ExpectMalformed(batch, 2147483647,
                  "2147483647 messages are declared, and it has 14 bytes; a message takes at least 6");
  ExpectMalformed("", 1, "1 messages are declared");
  ExpectMalformed(batch, 1, "message 0 of 1 at offset 0 of 14: bytes trail behind it");
  ExpectMalformed(Batched({Plain(std::string(20, 'x')), Plain("b")}), 3, "message 2 of 3 at offset 33 of 33: the size");
}

TEST(Batch, RefusesSizesThatLie) {
  const std::string first = Batched({Plain("a")});
  ExpectMalformed(first + std::string("\xff\xff\xff\xff\x18\1x", 7), 2,
                  "message 1 of 2 at offset 7 of 14: its metadata is over 5 MiB");
  ExpectMalformed(first + std::string("\0\0\0\4\x18\1x", 7), 2, "offset 7 of 14: its metadata is cut off");
  ExpectMalformed(first + Raw(Varint(3, 2), "x"), 2, "message 1 of 2 at offset 7 of 14: its payload is cut off");
  ExpectMalformed(first + Raw(Varint(3, 2147483647), "x"), 2, "its payload is cut off");
  ExpectMalformed(first + Raw(Varint(3, 0xffffffffffffffff), "x"), 2,
                  "its payload_size (field 3) is absent or negative");
  ExpectMalformed(first + Raw(Varint(5, 1), "x"), 2, "its payload_size (field 3) is absent or negative");
  ExpectMalformed(first + Raw(Varint(3, 1), "xy"), 2, "bytes trail behind it, the last one declared");
}

TEST(Batch, RefusesMetadataThatDoesntParse) {
  ExpectMalformed(Raw("\x0a\x05", ""), 1, "its metadata is malformed: field 1 at offset 0 of 2: its length runs past");
  ExpectMalformed(Raw(Varint(3, 0) + Bytes(1, Bytes(1, "name")), ""), 1, "its property has no name or no value");
  ExpectMalformed(Raw(Varint(3, 0) + Bytes(1, "\x0a\x05"), ""), 1, "its property is malformed");
  std::string many = Varint(3, 0);
  for (size_t i = 0; i <= kMaxProperties; ++i) many += Bytes(1, Bytes(1, "n") + Bytes(2, "v"));
  ExpectMalformed(Raw(many, ""), 1, "there are more than 1,000 properties");
}

TEST(Batch, EndsAtTheFirstProblem) {
  const std::string batch = Batched({Plain("a")}) + Raw("\x0a\x05", "") + Batched({Plain("c")});
  BatchReader messages(batch, 3);
  SingleMessage message;
  EXPECT_TRUE(messages.Next(&message));
  EXPECT_FALSE(messages.Next(&message));
  EXPECT_FALSE(messages.Next(&message));
  EXPECT_EQ(ReasonOf(messages.status()), Reason::kMalformed);
}

TEST(Batch, RefusesEveryCut) {
  const std::string batch = Batched({Full(), Plain("b"), Full()});
  for (size_t size = 0; size < batch.size(); ++size) ExpectMalformed(batch.substr(0, size), 3, "batch: ");
}

// ---- beside protobuf's parser

// What differs between `message` and what protobuf makes of the same metadata; nothing where all is the same, and nothing
// is lost on rewriting.
std::string DifferenceInValues(const SingleMessage& message, const proto::SingleMessageMetadata& expected) {
  if (message.properties.size() != static_cast<size_t>(expected.properties_size())) return "number of properties";
  for (int i = 0; i < expected.properties_size(); ++i) {
    const auto& [name, value] = message.properties[static_cast<size_t>(i)];
    if (name != expected.properties(i).key() || value != expected.properties(i).value()) return "properties";
  }
  if (message.partition_key.value_or("absent") !=
      (expected.has_partition_key() ? expected.partition_key() : "absent")) {
    return "partition_key";
  }
  if (message.ordering_key.value_or("absent") != (expected.has_ordering_key() ? expected.ordering_key() : "absent")) {
    return "ordering_key";
  }
  if (message.event_time != expected.event_time()) return "event_time";
  if (message.sequence_id.has_value() != expected.has_sequence_id()) return "sequence_id's presence";
  if (message.sequence_id.value_or(0) != expected.sequence_id()) return "sequence_id";
  if (message.compacted_out != expected.compacted_out()) return "compacted_out";
  if (message.partition_key_b64_encoded != expected.partition_key_b64_encoded()) return "b64";
  if (message.null_value != expected.null_value()) return "null_value";
  if (message.null_partition_key != expected.null_partition_key()) return "null_partition_key";
  proto::SingleMessageMetadata rewritten;
  const std::string again = Batched({message});
  if (!rewritten.ParseFromString(again.substr(4, LoadBigEndian(again)))) return "rewritten: unreadable";
  return rewritten.unknown_fields() == expected.unknown_fields() ? "" : "unknown fields";
}

// A splitter of the tests' own: the layout by hand, the metadata by protobuf.
struct Split {
  std::vector<std::pair<proto::SingleMessageMetadata, std::string>> messages;  // before the first problem
  bool accepted = false;
};

Split SplitByProtobuf(std::string_view batch, int32_t num_messages) {
  Split split;
  for (int32_t i = 0; i < num_messages; ++i) {
    if (batch.size() < 4) return split;
    uint32_t size = 0;
    for (size_t j = 0; j < 4; ++j) size = size << 8 | static_cast<unsigned char>(batch[j]);
    batch.remove_prefix(4);
    proto::SingleMessageMetadata metadata;
    if (size > batch.size() || !metadata.ParsePartialFromArray(batch.data(), static_cast<int>(size))) return split;
    if (!metadata.IsInitialized()) return split;
    batch.remove_prefix(size);
    const int32_t payload_size = metadata.payload_size();
    if (payload_size < 0 || static_cast<size_t>(payload_size) > batch.size() || metadata.properties_size() > 1000) {
      return split;
    }
    split.messages.emplace_back(std::move(metadata), batch.substr(0, static_cast<size_t>(payload_size)));
    batch.remove_prefix(static_cast<size_t>(payload_size));
  }
  split.accepted = num_messages > 0 && batch.empty();
  return split;
}

std::string DifferenceFromProtobuf(const std::string& batch, int32_t num_messages) {
  const Split expected = SplitByProtobuf(batch, num_messages);
  BatchReader messages(batch, num_messages);
  SingleMessage message;
  for (size_t i = 0; messages.Next(&message); ++i) {
    if (i == expected.messages.size()) return "a message that isn't one";
    const auto& [metadata, payload] = expected.messages[i];
    if (message.payload != payload) return "payload";
    if (std::string difference = DifferenceInValues(message, metadata); !difference.empty()) return difference;
  }
  // Protobuf cuts tags over 32 bits, and we refuse them.
  if (absl::StrContains(messages.status().message(), "over 32 bits")) return "";
  if (messages.status().ok() == expected.accepted) return "";
  return "acceptance: " + std::string(messages.status().message());
}

TEST(Batch, AgreesWithProtobuf) {
  Random random(21);
  int accepted = 0;
  for (int i = 0; i < 40000; ++i) {
    std::string metadata = testing::RandomMetadata(random);
    for (uint64_t n = testing::Below(random, 4); n > 0; --n) {
      metadata += Bytes(1, Bytes(1, "n") + Bytes(2, "v")) +
                  Varint(static_cast<uint32_t>(4 + testing::Below(random, 7)), random());
    }
    metadata += Varint(3, 0);
    if (i % 2 == 0) metadata = testing::Mutated(std::move(metadata), random);
    const std::string batch = Raw(metadata, "");
    accepted += CheckBatch(batch, 1).ok();
    ASSERT_EQ(DifferenceFromProtobuf(batch, 1), "") << absl::BytesToHexString(metadata);
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_LT(accepted, 39000);
}

// A message as another client may write it: by protobuf, with any fields.
std::string ByProtobuf(Random& random) {
  proto::SingleMessageMetadata metadata;
  const std::string payload(testing::Below(random, 20), 'p');
  for (uint64_t n = testing::Below(random, 3); n > 0; --n) {
    proto::KeyValue* property = metadata.add_properties();
    property->set_key(std::string(testing::Below(random, 3), 'k'));
    property->set_value(std::string(testing::Below(random, 3), 'v'));
  }
  if (random() % 2) metadata.set_partition_key("key");
  if (random() % 2) metadata.set_ordering_key(std::string("\0\xff", 2));
  if (random() % 2) metadata.set_event_time(random());
  if (random() % 2) metadata.set_sequence_id(random() >> testing::Below(random, 64));
  if (random() % 2) metadata.set_compacted_out(random() % 2);
  if (random() % 2) metadata.set_null_value(random() % 2);
  metadata.set_payload_size(static_cast<int32_t>(payload.size()));
  std::string fields = metadata.SerializeAsString();
  if (random() % 4 == 0) fields = testing::RandomMetadata(random) + fields;
  return Raw(fields, payload);
}

TEST(Batch, IsSplitAsByAnIndependentSplitter) {
  Random random(2024);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 30000; ++i) {
    std::string batch;
    auto num_messages = static_cast<int32_t>(1 + testing::Below(random, 5));
    for (int32_t n = 0; n < num_messages; ++n) batch += ByProtobuf(random);
    if (i % 4 == 1) batch = testing::Mutated(std::move(batch), random);
    if (i % 4 == 2) batch.resize(testing::Below(random, batch.size()));
    if (i % 4 == 3) num_messages += static_cast<int32_t>(testing::Below(random, 7)) - 3;
    (CheckBatch(batch, num_messages).ok() ? accepted : refused) += 1;
    ASSERT_EQ(DifferenceFromProtobuf(batch, num_messages), "") << num_messages << " " << absl::BytesToHexString(batch);
  }
  EXPECT_GT(accepted, 6000);
  EXPECT_GT(refused, 6000);
}

}  // namespace
}  // namespace pulseal::framing
