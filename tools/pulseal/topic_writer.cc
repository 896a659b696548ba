// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/topic_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "pulseal/framing/entry.h"
#include "tools/pulseal/topic_file.h"
#include "tools/pulseal/topic_reader.h"

namespace pulseal::tools {
namespace {

constexpr size_t kBufferSize = 512 * 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<TopicWriter>> TopicWriter::Open(const std::string& path, const std::string& name) {
  FileDescriptor topic(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666));
  if (!topic.valid()) return ErrnoStatus(Shown(name));
  std::unique_ptr<TopicWriter> writer(new TopicWriter(std::move(topic), name));
  if (absl::Status status = writer->Lock(); !status.ok()) return status;
  if (absl::Status status = writer->FindEnd(); !status.ok()) return status;
  if (absl::Status status = writer->Begin(); !status.ok()) return status;
  return writer;
}

// An open-file-description lock: it belongs to this opening of the file, not to the process, and goes with it.
absl::Status TopicWriter::Lock() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(file_.get(), F_OFD_SETLK, &lock) == 0) return absl::OkStatus();
  if (errno != EAGAIN && errno != EACCES) return ErrnoStatus(absl::StrCat(Shown(name_), ": can't be locked"));
  return absl::AbortedError(absl::StrCat(Shown(name_), ": another program is writing to it (\"fuser ", Shown(name_),
                                         "\" shows which); wait for it or use another file"));
}

absl::Status TopicWriter::FindEnd() {
  struct stat file;
  if (fstat(file_.get(), &file) != 0) return ErrnoStatus(Shown(name_));
  if (S_ISREG(file.st_mode) && file.st_size == 0) return absl::OkStatus();
  // The copy shares the lock, which stays until both are closed.
  absl::StatusOr<std::unique_ptr<TopicReader>> reader =
      TopicReader::Read(FileDescriptor(fcntl(file_.get(), F_DUPFD_CLOEXEC, 0)), name_);
  if (!reader.ok()) return reader.status();
  absl::StatusOr<TopicItem> item = (*reader)->Next();
  while (item.ok() && item->kind == TopicItem::Kind::kEntry && framing::ParseEntry(item->entry).ok()) {
    item = (*reader)->Next();
  }
  if (!item.ok()) return item.status();
  end_ = item->offset;
  if (item->kind == TopicItem::Kind::kEnd) return absl::OkStatus();
  if (item->kind == TopicItem::Kind::kTornTail) {
    torn_bytes_ = item->size;
    return absl::OkStatus();
  }
  const absl::StatusOr<TopicItem> next = (*reader)->Next();
  if (!next.ok()) return next.status();
  return Damaged(end_, next->kind == TopicItem::Kind::kEnd);
}

absl::Status TopicWriter::Damaged(uint64_t offset, bool is_last) const {
  const std::string name = Shown(name_);
  return absl::DataLossError(
      absl::StrCat(name, ": damaged at offset ", offset, ", so nothing was appended; \"pulseal consume ", name,
                   "\" reads what is left of it. Append to another file",
                   is_last ? absl::StrCat(", or cut the damaged end off: truncate -s ", offset, " ", name) : ""));
}

// Leaves a file that ends where the next record begins.
absl::Status TopicWriter::Begin() {
  if (torn_bytes_ > 0 && ftruncate(file_.get(), static_cast<off_t>(end_)) != 0) return ErrnoStatus(Shown(name_));
  if (end_ > 0) return absl::OkStatus();
  if (absl::Status status = WriteAtEnd(kTopicFileHeader); !status.ok()) return status;
  return SyncFolder(FolderOf(name_));
}

absl::StatusOr<absl::Span<char>> TopicWriter::Reserve(size_t size) {
  if (size > kMaxStoredEntrySize) {
    return absl::ResourceExhaustedError(
        absl::StrCat("an entry of ", size, " bytes is longer than a topic file holds (", kMaxStoredEntrySize, ")"));
  }
  const size_t record_size = kRecordHeadSize + size;
  if (buffered_ + record_size > buffer_.size()) {
    if (absl::Status status = Flush(); !status.ok()) return status;
  }
  if (record_size > buffer_.size()) buffer_.resize(std::max(record_size, kBufferSize));
  return absl::MakeSpan(buffer_.data() + buffered_ + kRecordHeadSize, size);
}

void TopicWriter::Commit(size_t size) {
  WriteRecordHead(end_ + buffered_, size, buffer_.data() + buffered_);
  buffered_ += kRecordHeadSize + size;
  ++entries_buffered_;
}

absl::Status TopicWriter::Flush() {
  const std::string_view records(buffer_.data(), buffered_);
  const uint64_t entries = entries_buffered_, messages = messages_buffered_;
  buffered_ = entries_buffered_ = messages_buffered_ = 0;
  if (absl::Status status = WriteAtEnd(records); !status.ok()) return status;
  entries_written_ += entries;
  messages_written_ += messages;
  return absl::OkStatus();
}

absl::Status TopicWriter::WriteAtEnd(std::string_view bytes) {
  uint64_t at = end_;
  while (!bytes.empty()) {
    const ssize_t written = pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const absl::Status status = ErrnoStatus(Shown(name_));
      // Should this fail too, a torn tail is left, which the next writer cuts off.
      (void)!ftruncate(file_.get(), static_cast<off_t>(end_));
      return status;
    }
    at += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  end_ = at;
  return absl::OkStatus();
}

absl::Status TopicWriter::Sync() {
  if (absl::Status status = Flush(); !status.ok()) return status;
  struct stat file;
  if (fdatasync(file_.get()) != 0 || fstat(file_.get(), &file) != 0) return ErrnoStatus(Shown(name_));
  if (file.st_nlink == 0)
    return absl::AbortedError(absl::StrCat(Shown(name_), ": was deleted while it was written to"));
  return absl::OkStatus();
}

}  // namespace pulseal::tools
