// SPDX-License-Identifier: Apache-2.0
#include "pulseal/encryption_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "lib/metadata_fields.h"
#include "lib/wire.h"
#include "proto/pulsar_metadata.pb.h"
#include "pulseal/error.h"
#include "tests/support/protobuf/random_metadata.h"
#include "tests/support/wire_fields.h"

namespace pulseal {
namespace {

using ::pulseal::testing::Bytes;
using ::pulseal::testing::Varint;
using ::testing::HasSubstr;

std::string Key(std::string_view name) {
  return Bytes(13, Bytes(1, name) + Bytes(2, "wrapped for " + std::string(name)));
}

EncryptionContext FullContext() {
  EncryptionContext context;
  context.keys = {{"orders", std::string(256, '\xff'), {{"version", "1.0"}, {"", ""}}}, {"audit", "w", {}}};
  context.nonce = std::string("\0\1\2\3\4\5\6\7\10\11\12\13", 12);
  context.algorithm = "AES";
  context.producer_name = "producer";
  context.chunk_uuid = "producer-7";
  context.sequence_id = std::numeric_limits<uint64_t>::max();
  context.publish_time = 1700000000000;
  context.num_messages_in_batch = -1;
  context.num_chunks = 3;
  context.total_chunk_size = 1000;
  context.chunk_id = std::numeric_limits<int32_t>::min();
  context.compression = 4;
  context.uncompressed_size = std::numeric_limits<uint32_t>::max();
  return context;
}

void ExpectEqual(const EncryptionContext& a, const EncryptionContext& b) {
  ASSERT_EQ(a.keys.size(), b.keys.size());
  for (size_t i = 0; i < a.keys.size(); ++i) {
    EXPECT_EQ(a.keys[i].key_name, b.keys[i].key_name);
    EXPECT_EQ(a.keys[i].bytes, b.keys[i].bytes);
    EXPECT_EQ(a.keys[i].metadata, b.keys[i].metadata);
  }
  EXPECT_EQ(a.nonce, b.nonce);
  EXPECT_EQ(a.algorithm, b.algorithm);
  EXPECT_EQ(a.producer_name, b.producer_name);
  EXPECT_EQ(a.chunk_uuid, b.chunk_uuid);
  EXPECT_EQ(a.sequence_id, b.sequence_id);
  EXPECT_EQ(a.publish_time, b.publish_time);
  EXPECT_EQ(a.num_messages_in_batch, b.num_messages_in_batch);
  EXPECT_EQ(a.num_chunks, b.num_chunks);
  EXPECT_EQ(a.total_chunk_size, b.total_chunk_size);
  EXPECT_EQ(a.chunk_id, b.chunk_id);
  EXPECT_EQ(a.compression, b.compression);
  EXPECT_EQ(a.uncompressed_size, b.uncompressed_size);
}

EncryptionContext Parsed(std::string_view metadata) {
  absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(metadata);
  EXPECT_TRUE(context.ok()) << context.status();
  return context.ok() ? *std::move(context) : EncryptionContext();
}

proto::MessageMetadata ByProtobuf(const std::string& metadata) {
  proto::MessageMetadata message;
  EXPECT_TRUE(message.ParseFromString(metadata));
  return message;
}

TEST(EncryptionContext, SurvivesARoundTrip) {
  ExpectEqual(Parsed(FullContext().Serialize()), FullContext());
  ExpectEqual(Parsed(EncryptionContext().Serialize()), EncryptionContext());
  EncryptionContext first_chunk;
  first_chunk.num_chunks = 2;
  ExpectEqual(Parsed(first_chunk.Serialize()), first_chunk);
}

TEST(EncryptionContext, SerialisesToACompleteMessageMetadata) {
  const EncryptionContext context = FullContext();
  const proto::MessageMetadata message = ByProtobuf(context.Serialize());
  EXPECT_EQ(message.producer_name(), "producer");
  EXPECT_EQ(message.sequence_id(), context.sequence_id);
  EXPECT_EQ(message.publish_time(), context.publish_time);
  EXPECT_EQ(message.compression(), 4);
  EXPECT_EQ(message.uncompressed_size(), context.uncompressed_size);
  EXPECT_EQ(message.num_messages_in_batch(), -1);
  ASSERT_EQ(message.encryption_keys_size(), 2);
  EXPECT_EQ(message.encryption_keys(0).key(), "orders");
  EXPECT_EQ(message.encryption_keys(0).value(), context.keys[0].bytes);
  ASSERT_EQ(message.encryption_keys(0).metadata_size(), 2);
  EXPECT_EQ(message.encryption_keys(0).metadata(1).key(), "version");
  EXPECT_EQ(message.encryption_keys(0).metadata(1).value(), "1.0");
  EXPECT_EQ(message.encryption_algo(), "AES");
  EXPECT_EQ(message.encryption_param(), context.nonce);
  EXPECT_EQ(message.uuid(), "producer-7");
  EXPECT_EQ(message.num_chunks_from_msg(), 3);
  EXPECT_EQ(message.total_chunk_msg_size(), 1000);
  EXPECT_EQ(message.chunk_id(), context.chunk_id);
  // Nothing is written that protobuf would write otherwise.
  EXPECT_EQ(message.SerializeAsString(), context.Serialize());
}

TEST(EncryptionContext, AlwaysWritesTheUncompressedSize) {
  EXPECT_TRUE(ByProtobuf(EncryptionContext().Serialize()).has_uncompressed_size());
}

TEST(EncryptionContext, WritesNoBatchSizeWhereThereIsNone) {
  EXPECT_FALSE(ByProtobuf(EncryptionContext().Serialize()).has_num_messages_in_batch());
}

TEST(EncryptionContext, OverALimitIsNotParsedAgain) {
  EncryptionContext context;
  context.keys = {{std::string(kMaxKeyNameSize + 1, 'n'), "w", {}}};
  EXPECT_EQ(ReasonOf(ParseEncryptionContext(context.Serialize()).status()), Reason::kMalformed);
}

TEST(ParseEncryptionContext, GivesNoKeysForAPlaintext) {
  const EncryptionContext context = Parsed(Bytes(1, "producer") + Varint(2, 1) + Varint(3, 2) + Varint(9, 5));
  EXPECT_TRUE(context.keys.empty());
  EXPECT_EQ(context.uncompressed_size, 5u);
  EXPECT_EQ(context.num_messages_in_batch, std::nullopt);
}

TEST(ParseEncryptionContext, KeepsANonceOfAnySizeAndAnUnknownCompression) {
  for (size_t size : {0, 1, 11, 12, 13, 1000})
    EXPECT_EQ(Parsed(Key("a") + Bytes(15, std::string(size, 'n'))).nonce.size(), size);
  EXPECT_EQ(Parsed(Varint(8, 77)).compression, 77);
}

TEST(ParseEncryptionContext, ReadsWhatProtobufReads) {
  testing::Random random(7);
  int compared = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string metadata = testing::RandomMetadata(random);
    proto::MessageMetadata message;
    if (!message.ParsePartialFromString(metadata)) continue;
    const absl::StatusOr<EncryptionContext> context = ParseEncryptionContext(metadata);
    if (!context.ok()) continue;  // an incomplete key
    ++compared;
    ASSERT_EQ(context->producer_name, message.producer_name());
    ASSERT_EQ(context->sequence_id, message.sequence_id());
    ASSERT_EQ(context->publish_time, message.publish_time());
    ASSERT_EQ(context->compression, message.compression());
    ASSERT_EQ(context->uncompressed_size, message.uncompressed_size());
    ASSERT_EQ(context->algorithm, message.encryption_algo());
    ASSERT_EQ(context->nonce, message.encryption_param());
    ASSERT_EQ(context->chunk_uuid, message.uuid());
    ASSERT_EQ(context->num_messages_in_batch.value_or(1), message.num_messages_in_batch());
    ASSERT_EQ(context->keys.size(), static_cast<size_t>(message.encryption_keys_size()));
    ExpectEqual(Parsed(context->Serialize()), *context);
    if (HasFailure()) return;
  }
  EXPECT_GT(compared, 5000);
}

void ExpectError(const absl::Status& status, Reason reason, const char* message) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), reason);
  EXPECT_THAT(status.message(), HasSubstr(message));
}

TEST(ParseEncryptionContext, NamesFieldAndOffsetOfWhatIsMalformed) {
  ExpectError(ParseEncryptionContext(Varint(2, 1) + "\x7a\x0c").status(), Reason::kMalformed,
              "field 15 at offset 2 of 4");
  const std::string incomplete = Varint(2, 1) + Key("a") + Bytes(13, Bytes(1, "b"));
  ExpectError(ParseEncryptionContext(incomplete).status(), Reason::kMalformed,
              "the bytes of field 13 at offset 24: a wrapped key (field 13) has no key name or no bytes");
}

TEST(ReplaceWrappedKeys, LeavesEveryOtherByte) {
  const std::string before =
      Bytes(1, "producer") + Varint(2, 1) + std::string("\x18\x80\x00", 3) + Bytes(200, "unknown");
  const std::string between = std::string("\xa3\x06\xa4\x06", 4) + Varint(13, 5);
  const std::string behind = Bytes(15, "nonce-nonce-") + Bytes(201, "more");
  const WrappedKey key{"new", "wrapped for new", {}}, other{"other", "wrapped for other", {}};
  const absl::StatusOr<std::string> replaced =
      ReplaceWrappedKeys(before + Key("old") + between + Key("older") + behind, {key, other});
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ(*replaced, before + Key("new") + Key("other") + between + behind);
}

TEST(ReplaceWrappedKeys, RefusesWhatWouldNotBeReadable) {
  const WrappedKey key{"new", "w", {}};
  const std::string metadata = Varint(2, 1) + Key("old");
  ExpectError(ReplaceWrappedKeys("\x80", {key}).status(), Reason::kMalformed, "offset 0");
  ExpectError(ReplaceWrappedKeys(Varint(2, 1), {key}).status(), Reason::kNotEncrypted, "isn't encrypted");
  ExpectError(ReplaceWrappedKeys(metadata, {}).status(), Reason::kMisuse, "0 wrapped keys");
  ExpectError(ReplaceWrappedKeys(metadata, std::vector<WrappedKey>(65, key)).status(), Reason::kMisuse,
              "65 wrapped keys");
  ExpectError(ReplaceWrappedKeys(metadata, {{"new", std::string(4097, 'w'), {}}}).status(), Reason::kMisuse, "4096");
  const std::string full = Key("old") + Bytes(200, std::string(kMaxMetadataSize - 100, '\0'));
  ExpectError(ReplaceWrappedKeys(full, {{"new", std::string(200, 'w'), {}}}).status(), Reason::kMisuse, "over 5 MiB");
}

}  // namespace
}  // namespace pulseal
