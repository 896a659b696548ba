// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/topic_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <isa-l/crc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "pulseal/framing/entry.h"
#include "tools/pulseal/topic_reader.h"
#include "tools/pulseal/topic_writer.h"

namespace pulseal::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = TopicItem::Kind;

std::string BigEndian32(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

uint32_t Crc32c(std::string bytes) {
  return crc32_iscsi(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), 0xffffffff) ^
         0xffffffff;
}

// A stored entry put together by hand: the required fields of MessageMetadata and a payload.
std::string Entry(const std::string& payload) {
  const std::string metadata("\x0a\x01p\x10\x01\x18\x01", 7);
  const std::string covered = BigEndian32(static_cast<uint32_t>(metadata.size())) + metadata + payload;
  return std::string("\x0e\x01", 2) + BigEndian32(Crc32c(covered)) + covered;
}

// docs/topic-file.md by hand.
std::string Record(uint64_t offset, const std::string& entry) {
  const std::string head = "\xF5PTR" + BigEndian32(static_cast<uint32_t>(entry.size()));
  const std::string place =
      BigEndian32(static_cast<uint32_t>(offset >> 32)) + BigEndian32(static_cast<uint32_t>(offset));
  return head + BigEndian32(Crc32c(head + place)) + entry;
}

std::string TopicOf(const std::vector<std::string>& entries) {
  std::string topic = "pulseal-topic 1\n";
  for (const std::string& entry : entries) topic += Record(topic.size(), entry);
  return topic;
}

class TopicFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = ::testing::TempDir() + "topic_file_test.XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder_ + "/t.topic";
  }
  void TearDown() override { ASSERT_EQ(system(("rm -rf '" + folder_ + "'").c_str()), 0); }

  void Write(const std::string& bytes) {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    file << bytes;
    ASSERT_TRUE(file.flush());
  }

  std::string Bytes() const {
    std::ifstream file(path_, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }

  std::string folder_, path_;
};

// What a reader finds, with the entries that ParseEntry accepts; `whole` is false as soon as anything is amiss.
struct Findings {
  absl::Status status;
  std::vector<std::string> entries;
  std::vector<std::string> troubles;  // "damage 16+20", "torn 16+3", "bad entry 16"
};

Findings ReadAll(const std::string& path) {
  Findings findings;
  const auto reader = TopicReader::Open(path);
  findings.status = reader.status();
  while (findings.status.ok()) {
    const auto item = (*reader)->Next();
    findings.status = item.status();
    if (!item.ok() || item->kind == Kind::kEnd) break;
    const std::string at = std::to_string(item->offset);
    const std::string span = at + "+" + std::to_string(item->size);
    if (item->kind == Kind::kDamage) findings.troubles.push_back("damage " + span);
    if (item->kind == Kind::kTornTail) findings.troubles.push_back("torn " + span);
    if (item->kind != Kind::kEntry) continue;
    if (framing::ParseEntry(item->entry).ok()) {
      findings.entries.emplace_back(item->entry);
    } else {
      findings.troubles.push_back("bad entry " + at);
    }
  }
  return findings;
}

absl::Status Append(TopicWriter& writer, const std::string& entry) {
  const auto room = writer.Reserve(entry.size());
  if (!room.ok()) return room.status();
  entry.copy(room->data(), entry.size());
  writer.Commit(entry.size());
  return absl::OkStatus();
}

absl::Status AppendAll(const std::string& path, const std::vector<std::string>& entries) {
  const auto writer = TopicWriter::Open(path);
  if (!writer.ok()) return writer.status();
  for (const std::string& entry : entries) {
    if (absl::Status status = Append(**writer, entry); !status.ok()) return status;
  }
  return (*writer)->Sync();
}

TEST_F(TopicFileTest, TheExampleOfTheDocumentation) {
  char head[kRecordHeadSize];
  WriteRecordHead(16, 100, head);
  EXPECT_EQ(std::string_view(head, sizeof head), std::string_view("\xF5PTR\0\0\0\x64\x87\xF7\xE7\xD6", 12));
  EXPECT_EQ(ReadRecordHead(16, std::string_view(head, sizeof head)), 100);
}

TEST_F(TopicFileTest, WriterMakesTheDocumentedBytes) {
  ASSERT_TRUE(AppendAll(path_, {Entry("one"), Entry("")}).ok());
  EXPECT_EQ(Bytes(), TopicOf({Entry("one"), Entry("")}));
}

TEST_F(TopicFileTest, ReaderFindsWhatIsInTheDocumentedBytes) {
  Write(TopicOf({Entry("one"), Entry(""), Entry("three")}));
  const Findings findings = ReadAll(path_);
  EXPECT_TRUE(findings.status.ok());
  EXPECT_THAT(findings.entries, ElementsAre(Entry("one"), Entry(""), Entry("three")));
  EXPECT_THAT(findings.troubles, IsEmpty());
}

TEST_F(TopicFileTest, AppendsToWhatIsThere) {
  ASSERT_TRUE(AppendAll(path_, {Entry("one")}).ok());
  ASSERT_TRUE(AppendAll(path_, {Entry("two")}).ok());
  ASSERT_TRUE(AppendAll(path_, {}).ok());
  EXPECT_EQ(Bytes(), TopicOf({Entry("one"), Entry("two")}));
}

TEST_F(TopicFileTest, EntriesOfManySizesInOrder) {
  std::vector<std::string> entries;
  for (size_t size = 0; size < 3'000'000; size = size * 3 / 2 + 1) {
    entries.push_back(Entry(std::string(size, static_cast<char>(size))));
  }
  ASSERT_TRUE(AppendAll(path_, entries).ok());
  const Findings findings = ReadAll(path_);
  EXPECT_EQ(findings.entries, entries);
  EXPECT_THAT(findings.troubles, IsEmpty());
}

TEST_F(TopicFileTest, CommitMayUseLessThanWasReserved) {
  const auto writer = TopicWriter::Open(path_);
  ASSERT_TRUE(writer.ok());
  for (const std::string& entry : {Entry("one"), Entry("two")}) {
    const auto room = (*writer)->Reserve(entry.size() + 1000);
    ASSERT_TRUE(room.ok());
    entry.copy(room->data(), entry.size());
    (*writer)->Commit(entry.size());
  }
  ASSERT_TRUE((*writer)->Sync().ok());
  EXPECT_EQ((*writer)->entries_written(), 2);
  EXPECT_EQ(Bytes(), TopicOf({Entry("one"), Entry("two")}));
}

TEST_F(TopicFileTest, AnEntryOverTheLimitIsRefusedAndTheRestGoesOn) {
  const auto writer = TopicWriter::Open(path_);
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ((*writer)->Reserve(kMaxStoredEntrySize + 1).status().code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(Append(**writer, Entry("one")).ok());
  ASSERT_TRUE((*writer)->Sync().ok());
  EXPECT_EQ(Bytes(), TopicOf({Entry("one")}));
}

TEST_F(TopicFileTest, NothingCommittedIsNothingWritten) {
  ASSERT_TRUE(TopicWriter::Open(path_).ok());
  EXPECT_EQ(Bytes(), "pulseal-topic 1\n");
  EXPECT_THAT(ReadAll(path_).troubles, IsEmpty());
}

// Every truncation: the reader gives the whole records before it and calls the rest torn; the writer removes the rest.
TEST_F(TopicFileTest, CutAtEveryByte) {
  const std::vector<std::string> entries = {Entry("one"), Entry(""), Entry("three")};
  const std::string whole = TopicOf(entries);
  for (size_t size = 1; size < whole.size(); ++size) {
    SCOPED_TRACE(size);
    Write(whole.substr(0, size));
    std::vector<std::string> expected;
    while (TopicOf(expected).size() <= size) expected.push_back(entries[expected.size()]);
    if (!expected.empty()) expected.pop_back();
    const size_t kept = size < 16 ? 0 : TopicOf(expected).size();
    const Findings findings = ReadAll(path_);
    EXPECT_TRUE(findings.status.ok()) << findings.status;
    EXPECT_EQ(findings.entries, expected);
    if (kept == size) {
      EXPECT_THAT(findings.troubles, IsEmpty());
    } else {
      EXPECT_THAT(findings.troubles, ElementsAre("torn " + std::to_string(kept) + "+" + std::to_string(size - kept)));
    }

    {
      const auto writer = TopicWriter::Open(path_);
      ASSERT_TRUE(writer.ok()) << writer.status();
      EXPECT_EQ((*writer)->torn_bytes(), size - kept);
      ASSERT_TRUE(Append(**writer, Entry("after")).ok());
      ASSERT_TRUE((*writer)->Sync().ok());
    }
    expected.push_back(Entry("after"));
    EXPECT_EQ(Bytes(), TopicOf(expected));
  }
}

// Every single flipped bit: damage to the reader, never a torn tail, and no entry but those that were written; the
// writer refuses the file and leaves it alone.
TEST_F(TopicFileTest, EveryFlippedBit) {
  const std::vector<std::string> entries = {Entry("one"), Entry(""), Entry("three")};
  const std::string whole = TopicOf(entries);
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    SCOPED_TRACE(bit);
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Write(damaged);
    const Findings findings = ReadAll(path_);
    if (bit / 8 < 16) {
      EXPECT_EQ(findings.status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(findings.status.message()), HasSubstr("is not a topic file"));
    } else {
      EXPECT_TRUE(findings.status.ok()) << findings.status;
      ASSERT_EQ(findings.troubles.size(), 1);
      EXPECT_THAT(findings.troubles[0], ::testing::Not(HasSubstr("torn")));
      ASSERT_EQ(findings.entries.size(), 2);
      for (const std::string& entry : findings.entries) EXPECT_THAT(entries, ::testing::Contains(entry));
    }
    const absl::Status status = AppendAll(path_, {Entry("after")});
    EXPECT_EQ(status.code(), bit / 8 < 16 ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kDataLoss);
    EXPECT_EQ(Bytes(), damaged);
  }
}

TEST_F(TopicFileTest, ReaderGoesOnBehindDamageAndSaysWhereItWas) {
  const std::string first = TopicOf({Entry("one")});
  for (const size_t garbage : {1, 3, 4, 11, 12, 13, 300'000}) {
    SCOPED_TRACE(garbage);
    const std::string damaged = first + std::string(garbage, '\xF5');
    Write(damaged + Record(damaged.size(), Entry("two")));
    const Findings findings = ReadAll(path_);
    EXPECT_THAT(findings.entries, ElementsAre(Entry("one"), Entry("two")));
    EXPECT_THAT(findings.troubles,
                ElementsAre("damage " + std::to_string(first.size()) + "+" + std::to_string(garbage)));
  }
}

TEST_F(TopicFileTest, ARecordInAnotherPlaceIsNoRecord) {
  const std::string first = TopicOf({Entry("one")});
  Write(first + Record(first.size() + 1, Entry("two")));
  EXPECT_THAT(ReadAll(path_).entries, ElementsAre(Entry("one")));
  Write(first + first);
  EXPECT_THAT(ReadAll(path_).entries, ElementsAre(Entry("one")));
  EXPECT_THAT(ReadAll(path_).troubles,
              ElementsAre("damage " + std::to_string(first.size()) + "+" + std::to_string(first.size())));
}

TEST_F(TopicFileTest, ARecordInsideAMessageIsNotTakenForOne) {
  const std::string inner = TopicOf({Entry("inner")});
  Write(TopicOf({Entry(inner), Entry("two")}));
  std::string damaged = Bytes();
  damaged[20] = static_cast<char>(damaged[20] ^ 1);  // the length of the outer record
  Write(damaged);
  EXPECT_THAT(ReadAll(path_).entries, ElementsAre(Entry("two")));
}

TEST_F(TopicFileTest, ZerosAtTheEndAreDamageAndTheMessageSaysHowToRemoveThem) {
  const std::string whole = TopicOf({Entry("one")});
  for (const size_t zeros : {1, 11, 12, 4096}) {
    Write(whole + std::string(zeros, '\0'));
    EXPECT_THAT(ReadAll(path_).troubles,
                ElementsAre("damage " + std::to_string(whole.size()) + "+" + std::to_string(zeros)));
    EXPECT_THAT(std::string(AppendAll(path_, {}).message()),
                HasSubstr("truncate -s " + std::to_string(whole.size()) + " " + path_));
  }
}

TEST_F(TopicFileTest, DamageInTheMiddleIsNotOfferedForCutting) {
  std::string topic = TopicOf({Entry("one"), Entry("two")});
  topic[17] = 'x';
  Write(topic);
  const std::string message(AppendAll(path_, {}).message());
  EXPECT_THAT(message, HasSubstr("damaged at offset 16"));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("truncate")));
}

// A head that vouches for itself and is over the limit: no memory is taken for it.
TEST_F(TopicFileTest, ALengthOverTheLimitIsDamage) {
  for (const uint32_t length : {0u, 0xffffffffu, static_cast<uint32_t>(kMaxStoredEntrySize + 1)}) {
    const std::string head = "\xF5PTR" + BigEndian32(length);
    const std::string place = BigEndian32(0) + BigEndian32(16);
    Write("pulseal-topic 1\n" + head + BigEndian32(Crc32c(head + place)) + "abc");
    EXPECT_THAT(ReadAll(path_).troubles, ElementsAre("damage 16+15"));
    Write("pulseal-topic 1\n" + head);
    EXPECT_THAT(ReadAll(path_).troubles, ElementsAre("damage 16+8"));
  }
}

TEST_F(TopicFileTest, TheLongestEntryIsReadBack) {
  const std::string entry = Entry(std::string(kMaxStoredEntrySize - Entry("").size(), 'x'));
  ASSERT_EQ(entry.size(), kMaxStoredEntrySize);
  ASSERT_TRUE(AppendAll(path_, {entry, Entry("after")}).ok());
  EXPECT_EQ(ReadAll(path_).entries, (std::vector<std::string>{entry, Entry("after")}));
}

TEST_F(TopicFileTest, WhatIsNoTopicIsRefusedByName) {
  EXPECT_EQ(TopicReader::Open(path_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(TopicReader::Open(folder_).status().message(),
            folder_ + " is a folder; a topic is a file that \"pulseal produce\" makes");
  EXPECT_FALSE(TopicWriter::Open(folder_).ok());
  EXPECT_EQ(TopicReader::Open("/dev/null").status().message(),
            "/dev/null is not a regular file; a topic is a file that \"pulseal produce\" makes");
  EXPECT_FALSE(TopicWriter::Open("/dev/null").ok());
  EXPECT_FALSE(TopicWriter::Open(folder_ + "/none/t.topic").ok());
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(std::string(TopicReader::Open(path_).status().message()), HasSubstr("is not a regular file"));
  EXPECT_THAT(std::string(TopicWriter::Open(path_).status().message()), HasSubstr("is not a regular file"));
}

TEST_F(TopicFileTest, AnEmptyFileIsNoTopicToReadAndANewOneToWrite) {
  Write("");
  EXPECT_EQ(TopicReader::Open(path_).status().message(), path_ + " is empty: nothing was ever produced to it");
  ASSERT_TRUE(AppendAll(path_, {Entry("one")}).ok());
  EXPECT_EQ(Bytes(), TopicOf({Entry("one")}));
}

TEST_F(TopicFileTest, AnotherFileIsRefusedAndLeftAlone) {
  for (const std::string text : {"x", "pulseal-topic 2\n", "-----BEGIN PUBLIC KEY-----\n"}) {
    Write(text);
    EXPECT_THAT(std::string(TopicReader::Open(path_).status().message()), HasSubstr("is not a topic file"));
    EXPECT_THAT(std::string(AppendAll(path_, {Entry("one")}).message()), HasSubstr("is not a topic file"));
    EXPECT_EQ(Bytes(), text);
  }
}

TEST_F(TopicFileTest, OneWriterAtATime) {
  {
    const auto first = TopicWriter::Open(path_);
    ASSERT_TRUE(first.ok());
    const absl::Status second = TopicWriter::Open(path_).status();
    EXPECT_EQ(second.code(), absl::StatusCode::kAborted);
    EXPECT_THAT(std::string(second.message()), HasSubstr(path_ + ": another program is writing to it"));
    ASSERT_TRUE(Append(**first, Entry("one")).ok());
    ASSERT_TRUE((*first)->Sync().ok());
  }
  EXPECT_TRUE(TopicWriter::Open(path_).ok());
  EXPECT_EQ(Bytes(), TopicOf({Entry("one")}));
}

TEST_F(TopicFileTest, AReaderBesideAWriterSeesWholeRecordsAndNoTornTail) {
  const auto writer = TopicWriter::Open(path_);
  ASSERT_TRUE(writer.ok());
  const auto reader = TopicReader::Open(path_);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->Next()->kind, Kind::kEnd);
  ASSERT_TRUE(Append(**writer, Entry("one")).ok());
  ASSERT_TRUE((*writer)->Flush().ok());
  EXPECT_EQ((*reader)->Next()->entry, Entry("one"));

  // Half a record, as a reader may catch it.
  const std::string record = Record(TopicOf({Entry("one")}).size(), Entry("two"));
  const FileDescriptor half(open(path_.c_str(), O_WRONLY | O_APPEND));
  ASSERT_TRUE(WriteAll(half.get(), record.substr(0, 20)));
  EXPECT_EQ((*reader)->Next()->kind, Kind::kEnd);
  ASSERT_TRUE(WriteAll(half.get(), record.substr(20)));
  EXPECT_EQ((*reader)->Next()->entry, Entry("two"));
  EXPECT_EQ((*reader)->Next()->kind, Kind::kEnd);
}

TEST_F(TopicFileTest, AReaderThatHeldATornTailReadsWhatReplacedIt) {
  const std::string whole = TopicOf({Entry("one")});
  Write(whole + Record(whole.size(), Entry("torn")).substr(0, 14));
  const auto reader = TopicReader::Open(path_);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->Next()->entry, Entry("one"));
  ASSERT_TRUE(AppendAll(path_, {Entry("something else")}).ok());
  EXPECT_EQ((*reader)->Next()->entry, Entry("something else"));
  EXPECT_EQ((*reader)->Next()->kind, Kind::kEnd);
}

// Files of this process can't grow over `bytes` while this lives: writes beyond fail halfway, as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit full = {bytes, limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit limit_;
};

TEST_F(TopicFileTest, AFailedWriteIsUndone) {
  const auto writer = TopicWriter::Open(path_);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(Append(**writer, Entry("one")).ok());
  ASSERT_TRUE((*writer)->Flush().ok());
  ASSERT_TRUE(Append(**writer, Entry("two")).ok());
  {
    const FullDisk full_disk(TopicOf({Entry("one")}).size() + 20);
    const absl::Status status = (*writer)->Sync();
    EXPECT_EQ(status.message(), path_ + ": File too large");
    EXPECT_EQ(Bytes(), TopicOf({Entry("one")}));
  }
  EXPECT_EQ((*writer)->entries_written(), 1);
  ASSERT_TRUE(Append(**writer, Entry("three")).ok());
  ASSERT_TRUE((*writer)->Sync().ok());
  EXPECT_EQ(Bytes(), TopicOf({Entry("one"), Entry("three")}));
}

TEST_F(TopicFileTest, ADiskWithoutRoomForTheHeaderLeavesAnEmptyFile) {
  {
    const FullDisk full_disk(5);
    EXPECT_FALSE(TopicWriter::Open(path_).ok());
  }
  EXPECT_EQ(Bytes(), "");
  EXPECT_TRUE(AppendAll(path_, {Entry("one")}).ok());
}

TEST_F(TopicFileTest, AFileDeletedUnderTheWriterIsReported) {
  const auto writer = TopicWriter::Open(path_);
  ASSERT_TRUE(writer.ok());
  ASSERT_EQ(unlink(path_.c_str()), 0);
  EXPECT_THAT(std::string((*writer)->Sync().message()), HasSubstr("was deleted"));
}

}  // namespace
}  // namespace pulseal::tools
