// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/file_aside.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pulseal::tools {

PathAside::PathAside(std::string path, const char* ending) : beside_(std::move(path)) {
  const size_t name_at = beside_.rfind('/') + 1;
  path_ = absl::StrCat(beside_.substr(0, name_at), ".", beside_.substr(name_at), ".", getpid(), ".", ending);
}

PathAside::~PathAside() {
  if (is_made_) unlink(c_str());
}

FileDescriptor PathAside::Make(mode_t mode) {
  unlink(c_str());
  FileDescriptor file(open(c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  is_made_ = file.valid();
  return file;
}

bool PathAside::LinkHere() {
  const std::string first = path_;
  for (int next = 2; !is_made_; ++next) {
    is_made_ = link(beside_.c_str(), c_str()) == 0;
    if (!is_made_ && errno != EEXIST) return false;
    if (!is_made_) path_ = absl::StrCat(first, ".", next);
  }
  return true;
}

absl::Status Publish(const PathAside& aside, const std::string& path, bool replace) {
  // link, unlike rename, fails where the name is taken.
  const int failure = replace ? rename(aside.c_str(), path.c_str()) : link(aside.c_str(), path.c_str());
  return failure == 0 ? absl::OkStatus() : ErrnoStatus(Shown(path));
}

}  // namespace pulseal::tools
