// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <stdexcept>
#include <thread>

#include "pulseal/error.h"
#include "pulseal/key_readers.h"
#include "tests/support/temp_folder.h"

namespace pulseal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TempFolder;

const std::vector<std::string>& HostileNames() {
  static const auto& names = *new std::vector<std::string>{"",
                                                           ".",
                                                           "..",
                                                           "../x",
                                                           "../../etc/passwd",
                                                           "/etc/passwd",
                                                           "a/b",
                                                           std::string("a\0b", 3),
                                                           std::string(201, 'x'),
                                                           ".x",
                                                           "..data",
                                                           "/"};
  return names;
}

class KeyDirectoryTest : public ::testing::Test {
 protected:
  std::vector<std::string> PrivateKeys(const std::string& name) {
    const auto keys = reader_->GetPrivateKeys(name, {});
    std::vector<std::string> pems;
    if (!keys.ok()) return {keys.status().ToString()};
    for (const EncryptionKeyInfo& key : *keys) pems.emplace_back(key.pem.view());
    return pems;
  }
  absl::Status PrivateError(const std::string& name) { return reader_->GetPrivateKeys(name, {}).status(); }

  KeyDirectoryOptions Listening(bool refuse) {
    return {refuse, [this](const std::string& name, const absl::Status& warning) {
              warnings_.push_back(name + ": " + std::string(warning.message()));
            }};
  }

  TempFolder folder_;
  std::shared_ptr<CryptoKeyReader> reader_ = KeyDirectory(folder_.path());
  std::vector<std::string> warnings_;
};

TEST_F(KeyDirectoryTest, ReadsBothHalvesByName) {
  folder_.Write("orders.public.pem", "public");
  folder_.Write("orders.private.pem", "private");
  EXPECT_EQ(reader_->GetPublicKey("orders")->pem.view(), "public");
  EXPECT_TRUE(reader_->GetPublicKey("orders")->metadata.empty());
  EXPECT_THAT(PrivateKeys("orders"), ElementsAre("private"));
}

TEST_F(KeyDirectoryTest, AMissingPublicKeySaysHowToMakeOne) {
  const absl::Status error = reader_->GetPublicKey("audit").status();
  EXPECT_EQ(error.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(error), Reason::kKeyNotFound);
  EXPECT_EQ(std::string(error.message()),
            "public key \"audit\": " + (folder_ / "audit.public.pem") +
                ": no such file (whoever is to read has it, or makes a pair with: pulseal keygen audit)");
  folder_.Write("audit.private.pem", "private");
  EXPECT_THAT(std::string(reader_->GetPublicKey("audit").status().message()),
              HasSubstr("(its private key is here, and makes it: openssl pkey -in " + (folder_ / "audit.private.pem") +
                        " -pubout -out " + (folder_ / "audit.public.pem") + ")"));
}

TEST_F(KeyDirectoryTest, AMissingPrivateKeyIsNotFound) {
  const absl::Status error = PrivateError("audit");
  EXPECT_EQ(error.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(error), Reason::kKeyNotFound);
  EXPECT_EQ(std::string(error.message()),
            "private key \"audit\": " + (folder_ / "audit.private.pem") + ": no such file");
  folder_.MakeFolder("audit.private.d");
  EXPECT_EQ(PrivateError("audit").code(), absl::StatusCode::kNotFound);
}

TEST_F(KeyDirectoryTest, NamesThatNoFileMayHaveAreNotFound) {
  for (const std::string& name : HostileNames()) {
    for (const absl::Status& error : {reader_->GetPublicKey(name).status(), PrivateError(name)}) {
      EXPECT_EQ(error.code(), absl::StatusCode::kNotFound) << error;
      EXPECT_EQ(ReasonOf(error), Reason::kKeyNotFound);
      EXPECT_THAT(std::string(error.message()), HasSubstr("no key file can have this name"));
    }
  }
}

TEST_F(KeyDirectoryTest, ANameOfTheGreatestLengthWorks) {
  const std::string name(200, 'x');
  folder_.Write(name + ".private.pem", "private");
  EXPECT_THAT(PrivateKeys(name), ElementsAre("private"));
}

TEST_F(KeyDirectoryTest, AMissingFolderIsUnavailable) {
  reader_ = KeyDirectory(folder_ / "later");
  for (const absl::Status& error : {reader_->GetPublicKey("a").status(), PrivateError("a")}) {
    EXPECT_EQ(error.code(), absl::StatusCode::kUnavailable) << error;
    EXPECT_EQ(ReasonOf(error), Reason::kKeyServiceUnavailable);
    EXPECT_THAT(std::string(error.message()), HasSubstr(" key \"a\": the key folder " + (folder_ / "later")));
  }
  const uint64_t before = reader_->Generation();
  folder_.Write("later/a.private.pem", "private");
  EXPECT_NE(reader_->Generation(), before);
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("private"));
}

TEST_F(KeyDirectoryTest, RolledKeysComeNewestFirstAfterThePresentOne) {
  folder_.Write("a.private.d/2024.pem", "2024");
  folder_.Write("a.private.d/2025.pem", "2025");
  folder_.SetModified("a.private.d/2024.pem", std::chrono::seconds(2000));
  folder_.SetModified("a.private.d/2025.pem", std::chrono::seconds(1000));
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("2024", "2025"));
  folder_.Write("a.private.pem", "present");
  folder_.SetModified("a.private.pem", std::chrono::seconds(1));
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("present", "2024", "2025"));
}

TEST_F(KeyDirectoryTest, OnlyTheNewestRolledKeysAreRead) {
  for (size_t i = 0; i < kMaxRolledKeys + 1; ++i) {
    const std::string name = "a.private.d/" + std::to_string(i) + ".pem";
    folder_.Write(name, std::to_string(i));
    folder_.SetModified(name, std::chrono::seconds(1000 + i));
  }
  const auto keys = PrivateKeys("a");
  EXPECT_EQ(keys.size(), kMaxRolledKeys);
  EXPECT_EQ(keys.front(), std::to_string(kMaxRolledKeys));
  EXPECT_EQ(keys.back(), "1");
}

// Else a message that needs it would be one that nobody can ever read.
TEST_F(KeyDirectoryTest, AKeyIsFoundWhileItIsBeingRolled) {
  int missed = 0;
  for (int i = 0; i < 300; ++i) {
    folder_.Write("a.private.pem", "private");
    folder_.MakeFolder("a.private.d");
    std::thread rolling(
        [this] { std::rename((folder_ / "a.private.pem").c_str(), (folder_ / "a.private.d/old.pem").c_str()); });
    for (int j = 0; j < 20; ++j) missed += !PrivateError("a").ok();
    rolling.join();
    folder_.Remove("a.private.d");
  }
  EXPECT_EQ(missed, 0);
}

// Whatever it is, that it can't be looked at doesn't mean that it isn't there.
TEST_F(KeyDirectoryTest, ARolledKeyThatCannotBeLookedAtIsTold) {
  reader_ = KeyDirectory(folder_.path(), Listening(true));
  folder_.Write("a.private.pem", "present");
  folder_.MakeFolder("a.private.d");
  folder_.Link("a.private.d/loop.pem", "loop.pem");
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("present"));
  EXPECT_THAT(warnings_, ElementsAre("a: " + (folder_ / "a.private.d/loop.pem") +
                                     ": a symbolic link that can't be followed here; put the file itself there"));
}

TEST_F(KeyDirectoryTest, ReadableByOthersIsToldOnceForEachVersion) {
  reader_ = KeyDirectory(folder_.path(), Listening(false));
  folder_.Write("a.private.pem", "private", 0644);
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("private"));
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("private"));
  const std::string path = folder_ / "a.private.pem";
  const std::string expected =
      "a: " + path + ": other users can read this private key; mend it with: chmod 600 " + path;
  EXPECT_THAT(warnings_, ElementsAre(expected));
  folder_.Replace("a.private.pem", "changed", 0644);
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("changed"));
  EXPECT_THAT(warnings_, ElementsAre(expected, expected));
  folder_.Replace("a.private.pem", "mended", 0600);
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("mended"));
  EXPECT_EQ(warnings_.size(), 2u);
}

TEST_F(KeyDirectoryTest, ReadableByOthersIsRefusedWhereAsked) {
  reader_ = KeyDirectory(folder_.path(), Listening(true));
  folder_.Write("a.private.pem", "private", 0640);
  folder_.Write("a.public.pem", "public", 0644);
  const absl::Status error = PrivateError("a");
  EXPECT_EQ(error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(error), Reason::kKeyUnusable);
  EXPECT_THAT(std::string(error.message()), HasSubstr("mend it with: chmod 600 " + (folder_ / "a.private.pem")));
  EXPECT_EQ(reader_->GetPublicKey("a")->pem.view(), "public");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(KeyDirectoryTest, AKeyThatCannotServeIsLeftOutAndTold) {
  reader_ = KeyDirectory(folder_.path(), Listening(true));
  folder_.Write("a.private.pem", "present");
  folder_.Write("a.private.d/open.pem", "x", 0644);
  ASSERT_EQ(mkfifo((folder_ / "a.private.d/fifo.pem").c_str(), 0600), 0);
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("present"));
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("present"));
  EXPECT_THAT(warnings_, ::testing::UnorderedElementsAre(HasSubstr("open.pem: other users"),
                                                         HasSubstr("fifo.pem: not a regular file")));
  folder_.Remove("a.private.pem");
  EXPECT_EQ(PrivateError("a").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeyDirectoryTest, AWarningThatThrowsChangesNothing) {
  reader_ = KeyDirectory(folder_.path(),
                         {false, [](const std::string&, const absl::Status&) { throw std::runtime_error("x"); }});
  folder_.Write("a.private.pem", "private", 0644);
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("private"));
}

TEST_F(KeyDirectoryTest, LinksOutOfTheFolderAreUnusable) {
  TempFolder outside;
  outside.Write("key.pem", "outside");
  folder_.Link("a.private.pem", outside / "key.pem");
  folder_.Link("a.public.pem", outside / "key.pem");
  folder_.Link("b.private.d", outside.path());
  for (const absl::Status& error : {reader_->GetPublicKey("a").status(), PrivateError("a"), PrivateError("b")}) {
    EXPECT_EQ(error.code(), absl::StatusCode::kFailedPrecondition) << error;
    EXPECT_EQ(ReasonOf(error), Reason::kKeyUnusable);
  }
}

TEST_F(KeyDirectoryTest, FollowsAKubernetesRotation) {
  folder_.Write("..1/a.private.pem", "first");
  folder_.Link("..data", "..1");
  folder_.Link("a.private.pem", "..data/a.private.pem");
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("first"));
  const uint64_t before = reader_->Generation();
  folder_.Write("..2/a.private.pem", "second");
  folder_.Link("..data", "..2");
  folder_.Remove("..1");
  EXPECT_NE(reader_->Generation(), before);
  EXPECT_THAT(PrivateKeys("a"), ElementsAre("second"));
}

TEST_F(KeyDirectoryTest, GenerationChangesWithEverythingThatCanChangeAnAnswer) {
  folder_.Write("a.private.pem", "first");
  folder_.Write("a.private.d/old.pem", "old");
  const auto changes = [this](const auto& act) {
    (void)reader_->GetPrivateKeys("a", {});
    const uint64_t before = reader_->Generation();
    act();
    return reader_->Generation() != before;
  };
  EXPECT_TRUE(changes([&] { folder_.Write("a.private.pem", "other"); })) << "rewritten in place, same size";
  EXPECT_TRUE(changes([&] { folder_.Replace("a.private.pem", "third"); }));
  EXPECT_TRUE(changes([&] { folder_.Write("a.private.d/new.pem", "new"); }));
  EXPECT_TRUE(changes([&] { folder_.Write("a.private.d/old.pem", "OLD"); }));
  EXPECT_TRUE(changes([&] { folder_.Remove("a.private.d/old.pem"); }));
  EXPECT_TRUE(changes([&] { folder_.Write("b.public.pem", "b"); }));
  EXPECT_TRUE(changes([&] { folder_.Remove("a.private.pem"); }));
  EXPECT_TRUE(changes([&] { chmod((folder_ / "a.private.d/new.pem").c_str(), 0644); }));
}

TEST_F(KeyDirectoryTest, MayBeUsedFromManyThreads) {
  folder_.Write("a.private.pem", "private", 0644);
  folder_.Write("a.public.pem", "public");
  std::vector<std::thread> threads;
  std::atomic<int> told{0}, good{0};
  reader_ = KeyDirectory(folder_.path(), {false, [&](const std::string&, const absl::Status&) { ++told; }});
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        (void)reader_->Generation();
        good += reader_->GetPublicKey("a").ok() && reader_->GetPrivateKeys("a", {}).ok();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 800);
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace pulseal
