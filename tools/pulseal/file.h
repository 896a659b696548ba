// SPDX-License-Identifier: Apache-2.0
//
// Files by their descriptors.
#ifndef PULSEAL_TOOLS_FILE_H_
#define PULSEAL_TOOLS_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace pulseal::tools {

// Owns a descriptor and closes it; -1 owns nothing.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

// What errno says happened to `what`: "keys/a.pem: No such file or directory".
absl::Status ErrnoStatus(std::string_view what);

// Writes all of `bytes` at the file's position; on failure errno is set and false returned.
bool WriteAll(int fd, std::string_view bytes);

// `text` as it may be shown on a terminal: control characters escaped, those of UTF-8 (U+0080 to U+009F) too.
std::string WithoutControls(std::string_view text);
// The same of a path, in which quotes and backslashes are escaped too.
std::string Shown(std::string_view path);

// The folder part of a path: "." where it names none.
std::string FolderOf(const std::string& path);

// Makes a folder's entries durable.
absl::Status SyncFolder(const std::string& path);

// True where both descriptors are the same file.
bool SameFile(int a, int b);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_FILE_H_
