// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pulseal/key_pair.h"
#include "tests/cli/shell.h"

namespace pulseal::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

Outcome Failure(const std::string& message) { return {3, "", "pulseal: " + message + "\n"}; }

TEST(KeygenTest, RsaByDefaultAndSaysWhatItMade) {
  const Shell shell;
  const Outcome made = shell.Run("umask 0; pulseal keygen orders");
  EXPECT_EQ(made.status, 0);
  EXPECT_EQ(made.err, "");
  const auto key = DescribeKey(shell.Contents("keys/orders.public.pem"));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(made.out,
            "private key       keys/orders.private.pem (RSA PRIVATE KEY; keep it secret)\n"
            "public key        keys/orders.public.pem (PUBLIC KEY; for producers)\n"
            "type              rsa-3072\n"
            "fingerprint       " +
                key->fingerprint +
                "\n"
                "official clients  Java, C++ (Node, Python), Go\n"
                "With rsa-2048 each message would be 128 bytes smaller for each recipient.\n");
  EXPECT_EQ(shell.Run("stat -c '%a %n' keys/* && ls -A keys | wc -l").out,
            "600 keys/orders.private.pem\n666 keys/orders.public.pem\n2\n");
  EXPECT_THAT(shell.Contents("keys/orders.private.pem"), StartsWith("-----BEGIN RSA PRIVATE KEY-----\n"));
  EXPECT_THAT(shell.Contents("keys/orders.public.pem"), StartsWith("-----BEGIN PUBLIC KEY-----\n"));
}

TEST(KeygenTest, EveryType) {
  const Shell shell;
  for (const std::string type : {"rsa-2048", "p-256", "p-384", "p-521"}) {
    const Outcome made = shell.Run("pulseal keygen a-" + type + " --type " + type);
    EXPECT_EQ(made.status, 0) << made;
    EXPECT_THAT(made.out, HasSubstr("type              " + type + "\n"));
    const auto key = DescribeKey(shell.Contents("keys/a-" + type + ".private.pem"));
    ASSERT_TRUE(key.ok());
    EXPECT_THAT(made.out, HasSubstr("fingerprint       " + key->fingerprint + "\n"));
  }
  EXPECT_THAT(shell.Run("pulseal keygen b --type p-256").out,
              HasSubstr("official clients  Java\n"
                        "Only the official Java client has EC keys; rsa-3072 serves all of them.\n"));
  EXPECT_EQ(shell.Run("pulseal keygen c --type rsa-1024").status, 2);
}

TEST(KeygenTest, QuietIsSilent) {
  const Shell shell;
  EXPECT_EQ(shell.Run("pulseal keygen a --type p-256 --quiet"), (Outcome{0, "", ""}));
  EXPECT_EQ(shell.Run("pulseal keygen b --type p-256 -q"), (Outcome{0, "", ""}));
  EXPECT_EQ(shell.Run("ls keys | wc -l").out, "4\n");
  EXPECT_EQ(shell.Run("pulseal keygen a -q").status, 3);
}

TEST(KeygenTest, AnExistingFileIsLeftAloneWithoutForce) {
  for (const std::string file : {"keys/a.private.pem", "keys/a.public.pem"}) {
    const Shell shell;
    shell.folder().Write(file, "precious");
    EXPECT_EQ(shell.Run("pulseal keygen a --type p-256"),
              Failure(file + " exists and was left as it is; --force replaces the pair, and what was encrypted for the "
                             "old one can then no longer be read"));
    EXPECT_EQ(shell.Contents(file), "precious");
    EXPECT_EQ(shell.Run("ls -A keys | wc -l").out, "1\n");
    EXPECT_EQ(shell.Run("pulseal keygen a --type p-256 --force").status, 0);
    EXPECT_TRUE(DescribeKey(shell.Contents("keys/a.private.pem")).ok());
    EXPECT_TRUE(DescribeKey(shell.Contents("keys/a.public.pem")).ok());
    EXPECT_EQ(shell.Run("ls -A keys; stat -c %a keys/a.private.pem").out, "a.private.pem\na.public.pem\n600\n");
  }
}

TEST(KeygenTest, ADanglingLinkIsAnExistingFile) {
  const Shell shell;
  shell.folder().MakeFolder("keys");
  shell.folder().Link("keys/a.private.pem", "nowhere");
  EXPECT_EQ(shell.Run("pulseal keygen a --type p-256").status, 3);
  EXPECT_EQ(shell.Run("ls keys/nowhere").status, 2);
}

// Two at the same moment: one pair, whose halves match, whoever wins.
TEST(KeygenTest, OfTwoAtTheSameMomentOneWins) {
  const Shell shell;
  for (int round = 0; round < 5; ++round) {
    const Outcome both = shell.Run(
        "rm -rf keys; mkdir keys; pulseal keygen a --type p-256 > out1 2> err1 & pulseal keygen a --type p-256 > out2 "
        "2> "
        "err2; second=$?; wait $!; echo $? $second; ls -A keys");
    EXPECT_THAT(both.out, MatchesRegex("(0 3|3 0)\na.private.pem\na.public.pem\n"));
    const auto private_key = DescribeKey(shell.Contents("keys/a.private.pem"));
    const auto public_key = DescribeKey(shell.Contents("keys/a.public.pem"));
    ASSERT_TRUE(private_key.ok() && public_key.ok());
    EXPECT_EQ(private_key->fingerprint, public_key->fingerprint);
  }
}

// The public key's name is taken by a folder, which nothing replaces: the old private key stays, or none comes.
TEST(KeygenTest, BothFilesOrNeither) {
  const Shell shell;
  shell.folder().MakeFolder("keys/a.public.pem");
  EXPECT_EQ(shell.Run("pulseal keygen a --type p-256 --force"), Failure("keys/a.public.pem: Is a directory"));
  EXPECT_EQ(shell.Run("ls -A keys").out, "a.public.pem\n");
  shell.folder().Write("keys/a.private.pem", "precious");
  EXPECT_EQ(shell.Run("pulseal keygen a --type p-256 --force"), Failure("keys/a.public.pem: Is a directory"));
  EXPECT_EQ(shell.Contents("keys/a.private.pem"), "precious");
  EXPECT_EQ(shell.Run("ls -A keys").out, "a.private.pem\na.public.pem\n");
}

#ifndef __SANITIZE_THREAD__  // TSan's runtime meets the limit before the program begins
TEST(KeygenTest, AFullDiskLeavesNothing) {
  const Shell shell;
  EXPECT_EQ(shell.Run("mkdir keys; said=$(ulimit -f 0; pulseal keygen a --type p-256 2>&1); echo $? $said").out,
            "3 pulseal: keys/a.private.pem: File too large\n");
  EXPECT_EQ(shell.Run("ls -A keys").out, "");
}
#endif

TEST(KeygenTest, ADescriptionThatCanNotBeWritten) {
  const Shell shell;
  EXPECT_EQ(shell.Run("pulseal keygen a --type p-256 > /dev/full"),
            Failure("standard output: No space left on device (the key pair was made all the same)"));
  EXPECT_EQ(shell.Run("pulseal check keys/* -q"), (Outcome{0, "", ""}));
}

TEST(KeygenTest, AFolderThatCannotBe) {
  const Shell shell;
  EXPECT_EQ(shell.Run("pulseal keygen a --type p-256 --key-dir none/keys"),
            Failure("none: no such folder; of none/keys only the last one is made (mkdir -p makes them all)"));
  shell.folder().Write("file", "");
  EXPECT_EQ(shell.Run("pulseal keygen a --type p-256 --key-dir file").status, 3);
}

TEST(KeygenTest, NamesThatNoKeyDirectoryFinds) {
  const Shell shell;
  const std::string rule = "NAME: a key name has 1 to 200 bytes, doesn't begin with a dot and has no slash; ";
  EXPECT_EQ(shell.Run("pulseal keygen ../a"),
            (Outcome{2, "", "pulseal: " + rule + "\"../a\" can't be one (see: pulseal keygen --help)\n"}));
  EXPECT_EQ(shell.Run("pulseal keygen .a").status, 2);
  EXPECT_EQ(shell.Run("pulseal keygen a/b").status, 2);
  EXPECT_EQ(shell.Run("pulseal keygen ''").status, 2);
  EXPECT_EQ(shell.Run("pulseal keygen $(printf '%0201d' 0)").status, 2);
  EXPECT_EQ(shell.Run("pulseal keygen $(printf '%0200d' 0) --type p-256").status, 0);
  EXPECT_EQ(shell.Run("pulseal keygen 'a b' --type p-256").status, 0);
}

TEST(KeygenTest, WithAPassphrase) {
  const Shell shell;
  shell.folder().Write("secret", "correct horse battery staple\n");
  const Outcome made = shell.Run("pulseal keygen a --type p-256 --passphrase-file secret");
  EXPECT_EQ(made.status, 0) << made;
  EXPECT_THAT(made.out, HasSubstr("official clients  none\n"
                                  "No official client reads a private key with a passphrase; Pulseal does.\n"));
  EXPECT_THAT(shell.Contents("keys/a.private.pem"), StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
  shell.Run("echo hello | pulseal produce t.topic --to a");
  EXPECT_EQ(shell.Run("pulseal consume t.topic --passphrase-file secret"), (Outcome{0, "hello\n", ""}));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --passphrase-file <(printf 'correct horse battery staple')"),
            (Outcome{0, "hello\n", ""}));
  EXPECT_EQ(shell.Run("pulseal consume t.topic --passphrase-file <(echo wrong)").status, 1);
  EXPECT_EQ(shell.Run("pulseal consume t.topic").status, 1);
}

TEST(KeygenTest, PassphraseFilesThatDoNotServe) {
  const Shell shell;
  const auto keygen = [&](const std::string& file) {
    return shell.Run("pulseal keygen a --type p-256 --passphrase-file " + file);
  };
  EXPECT_EQ(keygen("none"), Failure("none: No such file or directory"));
  EXPECT_EQ(keygen("."), Failure(".: Is a directory"));
  EXPECT_EQ(keygen("/dev/null"), Failure("/dev/null: has no passphrase in its first line"));
  EXPECT_EQ(keygen("/dev/zero"), Failure("/dev/zero: the passphrase in its first line is longer than 1024 bytes"));
  EXPECT_EQ(shell.Run("ls").out, "");
}

}  // namespace
}  // namespace pulseal::testing
