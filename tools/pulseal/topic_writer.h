// SPDX-License-Identifier: Apache-2.0
//
// Appends stored entries to a topic file.
#ifndef PULSEAL_TOOLS_TOPIC_WRITER_H_
#define PULSEAL_TOOLS_TOPIC_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "tools/pulseal/file.h"

namespace pulseal::tools {

// Not thread-safe. Holds a lock on the file as long as it lives, which the system drops should the program die.
// What was appended and not flushed is lost when the writer is destroyed.
class TopicWriter {
 public:
  // Opens the topic, or makes it (an empty file counts as a new one). Reads all of it first and cuts a torn tail off;
  // then every byte before the end belongs to a whole record.
  //   ABORTED              another writer has it
  //   FAILED_PRECONDITION  not a topic file
  //   DATA_LOSS            damaged; the message has the offset, and the file is as it was
  //   or whatever code the system's error has
  static absl::StatusOr<std::unique_ptr<TopicWriter>> Open(const std::string& path) { return Open(path, path); }
  // The same with `name`, which lies in the same folder, for `path` in messages.
  static absl::StatusOr<std::unique_ptr<TopicWriter>> Open(const std::string& path, const std::string& name);

  // Bytes of an incomplete record that Open cut off; 0: there was none.
  uint64_t torn_bytes() const { return torn_bytes_; }

  const FileDescriptor& file() const { return file_; }

  // Appending is: reserve room for an entry, fill it, commit what was used of it.
  // RESOURCE_EXHAUSTED for more than kMaxStoredEntrySize; otherwise as Flush. The room is good until the next call.
  absl::StatusOr<absl::Span<char>> Reserve(size_t size);
  // `size`: of the entry, at least 1 and no more than was reserved.
  void Commit(size_t size);
  // The entries that were committed since the last call hold `messages` messages.
  void CountMessages(uint64_t messages) { messages_buffered_ += messages; }

  // Hands everything to the system. On failure (a full disk) the file is cut back to the entries that entries_written()
  // counts, and the others are lost.
  absl::Status Flush();
  // Flushes, and returns when the disk has it.
  absl::Status Sync();

  // Entries, and messages that were counted, that this writer has flushed.
  uint64_t entries_written() const { return entries_written_; }
  uint64_t messages_written() const { return messages_written_; }

 private:
  TopicWriter(FileDescriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  absl::Status Lock();
  absl::Status FindEnd();
  absl::Status Begin();
  absl::Status Damaged(uint64_t offset, bool is_last) const;
  absl::Status WriteAtEnd(std::string_view bytes);

  FileDescriptor file_;
  std::string name_;
  uint64_t torn_bytes_ = 0;
  uint64_t end_ = 0;  // of the records in the file; the buffer's begin there
  std::vector<char> buffer_;
  size_t buffered_ = 0;  // bytes of it in use
  uint64_t entries_written_ = 0, entries_buffered_ = 0;
  uint64_t messages_written_ = 0, messages_buffered_ = 0;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_TOPIC_WRITER_H_
