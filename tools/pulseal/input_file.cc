// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/key_readers.h"

namespace pulseal::tools {
namespace {

constexpr size_t kReadSize = 64 * 1024;

// Up to `size` bytes; fewer only at the file's end. -1 and errno.
ssize_t ReadFully(int fd, char* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t count = read(fd, to + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

absl::StatusOr<KeyFileContents> ReadKeyFile(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat about;
  if (!file.valid() || fstat(file.get(), &about) != 0) return ErrnoStatus(Shown(path));
  if (!S_ISREG(about.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(path), S_ISDIR(about.st_mode) ? ": a folder, not a key file" : ": not a regular file"));
  }
  KeyFileContents contents{SecretBytes::OfSize(kMaxKeyFileSize + 1), about.st_mode & 0777};
  const ssize_t size = ReadFully(file.get(), contents.pem.mutable_span().data(), contents.pem.size());
  if (size < 0) return ErrnoStatus(Shown(path));
  if (static_cast<size_t>(size) > kMaxKeyFileSize) {
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(path), ": more than ", kMaxKeyFileSize, " bytes, which is no key"));
  }
  contents.pem.Truncate(static_cast<size_t>(size));
  return contents;
}

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  const bool is_standard_input = path == "-";
  const std::string name = is_standard_input ? "standard input" : Shown(path);
  FileDescriptor file(is_standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                        : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat about;
  if (!file.valid() || fstat(file.get(), &about) != 0) return ErrnoStatus(name);
  if (S_ISDIR(about.st_mode)) return absl::FailedPreconditionError(absl::StrCat(name, ": a folder, not a file"));
  return InputFile(std::move(file), name);
}

absl::StatusOr<size_t> InputFile::Read(char* to, size_t size) {
  const ssize_t count = ReadFully(file_.get(), to, size);
  if (count < 0) return ErrnoStatus(name_);
  return static_cast<size_t>(count);
}

absl::StatusOr<std::string> InputFile::ReadAll(size_t most) {
  std::string bytes;
  while (bytes.size() <= most) {
    const size_t held = bytes.size(), wanted = std::min(most + 1 - held, std::max(held, kReadSize));
    bytes.resize(held + wanted);
    const absl::StatusOr<size_t> count = Read(bytes.data() + held, wanted);
    if (!count.ok()) return count.status();
    bytes.resize(held + *count);
    if (*count < wanted) return bytes;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(name_, ": more than ", most, " bytes, which is too long to be that"));
}

absl::StatusOr<uint64_t> InputFile::CountBytes() {
  char buffer[kReadSize];
  for (uint64_t bytes = 0;;) {
    const absl::StatusOr<size_t> count = Read(buffer, sizeof buffer);
    if (!count.ok()) return count.status();
    bytes += *count;
    if (*count < sizeof buffer) return bytes;
  }
}

}  // namespace pulseal::tools
