// SPDX-License-Identifier: Apache-2.0
//
// Reads a topic file from its beginning, with bounded memory, past whatever is damaged.
#ifndef PULSEAL_TOOLS_TOPIC_READER_H_
#define PULSEAL_TOOLS_TOPIC_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/pulseal/file.h"

namespace pulseal::tools {

// What lies at one place of a topic file.
struct TopicItem {
  enum class Kind {
    kEntry,     // a record; `entry` is what it holds, unchecked: ParseEntry knows whether it is whole
    kDamage,    // bytes that belong to no record, up to the next good record or the end of the file
    kTornTail,  // an append that was cut short: the file ends inside this record
    kEnd,       // nothing more, or a record that a writer is adding at this moment
  };
  Kind kind = Kind::kEnd;
  uint64_t offset = 0;     // in the file
  uint64_t size = 0;       // bytes of the file
  std::string_view entry;  // valid until the next call
};

// Not thread-safe. A file may be read while a writer appends to it: every record that was whole when its place was
// reached is given, and the one under way is no torn tail.
class TopicReader {
 public:
  // NOT_FOUND where there is no such file, FAILED_PRECONDITION where it isn't a topic file, and whatever code the
  // system's error has. The message names the file.
  static absl::StatusOr<std::unique_ptr<TopicReader>> Open(const std::string& path) { return Open(path, path); }
  // The same with `name` for `path` in messages.
  static absl::StatusOr<std::unique_ptr<TopicReader>> Open(const std::string& path, const std::string& name);

  // Reads the open file `topic`, which is `name` in messages.
  static absl::StatusOr<std::unique_ptr<TopicReader>> Read(FileDescriptor topic, const std::string& name);

  // The next item; after kTornTail, kEnd. kEnd may be followed by more once the file has grown. An error of the system ends the reading.
  absl::StatusOr<TopicItem> Next();

  // After kTornTail: a writer may have come, and have replaced it.
  void LookAgain() { ended_ = false; }

  const FileDescriptor& file() const { return file_; }

 private:
  TopicReader(FileDescriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  absl::Status CheckFileHeader();
  absl::StatusOr<TopicItem> ItemHere();
  absl::StatusOr<TopicItem> Incomplete();
  absl::StatusOr<TopicItem> SkipDamage();
  absl::Status Want(size_t size);
  std::string_view Window() const { return std::string_view(buffer_.data() + begin_, end_ - begin_); }
  void Advance(size_t size);
  bool IsBeingWritten() const;

  FileDescriptor file_;
  std::string name_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // buffer_[begin_, end_) is the file from offset_ on
  uint64_t offset_ = 0;
  bool looked_again_ = false, ended_ = false;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_TOPIC_READER_H_
