// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/framing/crc32c.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/error.h"
#include "pulseal/framing/entry.h"

namespace pulseal::framing {
namespace {

using ::testing::HasSubstr;

TEST(Crc32c, GivesTheAnswersOfRfc3720) {
  std::string up, down;
  for (int i = 0; i < 32; ++i) {
    up += static_cast<char>(i);
    down += static_cast<char>(31 - i);
  }
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(up), 0x46dd794eu);
  EXPECT_EQ(Crc32c(down), 0x113fdb5cu);
  const std::string read_command(
      "\x01\xc0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x14\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x14"
      "\x00\x00\x00\x18\x28\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00",
      48);
  EXPECT_EQ(Crc32c(read_command), 0xd9963a56u);
}

TEST(Crc32c, ContinuesWhereItStopped) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

std::string Entry(std::string_view metadata, std::string_view fields, std::string_view payload) {
  std::string entry;
  EXPECT_TRUE(AppendEntry(metadata, fields, payload, &entry).ok());
  return entry;
}

TEST(BuildEntry, LaysOutTheDocumentedBytes) {
  // The checksum is that of 00 00 00 03 "abc" "payload".
  const uint32_t checksum = Crc32c(std::string("\0\0\0\3abcpayload", 14));
  std::string expected("\x0e\x01", 2);
  for (int shift = 24; shift >= 0; shift -= 8) expected += static_cast<char>(checksum >> shift);
  expected += std::string("\0\0\0\3abcpayload", 14);
  EXPECT_EQ(Entry("abc", "", "payload"), expected);
  EXPECT_EQ(Entry("ab", "c", "payload"), expected);
  EXPECT_EQ(EntrySize(3, 7), expected.size());
}

TEST(BuildEntry, GivesWhatParseEntryTakes) {
  for (const std::string& metadata : {std::string(), std::string("metadata"), std::string(kMaxMetadataSize - 1, 'm')}) {
    for (const std::string& payload : {std::string(), std::string("payload"), std::string(100000, 'p')}) {
      const std::string entry = Entry(metadata, "f", payload);
      const absl::StatusOr<EntryView> view = ParseEntry(entry);
      ASSERT_TRUE(view.ok()) << view.status();
      EXPECT_EQ(view->metadata, metadata + "f");
      EXPECT_EQ(view->payload, payload);
    }
  }
}

TEST(BuildEntry, LeavesAPayloadThatIsInItsPlace) {
  std::string buffer(EntrySize(9, 7) + 5, 'x');
  const size_t place = EntrySize(9, 0);
  buffer.replace(place, 7, "payload");
  const absl::StatusOr<std::string_view> entry =
      BuildEntry("metadata", "f", std::string_view(buffer).substr(place, 7), absl::MakeSpan(buffer));
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->data(), buffer.data());
  EXPECT_EQ(*entry, Entry("metadata", "f", "payload"));
  EXPECT_EQ(buffer.substr(entry->size()), "xxxxx");
}

TEST(BuildEntry, RefusesABufferThatIsTooSmall) {
  std::string buffer(EntrySize(9, 7) - 1, 'x');
  const absl::Status status = BuildEntry("metadata", "f", "payload", absl::MakeSpan(buffer)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonOf(status), Reason::kMisuse);
  EXPECT_EQ(status.message(), "entry: it takes 26 bytes, and `out` has 25");
  EXPECT_EQ(buffer, std::string(25, 'x'));
}

TEST(BuildEntry, RefusesMetadataOverTheLimit) {
  const std::string metadata(kMaxMetadataSize, 'm');
  std::string out = "kept";
  for (const absl::Status& status :
       {AppendEntry(metadata, "f", "", &out), BuildEntry(metadata, "f", "", absl::MakeSpan(out)).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse);
    EXPECT_EQ(status.message(), "entry: its metadata is 5242881 bytes; at most 5242880 fit");
  }
  EXPECT_EQ(out, "kept");
}

TEST(AppendEntry, KeepsWhatStandsBefore) {
  std::string out = "before";
  ASSERT_TRUE(AppendEntry("metadata", "", "payload", &out).ok());
  EXPECT_EQ(out, "before" + Entry("metadata", "", "payload"));
}

void ExpectMalformed(std::string_view entry, absl::StatusCode code, const char* message) {
  const absl::Status status = ParseEntry(entry).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_EQ(ReasonOf(status), Reason::kMalformed);
  EXPECT_THAT(status.message(), HasSubstr(message));
}

TEST(ParseEntry, PointsIntoTheEntry) {
  const std::string entry = Entry("metadata", "", "payload");
  const absl::StatusOr<EntryView> view = ParseEntry(entry);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->metadata.data(), entry.data() + 10);
  EXPECT_EQ(view->payload.data(), entry.data() + 18);
}

TEST(ParseEntry, RefusesAnEntryThatIsCutOff) {
  const std::string entry = Entry("metadata", "", "payload");
  for (size_t size = 0; size < 10; ++size) {
    ExpectMalformed(entry.substr(0, size), absl::StatusCode::kInvalidArgument, "it is cut off in its header");
  }
  for (size_t size = 10; size < 18; ++size) {
    ExpectMalformed(entry.substr(0, size), absl::StatusCode::kInvalidArgument, "its metadata at offset 10 is cut off");
  }
  for (size_t size = 18; size < entry.size(); ++size) {
    ExpectMalformed(entry.substr(0, size), absl::StatusCode::kUnauthenticated, "its payload is cut off");
  }
}

TEST(ParseEntry, RefusesADifferentMagicNumber) {
  std::string entry = Entry("metadata", "", "payload");
  entry[1] = '\x02';
  ExpectMalformed(entry, absl::StatusCode::kInvalidArgument,
                  "its magic number at offset 0 is \"\\x0e\\x02\", not 0e 01");
  ExpectMalformed("x", absl::StatusCode::kInvalidArgument, "\"x\", not 0e 01");
}

TEST(ParseEntry, RefusesAMetadataSizeOverTheLimit) {
  std::string entry = Entry("metadata", "", "payload");
  entry.replace(6, 4, std::string("\x00\x50\x00\x01", 4));
  ExpectMalformed(entry, absl::StatusCode::kInvalidArgument, "its metadata size at offset 6 is 5242881, over 5242880");
  entry.replace(6, 4, "\xff\xff\xff\xff");
  ExpectMalformed(entry, absl::StatusCode::kInvalidArgument, "4294967295");
}

TEST(ParseEntry, NoticesEveryFlippedBit) {
  const std::string entry = Entry("metadata", "", "payload");
  for (size_t bit = 0; bit < entry.size() * 8; ++bit) {
    std::string flipped = entry;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(ReasonOf(ParseEntry(flipped).status()), Reason::kMalformed) << bit;
  }
}

}  // namespace
}  // namespace pulseal::framing
