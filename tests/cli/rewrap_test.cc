// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/shell.h"

namespace pulseal::testing {
namespace {

using ::testing::HasSubstr;

Outcome Failure(const std::string& message) { return {3, "", "pulseal: " + message + "\n"}; }
const Outcome kQuietSuccess = {0, "", ""};

class RewrapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    shell_.GiveKeyPair("rsa-2048", "orders");
    shell_.GivePublicKey("p-256", "newcomer");
    shell_.GivePrivateKey("p-256", "newcomer", "n");
  }

  Outcome Run(const std::string& command) { return shell_.Run(command); }

  Shell shell_;
};

TEST_F(RewrapTest, TheNewcomerReadsAndWhoIsNotNamedNoLongerDoes) {
  EXPECT_EQ(Run("seq 2000 > in; pulseal produce t.topic --to orders < in"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --out new.topic"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume new.topic --key-dir n | cmp - in"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume new.topic").status, 1);
  EXPECT_EQ(Run("pulseal consume t.topic | cmp - in"), kQuietSuccess);
}

TEST_F(RewrapTest, EveryDataKeyOfTheTopicIsWrappedAgain) {
  EXPECT_EQ(
      Run("for i in 1 2 3; do echo $i | pulseal produce t.topic --to orders; done; "
          "pulseal rewrap t.topic --to newcomer --to orders --out new.topic; pulseal consume new.topic --key-dir n; "
          "pulseal consume new.topic"),
      (Outcome{0, "1\n2\n3\n1\n2\n3\n", ""}));
}

TEST_F(RewrapTest, WhatCannotBeOpenedIsCopiedAndReported) {
  shell_.GivePublicKey("rsa-2048-other", "other");
  shell_.GivePrivateKey("rsa-2048-other", "other", "o");
  Run("echo one | pulseal produce t.topic --to orders; echo two | pulseal produce t.topic --to other");
  const Outcome rewrapped = Run("pulseal rewrap t.topic --to newcomer --out new.topic");
  EXPECT_EQ(rewrapped.status, 1);
  EXPECT_THAT(rewrapped.err, HasSubstr("pulseal: t.topic: 1 message copied as found, the first in entry 2 at offset "));
  EXPECT_EQ(Run("pulseal consume new.topic --key-dir n").out, "one\n");
  EXPECT_EQ(Run("pulseal consume new.topic --key-dir o").out, "two\n");
}

TEST_F(RewrapTest, AForgedPayloadGetsNoNewRecipient) {
  Run("echo one | pulseal produce t.topic --to orders");
  Run("python3 - <<'END'\n"
      "import struct\n"
      "topic = bytearray(open('t.topic', 'rb').read())\n"
      "topic[-1] ^= 1\n"
      "def crc32c(data):\n"
      "    crc = 0xffffffff\n"
      "    for byte in data:\n"
      "        crc ^= byte\n"
      "        for _ in range(8): crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)\n"
      "    return crc ^ 0xffffffff\n"
      "entry = 16 + 12\n"
      "topic[entry + 2:entry + 6] = struct.pack('>I', crc32c(topic[entry + 6:]))\n"
      "open('t.topic', 'wb').write(topic)\n"
      "END");
  const Outcome rewrapped = Run("pulseal rewrap t.topic --to newcomer --out new.topic");
  EXPECT_EQ(rewrapped.status, 1);
  EXPECT_THAT(rewrapped.err, HasSubstr("1 message copied as found"));
  EXPECT_EQ(Run("cmp t.topic new.topic"), kQuietSuccess);
}

TEST_F(RewrapTest, NothingIsReplacedOrHalfWritten) {
  Run("seq 3 | pulseal produce t.topic --to orders; echo mine > new.topic");
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --out new.topic"),
            Failure("new.topic exists and was left as it is; --out names a new file"));
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --out t.topic"),
            Failure("t.topic exists and was left as it is; --out names a new file"));
  EXPECT_EQ(Run("cat new.topic").out, "mine\n");
  EXPECT_EQ(Run("pulseal rewrap t.topic --to nobody --out other.topic"),
            Failure("public key \"nobody\": keys/nobody.public.pem: no such file (make one with: pulseal keygen nobody "
                    "--key-dir keys)"));
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --to newcomer --out other.topic"),
            (Outcome{2, "", "pulseal: --to: key_names holds \"newcomer\" twice\n"}));
  EXPECT_EQ(Run("pulseal rewrap none --to newcomer --out other.topic"), Failure("none: No such file or directory"));
  const Outcome damaged =
      Run("head -c 700 t.topic > damaged; cat t.topic >> damaged; "
          "pulseal rewrap damaged --to newcomer --out other.topic");
  EXPECT_EQ(damaged.status, 3);
  EXPECT_THAT(damaged.err, HasSubstr("; only a topic that is whole is rewrapped\n"));
  EXPECT_EQ(Run("mkdir small; ulimit -f 1; pulseal rewrap t.topic --to newcomer --to orders --out small/o").status, 3);
  EXPECT_EQ(Run("ls -A . small").out, ".:\ndamaged\nkeys\nn\nnew.topic\nsmall\nt.topic\n\nsmall:\n");
}

}  // namespace
}  // namespace pulseal::testing
