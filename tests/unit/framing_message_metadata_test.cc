// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "lib/wire.h"
#include "proto/pulsar_metadata.pb.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/error.h"
#include "pulseal/framing/message_metadata.h"
#include "tests/support/protobuf/random_metadata.h"
#include "tests/support/wire_fields.h"

namespace pulseal::framing {
namespace {

using ::pulseal::testing::Bytes;
using ::pulseal::testing::Varint;
using ::testing::HasSubstr;

const std::string& Required() {
  static const std::string required = Bytes(1, "producer") + Varint(2, 1) + Varint(3, 2);
  return required;
}

MessageMetadata Full() {
  MessageMetadata metadata;
  metadata.producer_name = "producer";
  metadata.sequence_id = 7;
  metadata.publish_time = 1700000000000;
  metadata.event_time = 1600000000000;
  metadata.properties = {{"trace", "1"}, {"trace", "2"}, {"", ""}};
  metadata.partition_key = "a2V5";
  metadata.partition_key_b64_encoded = true;
  metadata.ordering_key = std::string("\0\xff", 2);
  metadata.null_value = true;
  metadata.null_partition_key = true;
  metadata.compression = Compression::kZstd;
  metadata.uncompressed_size = 4000000000;
  metadata.num_messages_in_batch = 1;
  metadata.highest_sequence_id = 9;
  metadata.chunk_uuid = "producer-7";
  metadata.num_chunks = 3;
  metadata.chunk_id = 0;
  metadata.total_chunk_size = 12345;
  metadata.encryption_fields = Bytes(13, Bytes(1, "orders") + Bytes(2, "wrapped")) + Bytes(15, "nonce-nonce-");
  metadata.other_fields = Varint(19, 5) + Bytes(300, "unknown");
  return metadata;
}

MessageMetadata Parsed(std::string_view bytes) {
  absl::StatusOr<MessageMetadata> metadata = ParseMessageMetadata(bytes);
  EXPECT_TRUE(metadata.ok()) << metadata.status();
  return metadata.ok() ? *std::move(metadata) : MessageMetadata();
}

void ExpectEqual(const MessageMetadata& a, const MessageMetadata& b) {
  EXPECT_EQ(a.producer_name, b.producer_name);
  EXPECT_EQ(a.sequence_id, b.sequence_id);
  EXPECT_EQ(a.publish_time, b.publish_time);
  EXPECT_EQ(a.event_time, b.event_time);
  EXPECT_EQ(a.properties, b.properties);
  EXPECT_EQ(a.partition_key, b.partition_key);
  EXPECT_EQ(a.partition_key_b64_encoded, b.partition_key_b64_encoded);
  EXPECT_EQ(a.ordering_key, b.ordering_key);
  EXPECT_EQ(a.null_value, b.null_value);
  EXPECT_EQ(a.null_partition_key, b.null_partition_key);
  EXPECT_EQ(a.compression, b.compression);
  EXPECT_EQ(a.uncompressed_size, b.uncompressed_size);
  EXPECT_EQ(a.num_messages_in_batch, b.num_messages_in_batch);
  EXPECT_EQ(a.highest_sequence_id, b.highest_sequence_id);
  EXPECT_EQ(a.chunk_uuid, b.chunk_uuid);
  EXPECT_EQ(a.num_chunks, b.num_chunks);
  EXPECT_EQ(a.chunk_id, b.chunk_id);
  EXPECT_EQ(a.total_chunk_size, b.total_chunk_size);
  EXPECT_EQ(a.encryption_fields, b.encryption_fields);
  EXPECT_EQ(a.other_fields, b.other_fields);
}

TEST(MessageMetadata, SurvivesARoundTrip) {
  ExpectEqual(Parsed(Full().Serialize()), Full());
  ExpectEqual(Parsed(MessageMetadata().Serialize()), MessageMetadata());
}

TEST(MessageMetadata, TellsAbsentFromEmpty) {
  MessageMetadata metadata;
  metadata.partition_key = "";
  metadata.ordering_key = "";
  const MessageMetadata parsed = Parsed(metadata.Serialize());
  EXPECT_EQ(parsed.partition_key, "");
  EXPECT_EQ(parsed.ordering_key, "");
  EXPECT_EQ(parsed.num_messages_in_batch, std::nullopt);
  EXPECT_EQ(Parsed(MessageMetadata().Serialize()).partition_key, std::nullopt);
}

TEST(MessageMetadata, WritesTheWireNumbers) {
  proto::MessageMetadata message;
  ASSERT_TRUE(message.ParseFromString(Full().Serialize()));
  EXPECT_EQ(message.compression(), proto::ZSTD);
  EXPECT_EQ(message.uuid(), "producer-7");
  EXPECT_TRUE(message.has_chunk_id());  // zero, and there
  EXPECT_EQ(message.total_chunk_msg_size(), 12345);
  EXPECT_EQ(message.deliver_at_time(), 5);
  EXPECT_EQ(message.encryption_keys(0).key(), "orders");
  EXPECT_EQ(message.properties(1).value(), "2");
  ASSERT_TRUE(message.ParseFromString(MessageMetadata().Serialize()));
  EXPECT_TRUE(message.has_uncompressed_size());
  EXPECT_FALSE(message.has_chunk_id());
  EXPECT_FALSE(message.has_num_messages_in_batch());
}

TEST(MessageMetadata, EndsWithTheEncryptionFields) {
  const std::string bytes = Full().Serialize(), fields = Full().encryption_fields;
  EXPECT_EQ(bytes.substr(bytes.size() - fields.size()), fields);
  EXPECT_EQ(ParseEncryptionContext(bytes)->keys.at(0).key_name, "orders");
}

TEST(ParseMessageMetadata, KeepsACompressionThatItDoesntKnow) {
  EXPECT_EQ(static_cast<int>(Parsed(Required() + Varint(8, 77)).compression), 77);
  EXPECT_EQ(static_cast<int>(Parsed(Parsed(Required() + Varint(8, 77)).Serialize()).compression), 77);
}

TEST(ParseMessageMetadata, LosesNothing) {
  testing::Random random(11);
  int compared = 0;
  for (int i = 0; i < 20000; ++i) {
    const absl::StatusOr<MessageMetadata> parsed = ParseMessageMetadata(Required() + testing::RandomMetadata(random));
    if (!parsed.ok()) continue;
    ++compared;
    const std::string rewritten = parsed->Serialize();
    const MessageMetadata again = Parsed(rewritten);
    ExpectEqual(again, *parsed);
    // From here on it is stable, byte for byte.
    ASSERT_EQ(again.Serialize(), rewritten);
    if (HasFailure()) return;
  }
  EXPECT_GT(compared, 5000);
}

void ExpectMalformed(std::string_view metadata, const char* message) {
  const absl::Status status = ParseMessageMetadata(metadata).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kMalformed);
  EXPECT_THAT(status.message(), HasSubstr(message));
}

TEST(ParseMessageMetadata, NamesWhatIsWrong) {
  ExpectMalformed("", "no producer_name (field 1)");
  ExpectMalformed(Bytes(1, "p") + Varint(3, 2), "no sequence_id (field 2)");
  ExpectMalformed(Bytes(1, "p") + Varint(2, 2), "no publish_time (field 3)");
  ExpectMalformed(Required() + Bytes(4, Bytes(1, "name")),
                  "field 4 at offset 14 of 22: its property has no name or no value");
  ExpectMalformed(Required() + Bytes(4, "\x0a\x05"), "field 4 at offset 14 of 18: its property is malformed");
  ExpectMalformed(Required() + "\x0a\x05", "field 1 at offset 14 of 16: its length runs past the end");
  ExpectMalformed(std::string(kMaxMetadataSize + 1, '\0'), "over 5 MiB");
}

TEST(ParseMessageMetadata, TakesNoMoreThanAThousandProperties) {
  std::string metadata = Required();
  for (size_t i = 0; i < kMaxProperties; ++i) metadata += Bytes(4, Bytes(1, "n") + Bytes(2, "v"));
  EXPECT_EQ(Parsed(metadata).properties.size(), 1000u);
  ExpectMalformed(metadata + Bytes(4, Bytes(1, "n") + Bytes(2, "v")), "there are more than 1,000 properties");
}

// What protobuf accepts as complete. It also looks into fields that ParseMessageMetadata only keeps: 13, and 31 where it is
// packed.
bool ProtobufAccepts(const std::string& bytes, proto::MessageMetadata* message) {
  return message->ParsePartialFromString(bytes) && message->has_producer_name() && message->has_sequence_id() &&
         message->has_publish_time() &&
         std::all_of(message->properties().begin(), message->properties().end(),
                     [](const proto::KeyValue& property) { return property.IsInitialized(); });
}

std::string WithoutWhatIsKept(MessageMetadata metadata) {
  metadata.encryption_fields.clear();
  metadata.other_fields.clear();
  return metadata.Serialize();
}

TEST(ParseMessageMetadata, AgreesWithProtobuf) {
  testing::Random random(12);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 40000; ++i) {
    std::string bytes = Required() + testing::RandomMetadata(random);
    if (i % 2 == 0) bytes = testing::Mutated(std::move(bytes), random);
    proto::MessageMetadata expected, rewritten;
    const bool protobuf_accepts = ProtobufAccepts(bytes, &expected);
    const absl::StatusOr<MessageMetadata> parsed = ParseMessageMetadata(bytes);
    // Protobuf cuts tags over 32 bits, and we refuse them.
    if (!parsed.ok() && absl::StrContains(parsed.status().message(), "over 32 bits")) continue;
    if (protobuf_accepts) {
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      ++accepted;
      // Defaults that Serialize leaves out or always writes.
      ASSERT_TRUE(rewritten.ParsePartialFromString(parsed->Serialize()));
      EXPECT_EQ(rewritten.producer_name(), expected.producer_name());
      EXPECT_EQ(rewritten.sequence_id(), expected.sequence_id());
      EXPECT_EQ(rewritten.publish_time(), expected.publish_time());
      EXPECT_EQ(rewritten.event_time(), expected.event_time());
      EXPECT_EQ(rewritten.properties_size(), expected.properties_size());
      for (int p = 0; p < expected.properties_size(); ++p) {
        EXPECT_EQ(rewritten.properties(p).key(), expected.properties(p).key());
        EXPECT_EQ(rewritten.properties(p).value(), expected.properties(p).value());
      }
      EXPECT_EQ(rewritten.has_partition_key(), expected.has_partition_key());
      EXPECT_EQ(rewritten.partition_key(), expected.partition_key());
      EXPECT_EQ(rewritten.partition_key_b64_encoded(), expected.partition_key_b64_encoded());
      EXPECT_EQ(rewritten.has_ordering_key(), expected.has_ordering_key());
      EXPECT_EQ(rewritten.ordering_key(), expected.ordering_key());
      EXPECT_EQ(rewritten.null_value(), expected.null_value());
      EXPECT_EQ(rewritten.null_partition_key(), expected.null_partition_key());
      EXPECT_EQ(rewritten.compression(), expected.compression());
      EXPECT_EQ(rewritten.uncompressed_size(), expected.uncompressed_size());
      EXPECT_EQ(rewritten.has_num_messages_in_batch(), expected.has_num_messages_in_batch());
      EXPECT_EQ(rewritten.num_messages_in_batch(), expected.num_messages_in_batch());
      EXPECT_EQ(rewritten.highest_sequence_id(), expected.highest_sequence_id());
      EXPECT_EQ(rewritten.uuid(), expected.uuid());
      EXPECT_EQ(rewritten.num_chunks_from_msg(), expected.num_chunks_from_msg());
      EXPECT_EQ(rewritten.chunk_id(), expected.chunk_id());
      EXPECT_EQ(rewritten.total_chunk_msg_size(), expected.total_chunk_msg_size());
      EXPECT_EQ(rewritten.encryption_keys_size(), expected.encryption_keys_size());
      EXPECT_EQ(rewritten.encryption_param(), expected.encryption_param());
      EXPECT_EQ(rewritten.replicated_from(), expected.replicated_from());
      EXPECT_EQ(rewritten.entry_hash_max(), expected.entry_hash_max());
      EXPECT_EQ(rewritten.unknown_fields(), expected.unknown_fields());
    } else if (parsed.ok()) {
      EXPECT_TRUE(ProtobufAccepts(WithoutWhatIsKept(*parsed), &rewritten));
    } else {
      ++refused;
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(accepted, 5000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace pulseal::framing
