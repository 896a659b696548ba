// SPDX-License-Identifier: Apache-2.0
//
// Files that take their names only when they are complete.
#ifndef PULSEAL_TOOLS_FILE_ASIDE_H_
#define PULSEAL_TOOLS_FILE_ASIDE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "tools/pulseal/file.h"

namespace pulseal::tools {

// The path of a file beside `path`, hidden, so that no key reader takes it for a key. What this object has put there is
// removed with it.
class PathAside {
 public:
  PathAside(std::string path, const char* ending);
  PathAside(const PathAside&) = delete;
  PathAside& operator=(const PathAside&) = delete;
  ~PathAside();

  // Leaves the file where it is.
  void Keep() { is_made_ = false; }

  // Makes the file, empty and open for writing, in the place of what a killed program with the same process id left.
  // Not valid, and errno says why, where that can't be.
  FileDescriptor Make(mode_t mode);

  // Gives the file at `path` this name too, or another one where this is taken: what a killed program with the same
  // process id moved aside may be the only one of its kind. False, and errno says why, where that can't be.
  bool LinkHere();

  const std::string& path() const { return path_; }
  const char* c_str() const { return path_.c_str(); }

 private:
  const std::string beside_;
  std::string path_;
  bool is_made_ = false;
};

// Gives the file aside the name `path`. ALREADY_EXISTS where the name is taken, be it since a moment ago, unless
// `replace`.
absl::Status Publish(const PathAside& aside, const std::string& path, bool replace);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_FILE_ASIDE_H_
