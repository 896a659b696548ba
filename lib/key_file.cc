// SPDX-License-Identifier: Apache-2.0
#include "lib/key_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/as_absl.h"
#include "lib/status.h"
#include "pulseal/key_readers.h"

namespace pulseal {
namespace {

// O_NONBLOCK: opening a FIFO or a device doesn't wait. It changes nothing for regular files.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr int kFolderFlags = O_RDONLY | O_CLOEXEC | O_DIRECTORY;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  int Release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

template <typename Call>
auto RetryInterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

absl::Status Unusable(const std::string& path, std::string_view why) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable, absl::StrCat(path, ": ", AsAbsl(why)));
}

absl::Status Unavailable(const std::string& path, std::string_view why) {
  return MakeStatus(absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable,
                    absl::StrCat(path, ": ", AsAbsl(why)));
}

absl::Status OpenError(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: return MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyNotFound, path + ": no such file");
    case EXDEV: return Unusable(path, "a symbolic link that leads out of the folder of keys, or an absolute one");
    case ELOOP: return Unusable(path, "a symbolic link that can't be followed here; put the file itself there");
    case ENXIO:
    case ENODEV: return Unusable(path, "not a regular file");
    default: return Unavailable(path, strerror(error));
  }
}

// Reads one byte more than the file has, so that a file that grows is noticed.
absl::StatusOr<KeyFile> ReadOpened(const std::string& path, int file) {
  struct stat status = {};
  if (fstat(file, &status) != 0) return Unavailable(path, strerror(errno));
  if (!S_ISREG(status.st_mode)) return Unusable(path, "not a regular file");
  if (status.st_size == 0) return Unusable(path, "empty");
  if (static_cast<size_t>(status.st_size) > kMaxKeyFileSize) {
    return Unusable(path, absl::StrCat(status.st_size, " bytes; a key file has at most ", kMaxKeyFileSize));
  }
  const auto size = static_cast<size_t>(status.st_size);
  KeyFile key = {SecretBytes::OfSize(size + 1), (status.st_mode & (S_IRGRP | S_IROTH)) != 0};
  const absl::Span<char> buffer = key.pem.mutable_span();
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t count = RetryInterrupted([&] { return read(file, buffer.data() + filled, buffer.size() - filled); });
    if (count < 0) return Unavailable(path, strerror(errno));
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  if (filled != size) return Unavailable(path, "changed while it was being read");
  key.pem.Truncate(size);
  return key;
}

int OpenFolder(const std::string& folder) {
  return RetryInterrupted([&] { return open(folder.c_str(), kFolderFlags); });
}

struct FolderCloser {
  void operator()(DIR* folder) const { closedir(folder); }
};

int OpenUnlessLink(int folder, const std::string& name, int flags) {
  const int file = RetryInterrupted([&] { return openat(folder, name.c_str(), flags | O_NOFOLLOW); });
  if (file >= 0 || errno != ENOTDIR) return file;
  // With O_DIRECTORY the kernel calls a link ENOTDIR, which would read as "no such folder".
  struct stat status = {};
  const bool is_link = fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  errno = is_link ? ELOOP : ENOTDIR;
  return -1;
}

// The next entry; null at the end, where errno is 0, and on failure.
const struct dirent* NextEntry(DIR* folder) {
  errno = 0;
  return readdir(folder);
}

bool IsKeyFileName(const std::string& name) { return name[0] != '.' && absl::EndsWith(name, ".pem"); }

}  // namespace

int OpenWithoutLinks(int folder, const std::string& relative_path, int flags) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(relative_path, absl::MaxSplits('/', 1));
  const auto& [first, rest] = parts;
  if (rest.empty()) return OpenUnlessLink(folder, first, flags);
  const Descriptor inner(OpenWithoutLinks(folder, first, kFolderFlags));
  return inner.is_open() ? OpenWithoutLinks(inner.get(), rest, flags) : -1;
}

int OpenBeneath(int folder, const std::string& relative_path, int flags) {
  struct open_how how = {};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something on the way was renamed during the call, so that the kernel can't tell whether it stayed inside.
  constexpr int kMostTries = 10;
  int64_t file = -1;
  for (int i = 0; i < kMostTries; ++i) {
    file = RetryInterrupted([&] { return syscall(SYS_openat2, folder, relative_path.c_str(), &how, sizeof how); });
    if (file >= 0 || errno != EAGAIN) break;
  }
  // EPERM: sandboxes made before openat2 was (seccomp filters of older container engines) answer it instead of ENOSYS.
  if (file < 0 && (errno == ENOSYS || errno == EPERM)) return OpenWithoutLinks(folder, relative_path, flags);
  return static_cast<int>(file);
}

absl::StatusOr<KeyFile> ReadKeyFile(const std::string& path) {
  const Descriptor file(RetryInterrupted([&] { return open(path.c_str(), kReadFlags); }));
  if (!file.is_open()) return OpenError(path, errno);
  return ReadOpened(path, file.get());
}

absl::StatusOr<KeyFile> ReadKeyFileIn(const std::string& folder, const std::string& relative_path) {
  const Descriptor opened_folder(OpenFolder(folder));
  if (!opened_folder.is_open()) return Unavailable("the key folder " + Escaped(folder), strerror(errno));
  const std::string path = absl::StrCat(folder, "/", Escaped(relative_path));
  const Descriptor file(OpenBeneath(opened_folder.get(), relative_path, kReadFlags));
  if (!file.is_open()) return OpenError(path, errno);
  return ReadOpened(path, file.get());
}

absl::StatusOr<std::vector<std::string>> ListKeyFiles(const std::string& folder, const std::string& sub_folder,
                                                      size_t most) {
  const Descriptor opened_folder(OpenFolder(folder));
  if (!opened_folder.is_open()) return Unavailable("the key folder " + Escaped(folder), strerror(errno));
  const std::string path = absl::StrCat(folder, "/", Escaped(sub_folder));
  Descriptor inner(OpenBeneath(opened_folder.get(), sub_folder, kFolderFlags));
  if (!inner.is_open()) {
    const absl::Status error = OpenError(path, errno);
    return absl::IsNotFound(error) ? absl::StatusOr<std::vector<std::string>>(std::vector<std::string>()) : error;
  }
  const std::unique_ptr<DIR, FolderCloser> entries(fdopendir(inner.get()));
  if (entries == nullptr) return Unavailable(path, strerror(errno));
  inner.Release();  // closedir closes it

  std::vector<std::tuple<time_t, int64_t, std::string>> found;
  while (const struct dirent* entry = NextEntry(entries.get())) {
    struct stat status = {};
    const std::string name = entry->d_name;
    if (!IsKeyFileName(name)) continue;
    // Only of one that is gone nothing is to be said; why another can't be looked at is for whoever opens it to find out.
    if (fstatat(dirfd(entries.get()), name.c_str(), &status, 0) != 0 && errno == ENOENT) continue;
    found.emplace_back(status.st_mtim.tv_sec, status.st_mtim.tv_nsec, name);
  }
  if (errno != 0) return Unavailable(path, strerror(errno));
  std::sort(found.rbegin(), found.rend());
  found.resize(std::min(found.size(), most));
  std::vector<std::string> names;
  names.reserve(found.size());
  for (auto& [seconds, nanoseconds, name] : found) names.push_back(std::move(name));
  return names;
}

}  // namespace pulseal
