// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/file_aside.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/pulseal/file.h"

namespace pulseal::tools {

PathAside::PathAside(std::string path, const char* ending) : beside_(std::move(path)) {
  const size_t name_at = beside_.rfind('/') + 1;
  path_ = absl::StrCat(beside_.substr(0, name_at), ".", beside_.substr(name_at), ".", getpid(), ".", ending);
  Remove();  // what a killed program with the same process id left
}

absl::Status PathAside::Create() const {
  const FileDescriptor file(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  return file.valid() ? absl::OkStatus() : ErrnoStatus(Shown(beside_));
}

void PathAside::Remove() const { unlink(path_.c_str()); }

absl::Status Publish(const PathAside& aside, const std::string& path, bool replace) {
  // link, unlike rename, fails where the name is taken.
  const int failure = replace ? rename(aside.c_str(), path.c_str()) : link(aside.c_str(), path.c_str());
  return failure == 0 ? absl::OkStatus() : ErrnoStatus(Shown(path));
}

}  // namespace pulseal::tools
