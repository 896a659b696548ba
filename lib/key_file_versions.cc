// SPDX-License-Identifier: Apache-2.0
#include "lib/key_file_versions.h"

#include <sys/stat.h>
#include <time.h>

#include <utility>

namespace pulseal {
namespace {

using std::chrono::nanoseconds;

// The kernel stamps files with the time of its last tick, 1 to 10 ms ago; network file systems with a clock of their
// own.
constexpr nanoseconds kStampPrecision = std::chrono::milliseconds(100);

nanoseconds ToNanoseconds(const struct timespec& time) {
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

nanoseconds Now() {
  struct timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return ToNanoseconds(now);
}

}  // namespace

bool KeyFileVersions::Version::operator==(const Version& other) const {
  return exists == other.exists && device == other.device && inode == other.inode && size == other.size &&
         modified == other.modified && changed == other.changed;
}

KeyFileVersions::KeyFileVersions() : KeyFileVersions(Now) {}
KeyFileVersions::KeyFileVersions(WallClock clock) : clock_(std::move(clock)) {}

KeyFileVersions::Version KeyFileVersions::VersionOf(const std::string& path) {
  struct stat status = {};
  // A link that leads nowhere is still there; what it leads to may come later.
  if (stat(path.c_str(), &status) != 0 && lstat(path.c_str(), &status) != 0) return {};
  Version version;
  version.exists = true;
  version.device = status.st_dev;
  version.inode = status.st_ino;
  version.size = status.st_size;
  version.modified = ToNanoseconds(status.st_mtim);
  version.changed = ToNanoseconds(status.st_ctim);
  return version;
}

KeyFileVersions::Watched KeyFileVersions::Look(const std::string& path) const {
  Watched watched;
  watched.version = VersionOf(path);
  const nanoseconds age = clock_() - watched.version.changed;
  watched.may_change_unseen = watched.version.exists && age < kStampPrecision && age > -kStampPrecision;
  return watched;
}

void KeyFileVersions::Watch(const std::string& path) {
  MutexLock lock(mutex_);
  if (watched_.count(path) == 0) watched_.emplace(path, Look(path));
}

void KeyFileVersions::WatchIfThere(const std::string& path) {
  MutexLock lock(mutex_);
  if (watched_.count(path) != 0) return;
  Watched watched = Look(path);
  if (watched.version.exists) watched_.emplace(path, watched);
}

uint64_t KeyFileVersions::Generation() {
  MutexLock lock(mutex_);
  bool changed = false;
  for (auto it = watched_.begin(); it != watched_.end();) {
    Watched now = Look(it->first);
    now.told = it->second.told;
    const bool differs = it->second.may_change_unseen || !(now.version == it->second.version);
    const bool gone = differs && !now.version.exists;
    changed |= differs;
    it->second = now;
    it = gone ? watched_.erase(it) : std::next(it);
  }
  if (changed) ++generation_;
  return generation_;
}

bool KeyFileVersions::IsNewVersion(const std::string& path) {
  MutexLock lock(mutex_);
  const auto [it, added] = watched_.try_emplace(path, Watched());
  if (added) it->second = Look(path);
  const Version version = VersionOf(path);
  if (it->second.told == version) return false;
  it->second.told = version;
  return true;
}

}  // namespace pulseal
