// SPDX-License-Identifier: Apache-2.0
#include "lib/key_file_versions.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp_folder.h"

namespace pulseal {
namespace {

using std::chrono::nanoseconds;
using testing::TempFolder;

// A clock that runs an hour ahead: every change on disk is long past, so that only what differs counts.
nanoseconds LongAfter() { return std::chrono::system_clock::now().time_since_epoch() + std::chrono::hours(1); }

class KeyFileVersionsTest : public ::testing::Test {
 protected:
  KeyFileVersionsTest() { folder_.Write("key", "one"); }

  bool Changes() {
    const uint64_t before = generation_;
    generation_ = versions_.Generation();
    return generation_ != before;
  }
  void Watch(const std::string& path) {
    versions_.Watch(path);
    generation_ = versions_.Generation();
  }

  TempFolder folder_;
  KeyFileVersions versions_{LongAfter};
  uint64_t generation_ = 0;
};

TEST_F(KeyFileVersionsTest, StaysTheSameWhileNothingChanges) {
  Watch(folder_ / "key");
  Watch(folder_.path());
  EXPECT_FALSE(Changes());
  EXPECT_FALSE(Changes());
}

TEST_F(KeyFileVersionsTest, WatchingMoreIsNoChange) {
  Watch(folder_ / "key");
  versions_.Watch(folder_.path());
  versions_.Watch(folder_ / "missing");
  EXPECT_FALSE(Changes());
}

TEST_F(KeyFileVersionsTest, AnotherSizeInPlaceIsAChange) {
  Watch(folder_ / "key");
  folder_.Write("key", "longer");
  EXPECT_TRUE(Changes());
  EXPECT_FALSE(Changes());
}

TEST_F(KeyFileVersionsTest, ReplacementIsAChange) {
  Watch(folder_ / "key");
  folder_.Replace("key", "two");
  EXPECT_TRUE(Changes());
  EXPECT_FALSE(Changes());
}

TEST_F(KeyFileVersionsTest, PermissionsAndTimesAreAChange) {
  Watch(folder_ / "key");
  folder_.SetModified("key", std::chrono::seconds(1000));
  EXPECT_TRUE(Changes());
}

TEST_F(KeyFileVersionsTest, RemovalIsOneChangeAndThenForgotten) {
  Watch(folder_ / "key");
  folder_.Remove("key");
  EXPECT_TRUE(Changes());
  EXPECT_FALSE(Changes());
}

TEST_F(KeyFileVersionsTest, WhatIsMissingMayCome) {
  Watch(folder_ / "other");
  EXPECT_FALSE(Changes());
  folder_.Write("other", "x");
  EXPECT_TRUE(Changes());
}

TEST_F(KeyFileVersionsTest, WatchIfThereLeavesWhatIsMissingAlone) {
  versions_.WatchIfThere(folder_ / "other");
  generation_ = versions_.Generation();
  folder_.Write("other", "x");
  EXPECT_FALSE(Changes());
  versions_.WatchIfThere(folder_ / "other");
  EXPECT_FALSE(Changes());
  folder_.Replace("other", "y");
  EXPECT_TRUE(Changes());
  folder_.Link("dangling", "later");
  versions_.WatchIfThere(folder_ / "dangling");
  EXPECT_FALSE(Changes());
  folder_.Write("later", "x");
  EXPECT_TRUE(Changes()) << "a link is there, even while it leads nowhere";
}

TEST_F(KeyFileVersionsTest, NewFilesChangeTheirFolder) {
  folder_.MakeFolder("sub");
  Watch(folder_ / "sub");
  folder_.Write("sub/new", "x");
  folder_.SetModified("sub", std::chrono::seconds(2000));  // the tick of the clock may be the same
  EXPECT_TRUE(Changes());
}

TEST_F(KeyFileVersionsTest, FollowsLinksAndNoticesWhatTheyLeadTo) {
  folder_.Link("link", "key");
  folder_.Link("dangling", "later");
  Watch(folder_ / "link");
  Watch(folder_ / "dangling");
  folder_.Write("key", "longer");
  EXPECT_TRUE(Changes());
  folder_.Write("later", "x");
  EXPECT_TRUE(Changes());
  EXPECT_FALSE(Changes());
}

// Two writes within one tick of the kernel's clock leave the same size and time stamp. The first answer after a fresh
// change is therefore not trusted, until the stamp is old.
TEST_F(KeyFileVersionsTest, FreshFilesCountAsChangedUntilTheirStampIsOld) {
  struct stat status = {};
  ASSERT_EQ(stat((folder_ / "key").c_str(), &status), 0);
  const nanoseconds changed = std::chrono::seconds(status.st_ctim.tv_sec) + nanoseconds(status.st_ctim.tv_nsec);
  nanoseconds now = changed + std::chrono::milliseconds(1);
  KeyFileVersions versions([&now] { return now; });
  versions.Watch(folder_ / "key");
  const uint64_t first = versions.Generation();
  const uint64_t second = versions.Generation();
  EXPECT_NE(first, second);
  now += std::chrono::seconds(1);
  const uint64_t third = versions.Generation();  // the file looked fresh last time: once more
  EXPECT_NE(second, third);
  EXPECT_EQ(third, versions.Generation());
}

TEST_F(KeyFileVersionsTest, AStampFromTheFutureIsNoReasonToReadForEver) {
  struct stat status = {};
  ASSERT_EQ(stat((folder_ / "key").c_str(), &status), 0);
  KeyFileVersions versions([&] { return std::chrono::seconds(status.st_ctim.tv_sec - 3600); });
  versions.Watch(folder_ / "key");
  const uint64_t first = versions.Generation();
  EXPECT_EQ(first, versions.Generation());
}

TEST_F(KeyFileVersionsTest, EachVersionIsNewOnce) {
  EXPECT_TRUE(versions_.IsNewVersion(folder_ / "key"));
  EXPECT_FALSE(versions_.IsNewVersion(folder_ / "key"));
  generation_ = versions_.Generation();
  EXPECT_FALSE(versions_.IsNewVersion(folder_ / "key"));
  folder_.Replace("key", "two");
  EXPECT_TRUE(versions_.IsNewVersion(folder_ / "key"));
  EXPECT_FALSE(versions_.IsNewVersion(folder_ / "key"));
  EXPECT_TRUE(Changes());
  EXPECT_FALSE(versions_.IsNewVersion(folder_ / "key"));
}

TEST(KeyFileVersions, UsesTheSystemsClockByDefault) {
  TempFolder folder;
  folder.Write("key", "one");
  KeyFileVersions versions;
  versions.Watch(folder / "key");
  const uint64_t before = versions.Generation();
  folder.Write("key", "two");  // the same size, maybe in the same tick: only the mistrust of fresh stamps notices
  EXPECT_NE(before, versions.Generation());
}

}  // namespace
}  // namespace pulseal
