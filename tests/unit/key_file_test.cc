// SPDX-License-Identifier: Apache-2.0
#include "lib/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "lib/status.h"
#include "pulseal/error.h"
#include "pulseal/key_readers.h"
#include "tests/support/temp_folder.h"

namespace pulseal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing::TempFolder;

class KeyFileTest : public ::testing::Test {
 protected:
  std::string Read(const std::string& name) {
    const auto file = ReadKeyFileIn(folder_.path(), name);
    return file.ok() ? std::string(file->pem.view()) : std::string(file.status().message());
  }
  void ExpectError(const std::string& name, absl::StatusCode code, Reason reason, const std::string& words) {
    const absl::Status status = ReadKeyFileIn(folder_.path(), name).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(ReasonOf(status), reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    EXPECT_THAT(std::string(status.message()), StartsWith(folder_.path()));
  }
  void ExpectUnusable(const std::string& name, const std::string& words) {
    ExpectError(name, absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable, words);
  }

  TempFolder folder_, outside_;
};

TEST_F(KeyFileTest, ReadsARegularFile) {
  folder_.Write("key.pem", std::string("pem\0text", 8));
  const auto file = ReadKeyFileIn(folder_.path(), "key.pem");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->pem.view(), std::string_view("pem\0text", 8));
  EXPECT_FALSE(file->readable_by_others);
  EXPECT_EQ(ReadKeyFile(folder_ / "key.pem")->pem.view(), file->pem.view());
}

TEST_F(KeyFileTest, TellsWhoCanRead) {
  for (const int permissions : {0400, 0600, 0700, 0611, 0622}) {
    folder_.Write("key.pem", "x", permissions);
    EXPECT_FALSE(ReadKeyFileIn(folder_.path(), "key.pem")->readable_by_others) << permissions;
  }
  for (const int permissions : {0640, 0604, 0644}) {
    folder_.Write("key.pem", "x", permissions);
    EXPECT_TRUE(ReadKeyFileIn(folder_.path(), "key.pem")->readable_by_others) << permissions;
  }
}

TEST_F(KeyFileTest, MissingFilesAreNotFound) {
  ExpectError("none.pem", absl::StatusCode::kNotFound, Reason::kKeyNotFound, "/none.pem: no such file");
  folder_.Write("file", "x");
  ExpectError("file/none.pem", absl::StatusCode::kNotFound, Reason::kKeyNotFound, "no such file");
  ExpectError(std::string(256, 'x'), absl::StatusCode::kNotFound, Reason::kKeyNotFound, "no such file");
  EXPECT_EQ(ReadKeyFile(folder_ / "none.pem").status().message(), (folder_ / "none.pem") + ": no such file");
}

TEST_F(KeyFileTest, AMissingFolderMakesItsKeysUnavailable) {
  const std::string gone = folder_ / "gone";
  for (const absl::Status& status :
       {ReadKeyFileIn(gone, "key.pem").status(), ListKeyFiles(gone, "a.private.d", 9).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), Reason::kKeyServiceUnavailable);
    EXPECT_EQ(std::string(status.message()), "the key folder " + gone + ": No such file or directory");
  }
}

TEST_F(KeyFileTest, NothingButRegularFilesIsRead) {
  folder_.MakeFolder("folder.pem");
  ExpectUnusable("folder.pem", "not a regular file");

  ASSERT_EQ(mkfifo((folder_ / "fifo.pem").c_str(), 0600), 0);
  ExpectUnusable("fifo.pem", "not a regular file");

  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = folder_ / "socket.pem";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ExpectUnusable("socket.pem", "not a regular file");
  close(listener);

  const absl::Status device = ReadKeyFile("/dev/zero").status();
  EXPECT_EQ(device.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(device.message()), "/dev/zero: not a regular file");
}

TEST_F(KeyFileTest, SizesAreBounded) {
  folder_.Write("empty.pem", "");
  ExpectUnusable("empty.pem", "empty");
  folder_.Write("largest.pem", std::string(kMaxKeyFileSize, 'x'));
  EXPECT_EQ(Read("largest.pem").size(), kMaxKeyFileSize);
  folder_.Write("larger.pem", std::string(kMaxKeyFileSize + 1, 'x'));
  ExpectUnusable("larger.pem", "65537 bytes; a key file has at most 65536");
  folder_.Write("huge.pem", "");
  ASSERT_EQ(truncate((folder_ / "huge.pem").c_str(), off_t{1} << 40), 0);
  ExpectUnusable("huge.pem", "1099511627776 bytes");
}

TEST_F(KeyFileTest, AFileWithoutPermissionIsUnavailable) {
  folder_.Write("key.pem", "x", 0000);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  constexpr uid_t kNobody = 65534;
  const bool was_root = geteuid() == 0;
  if (was_root && seteuid(kNobody) != 0) GTEST_SKIP() << "root that can't become another user reads everything";
  const absl::Status status = ReadKeyFileIn(folder_.path(), "key.pem").status();
  ASSERT_TRUE(!was_root || seteuid(0) == 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(ReasonOf(status), Reason::kKeyServiceUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/key.pem: Permission denied"));
}

TEST_F(KeyFileTest, LinksInsideTheFolderWork) {
  folder_.Write("..2026_01_01/key.pem", "first");
  folder_.Link("..data", "..2026_01_01");
  folder_.Link("key.pem", "..data/key.pem");
  EXPECT_EQ(Read("key.pem"), "first");
  folder_.Write("..2026_01_02/key.pem", "second");
  folder_.Link("..data", "..2026_01_02");
  EXPECT_EQ(Read("key.pem"), "second");
  folder_.Write("sub/key.pem", "third");
  folder_.Link("sub/up.pem", "../key.pem");
  EXPECT_EQ(Read("sub/up.pem"), "second");
}

TEST_F(KeyFileTest, LinksOutOfTheFolderAreRefused) {
  outside_.Write("key.pem", "outside");
  folder_.Link("absolute.pem", outside_ / "key.pem");
  ExpectUnusable("absolute.pem", "leads out of the folder");
  folder_.Link("relative.pem", "../" + outside_.path().substr(outside_.path().rfind('/') + 1) + "/key.pem");
  ExpectUnusable("relative.pem", "leads out of the folder");
  folder_.Link("sub", outside_.path());
  ExpectUnusable("sub/key.pem", "leads out of the folder");
  EXPECT_EQ(ListKeyFiles(folder_.path(), "sub", 9).status().code(), absl::StatusCode::kFailedPrecondition);
  folder_.Link("loop.pem", "loop.pem");
  ExpectUnusable("loop.pem", "can't be followed");
  ExpectUnusable("../x", "leads out of the folder");
  ExpectUnusable(outside_ / "key.pem", "leads out of the folder");
  folder_.Link("self.pem", "/proc/self/exe");
  ExpectUnusable("self.pem", "leads out of the folder");
}

TEST_F(KeyFileTest, ThePathTheOwnerChoseMayBeALinkItself) {
  outside_.Write("key.pem", "outside");
  folder_.Link("keys", outside_.path());
  EXPECT_EQ(ReadKeyFileIn(folder_ / "keys", "key.pem")->pem.view(), "outside");
  EXPECT_EQ(ReadKeyFile(folder_ / "keys/key.pem")->pem.view(), "outside");
}

TEST_F(KeyFileTest, WithoutOpenat2EveryLinkIsRefused) {
  folder_.Write("sub/key.pem", "x");
  folder_.Link("key.pem", "sub/key.pem");
  folder_.Link("linked", "sub");
  const int folder = open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const auto opens = [&](const char* name, int flags = O_RDONLY | O_CLOEXEC) {
    const int file = OpenWithoutLinks(folder, name, flags);
    const int error = file < 0 ? errno : 0;
    if (file >= 0) close(file);
    return error;
  };
  EXPECT_EQ(opens("sub/key.pem"), 0);
  EXPECT_EQ(opens("key.pem"), ELOOP);
  EXPECT_EQ(opens("linked/key.pem"), ELOOP);
  EXPECT_EQ(opens("linked", O_RDONLY | O_CLOEXEC | O_DIRECTORY), ELOOP);
  EXPECT_EQ(opens("sub", O_RDONLY | O_CLOEXEC | O_DIRECTORY), 0);
  EXPECT_EQ(opens("sub/key.pem/x"), ENOTDIR);
  EXPECT_EQ(opens("none/key.pem"), ENOENT);
  close(folder);
}

TEST_F(KeyFileTest, ListsNewestFirst) {
  for (const auto& [name, age] : {std::pair("b.pem", 100), {"a.pem", 300}, {"c.pem", 200}, {"d.pem", 200}}) {
    folder_.Write(std::string("a.private.d/") + name, "x");
    folder_.SetModified(std::string("a.private.d/") + name, std::chrono::seconds(age));
  }
  folder_.Write("a.private.d/readme.txt", "x");
  folder_.Write("a.private.d/.hidden.pem", "x");
  folder_.Write("a.private.d/x.pem.bak", "x");
  folder_.Link("a.private.d/dangling.pem", "none");
  EXPECT_THAT(*ListKeyFiles(folder_.path(), "a.private.d", 9), ElementsAre("a.pem", "d.pem", "c.pem", "b.pem"));
  EXPECT_THAT(*ListKeyFiles(folder_.path(), "a.private.d", 2), ElementsAre("a.pem", "d.pem"));
  EXPECT_THAT(*ListKeyFiles(folder_.path(), "b.private.d", 9), IsEmpty());
  EXPECT_THAT(*ListKeyFiles(folder_.path(), "a.private.d/a.pem", 9), IsEmpty());
}

TEST_F(KeyFileTest, ReadsOneVersionOrTheOtherWhileReplaced) {
  const std::string one(3000, '1'), two(5000, '2');
  folder_.Write("key.pem", one);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) {
      folder_.Replace("key.pem", two);
      folder_.Replace("key.pem", one);
    }
  });
  int wrong = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string read = Read("key.pem");
    if (read != one && read != two) ++wrong;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Escaped, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(Escaped("audit.private.pem"), "audit.private.pem");
  EXPECT_EQ(Escaped("a\x1b[2J\n.pem"), "a\\x1b[2J\\x0a.pem");
}

}  // namespace
}  // namespace pulseal
