// SPDX-License-Identifier: Apache-2.0
#include "lib/metadata_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "lib/as_absl.h"
#include "lib/wire.h"
#include "pulseal/error.h"
#include "tests/support/protobuf/metadata_oracle.h"
#include "tests/support/protobuf/random_metadata.h"
#include "tests/support/wire_fields.h"

namespace pulseal {
namespace {

using ::pulseal::testing::Bytes;
using ::pulseal::testing::DifferenceFromProtobuf;
using ::pulseal::testing::Random;
using ::pulseal::testing::Varint;
using ::testing::HasSubstr;

WrappedKey Key(std::string name) { return {std::move(name), std::string(256, 'w'), {{"version", "1.0"}}}; }

std::string Groups(uint32_t field, int depth) {
  std::string begin, end;
  wire::AppendVarint(wire::Tag(field, wire::kStartGroup), &begin);
  wire::AppendVarint(wire::Tag(field, wire::kEndGroup), &end);
  std::string out;
  for (int i = 0; i < depth; ++i) out += begin;
  for (int i = 0; i < depth; ++i) out += end;
  return out;
}

// Of a number, whose value is 1.
const std::string kTagOver32Bits = "\xf8\xff\xff\xff\x1f\x01";

std::string Typical() {
  return Bytes(1, "producer") + Varint(2, 7) + Varint(3, 1700000000000) + Varint(11, 5) +
         *SerializeFieldsWithoutNonce({Key("orders"), Key("audit")});
}

bool Accepts(std::string_view metadata) {
  EXPECT_EQ(DifferenceFromProtobuf(metadata), "") << absl::BytesToHexString(AsAbsl(metadata));
  ScannedMetadata scanned;
  return ScanMetadata(metadata, &scanned);
}

// A view into `metadata`, which must outlive it.
ScannedMetadata Scanned(const std::string& metadata) {
  ScannedMetadata scanned;
  EXPECT_TRUE(ScanMetadata(metadata, &scanned)) << ExplainMalformed(metadata);
  return scanned;
}

TEST(ScanMetadata, ReadsWhatAProducerAppends) {
  const std::string metadata = Typical();
  const ScannedMetadata scanned = Scanned(metadata);
  EXPECT_TRUE(scanned.encrypted());
  ASSERT_EQ(scanned.wrapped_keys().size(), 2u);
  EXPECT_EQ(KeyNameOf(scanned.keys[0]), "orders");
  EXPECT_EQ(KeyNameOf(scanned.keys[1]), "audit");
  EXPECT_EQ(scanned.nonce, std::string(12, '\0'));
  EXPECT_EQ(scanned.nonce.data() + 12, metadata.data() + metadata.size());
  EXPECT_EQ(scanned.num_messages_in_batch, 5);
  EXPECT_EQ(DifferenceFromProtobuf(metadata), "");
}

TEST(ScanMetadata, ForgetsWhatTheResultHeldBefore) {
  ScannedMetadata scanned;
  ASSERT_TRUE(ScanMetadata(Typical() + Varint(27, 3) + Varint(29, 2), &scanned));
  ASSERT_TRUE(ScanMetadata("", &scanned));
  EXPECT_FALSE(scanned.encrypted());
  EXPECT_EQ(scanned.nonce, "");
  EXPECT_EQ(scanned.num_messages_in_batch, std::nullopt);
  EXPECT_EQ(scanned.num_chunks, 0);
  EXPECT_EQ(scanned.chunk_id, 0);
}

TEST(ScanMetadata, GivesTheSameBytesForTheSameWrappedKey) {
  const std::string first = Typical(), second = Varint(2, 8) + Bytes(6, "partition") + Typical();
  EXPECT_EQ(Scanned(first).keys[0], Scanned(second).keys[0]);
  EXPECT_NE(Scanned(first).keys[0], Scanned(first).keys[1]);
}

TEST(ScanMetadata, TakesTheLastOfARepeatedScalar) {
  const std::string metadata = Varint(11, 1) + Bytes(15, "first") + Varint(27, 2) + Varint(29, 3) + Varint(11, 4) +
                               Bytes(15, "second") + Varint(27, 5) + Varint(29, 6);
  const ScannedMetadata scanned = Scanned(metadata);
  EXPECT_EQ(scanned.num_messages_in_batch, 4);
  EXPECT_EQ(scanned.nonce, "second");
  EXPECT_EQ(scanned.num_chunks, 5);
  EXPECT_EQ(scanned.chunk_id, 6);
  EXPECT_TRUE(Accepts(metadata));
}

TEST(ScanMetadata, CutsNumbersTo32BitsAsProtobufDoes) {
  const std::string negative = Varint(11, static_cast<uint64_t>(int64_t{-2}));
  EXPECT_EQ(Scanned(negative).num_messages_in_batch, -2);
  const std::string large = Varint(11, (uint64_t{7} << 32) | 9);
  EXPECT_EQ(Scanned(large).num_messages_in_batch, 9);
  // The tenth byte holds one bit of 64; protobuf drops the rest of it.
  const std::string tenth = "\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
  EXPECT_EQ(Scanned(tenth).num_messages_in_batch, -1);
  for (const std::string& metadata : {negative, large, tenth}) EXPECT_TRUE(Accepts(metadata));
}

TEST(ScanMetadata, TakesNumbersThatAreLongerThanNeeded) {
  EXPECT_TRUE(Accepts(std::string("\x58\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11)));       // a number in ten bytes
  EXPECT_FALSE(Accepts(std::string("\x58\x85\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12)));  // in eleven
  EXPECT_TRUE(Accepts(std::string("\xfa\x80\x80\x80\x00\x01n", 7)));                           // a tag in five bytes
  EXPECT_FALSE(Accepts(std::string("\xfa\x80\x80\x80\x80\x00\x01n", 8)));                      // in six
  EXPECT_TRUE(Accepts(std::string("\x7a\x81\x80\x80\x80\x00n", 7)));                           // a length in five bytes
  EXPECT_FALSE(Accepts(std::string("\x7a\x81\x80\x80\x80\x80\x00n", 8)));                      // in six
  EXPECT_FALSE(Accepts(std::string("\x7a\xff\xff\xff\xff\x0fn", 7)));                          // a length of 2^32 - 1
}

TEST(ScanMetadata, SkipsNumbersOfEveryLengthWhateverFollows) {
  for (size_t size = 1; size <= 11; ++size) {
    const std::string number = std::string(size - 1, '\xff') + '\x01';
    for (size_t behind = 0; behind <= 12; ++behind) {
      const std::string metadata = "\x10" + number + (behind < 2 ? "" : Bytes(15, std::string(behind - 2, '\xff')));
      ASSERT_EQ(Accepts(metadata), size <= 10) << size << " bytes and " << behind << " behind";
      const size_t nonce_size = size <= 10 && behind > 2 ? behind - 2 : 0;
      ScannedMetadata scanned;
      ScanMetadata(metadata, &scanned);
      EXPECT_EQ(scanned.nonce.size(), nonce_size);
    }
    EXPECT_FALSE(Accepts("\x10" + std::string(size, '\xff'))) << "cut off after " << size;
  }
}

TEST(ScanMetadata, TakesAKnownFieldOfAnotherTypeForAnUnknownOne) {
  const std::string metadata =
      Varint(13, 1) + Varint(15, 2) + Bytes(11, "a") + Bytes(27, "b") + Bytes(29, "c") + Groups(13, 1);
  const ScannedMetadata scanned = Scanned(metadata);
  EXPECT_FALSE(scanned.encrypted());
  EXPECT_EQ(scanned.nonce, "");
  EXPECT_EQ(scanned.num_messages_in_batch, std::nullopt);
  EXPECT_TRUE(Accepts(metadata));
}

TEST(ScanMetadata, SkipsUnknownFieldsOfEveryType) {
  const std::string metadata = Varint(100, 1) +
                               std::string(
                                   "\xa1\x06"
                                   "12345678",
                                   10) +
                               Bytes(100, "bytes") + Groups(100, 2) +
                               std::string(
                                   "\xa5\x06"
                                   "1234",
                                   6) +
                               Varint(536870911, 1) + Bytes(15, "nonce");
  EXPECT_EQ(Scanned(metadata).nonce, "nonce");
  EXPECT_TRUE(Accepts(metadata));
}

TEST(ScanMetadata, FollowsAHundredGroups) {
  EXPECT_TRUE(Accepts(Groups(100, 100)));
  EXPECT_FALSE(Accepts(Groups(100, 101)));
  EXPECT_FALSE(Accepts(Groups(100, 1000000)));
}

TEST(ScanMetadata, RefusesGroupsThatDontClose) {
  EXPECT_FALSE(Accepts("\xa3\x06"));                          // begun
  EXPECT_FALSE(Accepts("\xa4\x06"));                          // ended
  EXPECT_FALSE(Accepts("\xa3\x06\xac\x06"));                  // ended by another
  EXPECT_FALSE(Accepts("\xa3\x06\xab\x06\xa4\x06\xac\x06"));  // crossed
  EXPECT_FALSE(Accepts("\xa3\x06\x0f\xa4\x06"));              // with wire type 7 inside
  EXPECT_FALSE(Accepts(std::string("\xa3\x06\x01"
                                   "12345678\xa4\x06",
                                   13)
                           .replace(2, 1, 1, '\0')));  // field 0 inside
}

TEST(ScanMetadata, RefusesTagsThatProtobufRefuses) {
  for (int type = 0; type < 8; ++type)
    EXPECT_FALSE(Accepts(std::string(1, static_cast<char>(type)) + std::string(16, '\0')));
  for (uint32_t field : {1, 15, 16, 100}) {
    for (uint32_t type : {6, 7}) {
      std::string metadata;
      wire::AppendVarint(field << 3 | type, &metadata);
      EXPECT_FALSE(Accepts(metadata + std::string(16, '\0')));
    }
  }
}

TEST(ScanMetadata, RefusesTagsOver32BitsWhichProtobufCuts) {
  EXPECT_TRUE(Accepts(std::string("\xf8\xff\xff\xff\x0f\x01", 6)));
  EXPECT_FALSE(Accepts(std::string("\xf8\xff\xff\xff\x1f\x01", 6)));
  EXPECT_FALSE(Accepts(std::string("\xfa\x80\x80\x80\x10\x01n", 7)));  // protobuf: field 15
  EXPECT_FALSE(Accepts("\xa3\x06" + kTagOver32Bits + "\xa4\x06"));     // in a group
  EXPECT_TRUE(Accepts(Bytes(15, kTagOver32Bits) + "\x10" + kTagOver32Bits.substr(0, 5)));
}

TEST(ScanMetadata, RefusesWhatIsCutOffAnywhere) {
  const std::string metadata = Typical() + Groups(100, 3) +
                               std::string(
                                   "\xa1\x06"
                                   "12345678",
                                   10) +
                               "\xa5\x06"
                               "1234";
  ASSERT_TRUE(Accepts(metadata));
  size_t accepted = 0;
  for (size_t size = 0; size < metadata.size(); ++size) accepted += Accepts(std::string_view(metadata).substr(0, size));
  EXPECT_EQ(accepted, 10u);  // before each of the ten fields
}

TEST(ScanMetadata, TakesNoncesOfAnyLength) {
  for (size_t size = 0; size <= 1000; ++size) {
    const std::string metadata = Bytes(15, std::string(size, 'n')) + Varint(29, 1);
    EXPECT_EQ(Scanned(metadata).nonce.size(), size);
    EXPECT_EQ(Scanned(metadata).chunk_id, 1);
  }
}

TEST(ScanMetadata, TakesUpTo64Keys) {
  std::string metadata;
  for (size_t keys = 0; keys <= 64; ++keys) {
    EXPECT_EQ(Scanned(metadata).wrapped_keys().size(), keys);
    EXPECT_TRUE(Accepts(metadata));
    metadata += Bytes(13, Bytes(1, "name") + Bytes(2, "wrapped"));
  }
  EXPECT_FALSE(Accepts(metadata));
  EXPECT_THAT(ExplainMalformed(metadata).message(),
              HasSubstr("field 13 at offset 1088 of 1105: there are more than 64 wrapped keys"));
}

TEST(ScanMetadata, BoundsTheSizes) {
  EXPECT_TRUE(Accepts(Bytes(13, std::string(kMaxEncryptionKeysSize, '\0'))));
  EXPECT_FALSE(Accepts(Bytes(13, std::string(kMaxEncryptionKeysSize + 1, '\0'))));
  const std::string metadata = Bytes(100, std::string(kMaxMetadataSize - 6, '\0'));
  ASSERT_EQ(metadata.size(), kMaxMetadataSize);
  EXPECT_TRUE(Accepts(metadata));
  EXPECT_FALSE(Accepts(metadata + Varint(1, 1)));
}

TEST(ScanMetadata, ReadsWhatProtobufReads) {
  Random random(20240611);
  int accepted = 0;
  for (int i = 0; i < 30000; ++i) {
    const std::string metadata = testing::RandomMetadata(random);
    ASSERT_TRUE(Accepts(metadata));
    const std::string mutated = testing::Mutated(metadata, random);
    accepted += Accepts(mutated);
    if (HasFailure()) return;
  }
  // Both answers were put to the test.
  EXPECT_GT(accepted, 3000);
  EXPECT_LT(accepted, 27000);
}

TEST(ExplainMalformed, NamesFieldAndOffset) {
  const absl::Status status = ExplainMalformed(Varint(2, 7) + Bytes(13, "key") +
                                               std::string("\x7a\x0c"
                                                           "short",
                                                           7));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kMalformed);
  EXPECT_EQ(status.message(),
            "message metadata is malformed: field 15 at offset 7 of 14: its length runs past the end");
  EXPECT_TRUE(ExplainMalformed(Typical()).ok());
}

TEST(ExplainMalformed, SaysWhatIsWrong) {
  EXPECT_THAT(ExplainMalformed("\x80").message(), HasSubstr("a field at offset 0 of 1: its tag is cut off"));
  EXPECT_THAT(ExplainMalformed("\x10\x80").message(), HasSubstr("field 2 at offset 0 of 2: its number is cut off"));
  EXPECT_THAT(ExplainMalformed("\x0a\x80").message(), HasSubstr("its length is cut off"));
  EXPECT_THAT(ExplainMalformed("\x0d"
                               "123")
                  .message(),
              HasSubstr("it is cut off"));
  EXPECT_THAT(ExplainMalformed("\x09"
                               "1234567")
                  .message(),
              HasSubstr("it is cut off"));
  EXPECT_THAT(ExplainMalformed("\x0b").message(), HasSubstr("its group has no end"));
  EXPECT_THAT(ExplainMalformed("\x0c").message(), HasSubstr("its wire type doesn't exist, or ends a group"));
  EXPECT_THAT(ExplainMalformed(std::string(kMaxMetadataSize + 1, '\0')).message(), HasSubstr("over 5 MiB"));
  EXPECT_THAT(ExplainMalformed(Bytes(13, std::string(kMaxEncryptionKeysSize + 1, '\0'))).message(),
              HasSubstr("over 16 KiB"));
}

TEST(KeyNameOf, IsEmptyWithoutAName) {
  EXPECT_EQ(KeyNameOf(""), "");
  EXPECT_EQ(KeyNameOf(Bytes(2, "wrapped")), "");
  EXPECT_EQ(KeyNameOf(Bytes(1, "name") + "\x80"), "");
  const std::string twice = Bytes(1, "first") + Varint(1, 5) + Bytes(1, "last");
  EXPECT_EQ(KeyNameOf(twice), "last");
}

TEST(ParseWrappedKey, ReadsWhatWasSerialised) {
  const std::string metadata = Typical();
  const absl::StatusOr<WrappedKey> key = ParseWrappedKey(Scanned(metadata).keys[0]);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->key_name, "orders");
  EXPECT_EQ(key->bytes, std::string(256, 'w'));
  EXPECT_EQ(key->metadata, (KeyMetadata{{"version", "1.0"}}));
}

std::string Pair(std::string_view name, std::string_view value) { return Bytes(3, Bytes(1, name) + Bytes(2, value)); }

TEST(ParseWrappedKey, TakesTheLastOfARepeatedNameAndSkipsUnknownFields) {
  const std::string keys = Bytes(1, "a") + Bytes(2, "b") + Pair("v", "1") + Varint(9, 9) + Bytes(1, "name") +
                           Bytes(2, "bytes") + Bytes(3, Bytes(1, "v") + Varint(7, 7) + Bytes(2, "2"));
  const absl::StatusOr<WrappedKey> key = ParseWrappedKey(keys);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->key_name, "name");
  EXPECT_EQ(key->bytes, "bytes");
  EXPECT_EQ(key->metadata, (KeyMetadata{{"v", "2"}}));
}

void ExpectMalformedKey(std::string_view keys, const char* message) {
  const absl::Status status = ParseWrappedKey(keys).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kMalformed);
  EXPECT_THAT(status.message(), HasSubstr(message));
  EXPECT_EQ(DifferenceFromProtobuf(Bytes(13, keys)), "");
}

TEST(ParseWrappedKey, RefusesWhatIsIncompleteOrDoesntParse) {
  const std::string key = Bytes(1, "n") + Bytes(2, "b");
  ExpectMalformedKey("", "has no key name or no bytes");
  ExpectMalformedKey(Bytes(1, "n"), "has no key name or no bytes");
  ExpectMalformedKey(Bytes(2, "b"), "has no key name or no bytes");
  ExpectMalformedKey(key + "\x0a\x05", "field 1 at offset 6 of 8: its length runs past the end");
  ExpectMalformedKey(key + Bytes(3, "\x0a\x05"), "metadata is malformed: field 1 at offset 0 of 2");
  ExpectMalformedKey(key + Bytes(3, Bytes(1, "n")), "has no name or no value");
  ExpectMalformedKey(key + Bytes(3, Bytes(2, "v")), "has no name or no value");
  ExpectMalformedKey(key + "\x1a\x7f", "field 3 at offset 6 of 8: its length runs past the end");
}

// At each limit a key parses and serialises; one byte or pair over it does neither.
void ExpectLimit(const WrappedKey& at, const WrappedKey& over, const char* message) {
  std::string field;
  AppendWrappedKey(at, &field);
  const absl::StatusOr<WrappedKey> parsed = ParseWrappedKey(Scanned(field).keys[0]);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(SerializeWrappedKeys({at}).ok());
  field.clear();
  AppendWrappedKey(over, &field);
  ExpectMalformedKey(Scanned(field).keys[0], message);
  const absl::Status status = SerializeWrappedKeys({over}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kMisuse);
}

TEST(ParseWrappedKey, BoundsNameBytesAndMetadata) {
  ExpectLimit({std::string(1024, 'n'), "b", {}}, {std::string(1025, 'n'), "b", {}}, "a key name is over 1024 bytes");
  ExpectLimit({"n", std::string(4096, 'b'), {}}, {"n", std::string(4097, 'b'), {}},
              "wrapped key for \"n\": its bytes are over 4096");
  ExpectLimit({"n", "b", {{"name", std::string(4092, 'v')}}}, {"n", "b", {{"name", std::string(4093, 'v')}}},
              "its metadata is over 4096 bytes");
  WrappedKey pairs{"n", "b", {}};
  for (int i = 0; i < 32; ++i) pairs.metadata[std::to_string(i)] = "v";
  WrappedKey more = pairs;
  more.metadata["more"] = "v";
  ExpectLimit(pairs, more, "its metadata has more than 32 pairs");
}

TEST(ParseWrappedKey, RefusesTagsOver32BitsWhichProtobufCuts) {
  const std::string key = Bytes(1, "n") + Bytes(2, "b");
  ExpectMalformedKey(key + kTagOver32Bits, "over 32 bits");
  ExpectMalformedKey(key + Bytes(3, Bytes(1, "n") + Bytes(2, "v") + kTagOver32Bits), "over 32 bits");
  const std::string harmless = Bytes(1, kTagOver32Bits) + Bytes(2, kTagOver32Bits) + Bytes(9, kTagOver32Bits);
  EXPECT_TRUE(Accepts(Bytes(13, harmless + Bytes(3, harmless) + "\xa3\x06" + Bytes(3, kTagOver32Bits) + "\xa4\x06")));
}

TEST(ParseWrappedKey, CountsGroupsWithWhatIsAroundThem) {
  const std::string key = Bytes(1, "n") + Bytes(2, "b");
  EXPECT_TRUE(ParseWrappedKey(key + Groups(9, 99)).ok());
  ExpectMalformedKey(key + Groups(9, 100), "nested too deep");
  EXPECT_TRUE(ParseWrappedKey(key + Bytes(3, Bytes(1, "") + Bytes(2, "") + Groups(9, 98))).ok());
  ExpectMalformedKey(key + Bytes(3, Bytes(1, "") + Bytes(2, "") + Groups(9, 99)), "nested too deep");
}

TEST(SerializeWrappedKey, GivesTheBytesOfTheWrappedKeyForm) {
  const std::pair<std::string_view, std::string_view> pairs[] = {{"version", "1.0"}};
  std::string keys = "old";
  ASSERT_TRUE(SerializeWrappedKey({"orders", std::string(256, 'w'), pairs}, &keys).ok());
  const std::string metadata = Typical();
  EXPECT_EQ(keys, Scanned(metadata).keys[0]);
  const absl::Status status = SerializeWrappedKey({std::string(1025, 'n'), "b", {}}, &keys);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kMisuse);
}

TEST(SerializeFieldsWithoutNonce, RefusesNoKeysAndTooMany) {
  EXPECT_EQ(ReasonOf(SerializeFieldsWithoutNonce({}).status()), Reason::kMisuse);
  std::vector<WrappedKey> keys(64, Key("name"));
  EXPECT_TRUE(SerializeFieldsWithoutNonce(keys).ok());
  keys.push_back(Key("name"));
  EXPECT_EQ(ReasonOf(SerializeFieldsWithoutNonce(keys).status()), Reason::kMisuse);
}

}  // namespace
}  // namespace pulseal
