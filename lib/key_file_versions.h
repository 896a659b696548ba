// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_KEY_FILE_VERSIONS_H_
#define PULSEAL_LIB_KEY_FILE_VERSIONS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "lib/mutex.h"

namespace pulseal {

// Notices that files or folders changed, by asking for their status: about a microsecond for each path that is watched.
// Thread-safe.
class KeyFileVersions {
 public:
  using WallClock = std::function<std::chrono::nanoseconds()>;  // since 1970, as the kernel stamps files

  KeyFileVersions();
  explicit KeyFileVersions(WallClock clock);  // for tests

  // Watches `path` from now on; call it before reading. Symbolic links are followed, so that replacing what they lead
  // to is a change; a path where nothing is yet can be watched too. Watched already: nothing.
  void Watch(const std::string& path);
  // The same, but only where something is at `path`, so that names that others choose take no memory.
  void WatchIfThere(const std::string& path);

  // Another number than last time where a watched path may have changed. Paths that are gone are forgotten.
  uint64_t Generation();

  // True for the first call with each version of the file at `path`; watches it.
  bool IsNewVersion(const std::string& path);

 private:
  struct Version {
    bool exists = false;
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::chrono::nanoseconds modified{0}, changed{0};
    bool operator==(const Version& other) const;
  };
  struct Watched {
    Version version;
    // The file changed so recently that a second change might carry the same time stamp: the next look counts as a
    // change.
    bool may_change_unseen = false;
    std::optional<Version> told;  // by IsNewVersion
  };

  static Version VersionOf(const std::string& path);
  Watched Look(const std::string& path) const;

  const WallClock clock_;
  Mutex mutex_;
  std::map<std::string, Watched> watched_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_KEY_FILE_VERSIONS_H_
