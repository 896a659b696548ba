// SPDX-License-Identifier: Apache-2.0
//
// A topic file, once as it comes and once with the header and every record's head made right: what the reader gives
// covers the file from the first record to the last byte without a gap, and cutting off what a writer would cut off
// leaves a file without a torn tail.
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "tests/fuzz/fuzz.h"
#include "tools/pulseal/topic_file.h"
#include "tools/pulseal/topic_reader.h"

namespace pulseal::tools {
namespace {

using Kind = TopicItem::Kind;

// Where something begins with a marker, a head that is good for a record reaching to the next marker or the end.
std::string WithRightHeads(std::string topic) {
  topic.replace(0, kTopicFileHeader.size(), kTopicFileHeader);
  size_t at = topic.find(kRecordMarker);
  while (at != std::string::npos && at + kRecordHeadSize < topic.size()) {
    const size_t next = std::min(topic.find(kRecordMarker, at + kRecordHeadSize), topic.size());
    if (next > at + kRecordHeadSize) WriteRecordHead(at, next - at - kRecordHeadSize, topic.data() + at);
    at = topic.find(kRecordMarker, next);
  }
  return topic;
}

FileDescriptor FileOf(std::string_view bytes) {
  FileDescriptor file(memfd_create("topic", MFD_CLOEXEC));
  FUZZ_CHECK(file.valid() && WriteAll(file.get(), bytes));
  return file;
}

void CheckItem(const TopicItem& item, std::string_view topic) {
  const std::string_view bytes = topic.substr(item.offset, item.size);
  FUZZ_CHECK(bytes.size() == item.size && item.size > 0);
  if (item.kind == Kind::kEntry) FUZZ_CHECK(item.entry == bytes.substr(kRecordHeadSize));
  if (item.kind == Kind::kDamage) FUZZ_CHECK(!ReadRecordHead(item.offset, bytes));
  if (item.kind == Kind::kTornTail) FUZZ_CHECK(item.offset + item.size == topic.size());
}

// The last item before the end, for a file that is a topic.
TopicItem CheckTopic(std::string_view topic) {
  const auto reader = TopicReader::Read(FileOf(topic), "topic");
  TopicItem last;
  if (!reader.ok()) return last;
  uint64_t covered = topic.size() < kTopicFileHeader.size() ? 0 : kTopicFileHeader.size();
  while (true) {
    const absl::StatusOr<TopicItem> item = (*reader)->Next();
    FUZZ_CHECK(item.ok());
    if (item->kind == Kind::kEnd) break;
    FUZZ_CHECK(item->offset == covered);
    CheckItem(*item, topic);
    covered += item->size;
    last = *item;
  }
  FUZZ_CHECK(covered == topic.size());
  return last;
}

void CheckTopicAndItsRepair(std::string_view topic) {
  const TopicItem last = CheckTopic(topic);
  if (last.kind != Kind::kTornTail) return;
  FUZZ_CHECK(CheckTopic(topic.substr(0, last.offset)).kind != Kind::kTornTail);
}

}  // namespace
}  // namespace pulseal::tools

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view topic(reinterpret_cast<const char*>(data), size);
  pulseal::tools::CheckTopicAndItsRepair(topic);
  pulseal::tools::CheckTopicAndItsRepair(pulseal::tools::WithRightHeads(std::string(topic)));
  return 0;
}
