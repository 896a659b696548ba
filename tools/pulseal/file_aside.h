// SPDX-License-Identifier: Apache-2.0
//
// Files that take their names only when they are complete.
#ifndef PULSEAL_TOOLS_FILE_ASIDE_H_
#define PULSEAL_TOOLS_FILE_ASIDE_H_

#include <string>

#include "absl/status/status.h"

namespace pulseal::tools {

// The path of a file beside `path`, hidden, so that no key reader takes it for a key; removed with this object.
class PathAside {
 public:
  PathAside(std::string path, const char* ending);
  PathAside(const PathAside&) = delete;
  PathAside& operator=(const PathAside&) = delete;
  ~PathAside() {
    if (!is_kept_) Remove();
  }

  // Leaves the file where it is.
  void Keep() { is_kept_ = true; }

  // Makes the file, empty. ALREADY_EXISTS where somebody else has put something there. Messages name the path that the
  // file lies beside.
  absl::Status Create() const;

  const std::string& path() const { return path_; }
  const char* c_str() const { return path_.c_str(); }

 private:
  void Remove() const;

  const std::string beside_;
  std::string path_;
  bool is_kept_ = false;
};

// Gives the file aside the name `path`. ALREADY_EXISTS where the name is taken, be it since a moment ago, unless
// `replace`.
absl::Status Publish(const PathAside& aside, const std::string& path, bool replace);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_FILE_ASIDE_H_
