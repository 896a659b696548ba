// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/topic_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/pulseal/topic_file.h"

namespace pulseal::tools {
namespace {

constexpr size_t kReadSize = 256 * 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<TopicReader>> TopicReader::Open(const std::string& path, const std::string& name) {
  // O_NONBLOCK, so that a FIFO is refused instead of waited for.
  FileDescriptor topic(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!topic.valid()) return ErrnoStatus(Shown(name));
  return Read(std::move(topic), name);
}

absl::StatusOr<std::unique_ptr<TopicReader>> TopicReader::Read(FileDescriptor topic, const std::string& name) {
  struct stat file;
  if (fstat(topic.get(), &file) != 0) return ErrnoStatus(Shown(name));
  if (!S_ISREG(file.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(Shown(name),
                                                      S_ISDIR(file.st_mode) ? " is a folder" : " is not a regular file",
                                                      "; a topic is a file that \"pulseal produce\" makes"));
  }
  std::unique_ptr<TopicReader> reader(new TopicReader(std::move(topic), name));
  if (absl::Status status = reader->CheckFileHeader(); !status.ok()) return status;
  return reader;
}

// Leaves an incomplete header where it is: the file was cut short before its first record, which Next reports.
absl::Status TopicReader::CheckFileHeader() {
  if (absl::Status status = Want(kTopicFileHeader.size()); !status.ok()) return status;
  const std::string_view header = Window().substr(0, kTopicFileHeader.size());
  if (header.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(Shown(name_), " is empty: nothing was ever produced to it"));
  }
  if (header != kTopicFileHeader.substr(0, header.size())) {
    return absl::FailedPreconditionError(absl::StrCat(
        Shown(name_), " is not a topic file: it doesn't begin with \"pulseal-topic 1\" and a line feed (offset 0)"));
  }
  if (header.size() == kTopicFileHeader.size()) Advance(header.size());
  return absl::OkStatus();
}

absl::StatusOr<TopicItem> TopicReader::Next() {
  if (ended_) return TopicItem{TopicItem::Kind::kEnd, offset_, 0, {}};
  absl::StatusOr<TopicItem> item = ItemHere();
  looked_again_ = false;
  return item;
}

absl::StatusOr<TopicItem> TopicReader::ItemHere() {
  if (offset_ < kTopicFileHeader.size()) return Incomplete();
  if (absl::Status status = Want(kRecordHeadSize); !status.ok()) return status;
  if (Window().empty()) return TopicItem{TopicItem::Kind::kEnd, offset_, 0, {}};
  const std::optional<size_t> entry_size = ReadRecordHead(offset_, Window());
  if (!entry_size) {
    const bool is_cut_short = Window().size() < kRecordHeadSize && MayBeginRecordHead(Window());
    return is_cut_short ? Incomplete() : SkipDamage();
  }
  const size_t record_size = kRecordHeadSize + *entry_size;
  if (absl::Status status = Want(record_size); !status.ok()) return status;
  // Reading on replaces what was held of a torn tail, which a writer may have cut off and written over since.
  if (ReadRecordHead(offset_, Window()) != entry_size) return ItemHere();
  if (Window().size() < record_size) return Incomplete();
  const TopicItem item = {TopicItem::Kind::kEntry, offset_, record_size, Window().substr(kRecordHeadSize, *entry_size)};
  Advance(record_size);
  return item;
}

absl::StatusOr<TopicItem> TopicReader::Incomplete() {
  if (IsBeingWritten()) return TopicItem{TopicItem::Kind::kEnd, offset_, 0, {}};
  // The writer may have finished it between the reading and the question.
  if (!std::exchange(looked_again_, true)) return ItemHere();
  ended_ = true;
  return TopicItem{TopicItem::Kind::kTornTail, offset_, Window().size(), {}};
}

absl::StatusOr<TopicItem> TopicReader::SkipDamage() {
  const uint64_t start = offset_;
  do {
    Advance(1);
    if (absl::Status status = Want(kRecordHeadSize); !status.ok()) return status;
    if (Window().size() < kRecordHeadSize) {
      Advance(Window().size());
      break;
    }
    const size_t marker = Window().find(kRecordMarker);
    Advance(marker == std::string_view::npos ? Window().size() - kRecordMarker.size() : marker);
    if (absl::Status status = Want(kRecordHeadSize); !status.ok()) return status;
  } while (!ReadRecordHead(offset_, Window()));
  return TopicItem{TopicItem::Kind::kDamage, start, offset_ - start, {}};
}

bool TopicReader::IsBeingWritten() const {
  struct flock lock = {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(file_.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// Makes the window at least `size` bytes long, or all that the file has, reading anew from its beginning.
absl::Status TopicReader::Want(size_t size) {
  if (Window().size() >= size) return absl::OkStatus();
  begin_ = end_ = 0;
  if (buffer_.size() < std::max(size, kReadSize)) buffer_.resize(std::max(size, kReadSize));
  while (end_ < size) {
    const ssize_t count =
        pread(file_.get(), buffer_.data() + end_, buffer_.size() - end_, static_cast<off_t>(offset_ + end_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(Shown(name_));
    if (count == 0) break;
    end_ += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

void TopicReader::Advance(size_t size) {
  begin_ += size;
  offset_ += size;
}

}  // namespace pulseal::tools
