// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "pulseal/framing/entry_producer.h"
#include "pulseal/key_readers.h"
#include "pulseal/message_crypto.h"
#include "tests/cli/shell.h"
#include "tools/pulseal/topic_file_sink.h"

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

TEST_F(RewrapTest, WhatWasPrivateStaysSo) {
  EXPECT_EQ(Run("umask 022; echo one | pulseal produce t.topic --to orders; for mode in 600 640 400 666; do "
                "chmod $mode t.topic; pulseal rewrap t.topic --to newcomer --out $mode.topic; done; "
                "stat -c '%a %n' ???.topic"),
            (Outcome{0, "600 400.topic\n600 600.topic\n640 640.topic\n644 666.topic\n", ""}));
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
  EXPECT_THAT(
      rewrapped.err,
      HasSubstr(
          "pulseal: t.topic: 1 message copied for the recipients that they had, the first in entry 2 at offset "));
  EXPECT_EQ(Run("pulseal consume new.topic --key-dir n").out, "one\n");
  EXPECT_EQ(Run("pulseal consume new.topic --key-dir o").out, "two\n");
}

TEST_F(RewrapTest, AForgedPayloadGetsNoNewRecipient) {
  Run("echo one | pulseal produce t.topic --to orders");
  Run("python3 -c 'from pulsar_bytes import *\n"
      "entry = open(\"t.topic\", \"rb\").read()[16 + 12:]\n"
      "size = int.from_bytes(entry[6:10], \"big\")\n"
      "metadata, payload = entry[10:10 + size], bytearray(entry[10 + size:])\n"
      "payload[-1] ^= 1\n"
      "open(\"t.topic\", \"wb\").write(topic_file(stored_entry(metadata, payload)))'");
  const Outcome rewrapped = Run("pulseal rewrap t.topic --to newcomer --out new.topic");
  EXPECT_EQ(rewrapped.status, 1);
  EXPECT_THAT(rewrapped.err, HasSubstr("1 message copied for the recipients that they had"));
  EXPECT_EQ(Run("cmp t.topic new.topic"), kQuietSuccess);
}

// A wrapped key that opens and isn't the message's: anybody can put one there that he saw elsewhere.
TEST_F(RewrapTest, OnlyTheDataKeyThatTheMessageIsEncryptedWithIsHandedOn) {
  shell_.GivePublicKey("rsa-2048-other", "other");
  Run("echo one | pulseal produce one --to orders; echo two | pulseal produce t.topic --to orders");
  Run("python3 - <<'END'\n"
      "from pulsar_bytes import *\n"
      "def read(name):\n"
      "    entry = open(name, 'rb').read()[16 + 12:]\n"
      "    size = int.from_bytes(entry[6:10], 'big')\n"
      "    return entry[10:10 + size], entry[10 + size:]\n"
      "def key_field(metadata):\n"
      "    value = dict(fields(metadata))[13]\n"
      "    return metadata[metadata.index(value) - 3:metadata.index(value) + len(value)]\n"
      "foreign = key_field(read('one')[0])\n"
      "metadata, payload = read('t.topic')\n"
      "own = key_field(metadata)\n"
      "assert foreign[:1] == own[:1] == b'\\x6a'\n"
      "twice = metadata.replace(own, foreign + own)\n"
      "open('t.topic', 'wb').write(topic_file(stored_entry(metadata, payload), stored_entry(twice, payload)))\n"
      "END");
  ASSERT_EQ(Run("pulseal consume t.topic"), (Outcome{0, "two\ntwo\n", ""}));
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --out new.topic"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume new.topic --key-dir n"), (Outcome{0, "two\ntwo\n", ""}));
}

// A topic of `messages` messages with a data key each.
void ProduceWithManyDataKeys(const std::string& topic, const std::string& key_folder, int messages) {
  EncryptorOptions options;
  options.key_names = {"us"};
  options.key_reader = KeyDirectory(key_folder);
  const auto encryptor = MessageEncryptor::Create(std::move(options));
  ASSERT_TRUE(encryptor.ok()) << encryptor.status();
  framing::EntryProducer producer(**encryptor);
  const auto sink = tools::OpenTopicFileSink(topic);
  ASSERT_TRUE(sink.ok()) << sink.status();
  for (int i = 1; i <= messages; ++i) {
    framing::MessageMetadata metadata;
    metadata.producer_name = "many";
    metadata.sequence_id = static_cast<uint64_t>(i);
    ASSERT_TRUE(
        producer.Send(metadata, std::to_string(i), [&](const auto& entry) { return (*sink)->Append(entry); }).ok());
    ASSERT_TRUE((*encryptor)->Rotate().ok());
  }
  ASSERT_TRUE((*sink)->Sync().ok());
}

// A reader joins chunks by the bytes of their wrapped keys.
TEST_F(RewrapTest, ChunksStayTogetherWhateverLiesBetweenThem) {
  shell_.GiveKeyPair("p-256", "us");
  Run("head -c 15000 /dev/zero | tr '\\0' x | pulseal produce chunks --to us --max-message-size 10000");
  ProduceWithManyDataKeys(shell_.folder() / "between", shell_.folder() / "keys", 1100);
  Run("python3 - <<'END'\n"
      "from pulsar_bytes import *\n"
      "chunks, between = entries('chunks'), entries('between')\n"
      "assert len(chunks) == 2 and len(between) == 1100\n"
      "open('t.topic', 'wb').write(topic_file(chunks[0], *between, chunks[1]))\n"
      "END");
  ASSERT_EQ(Run("pulseal consume t.topic > before; wc -l < before"), (Outcome{0, "1101\n", ""}));
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --out new.topic"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume new.topic --key-dir n | cmp - before"), kQuietSuccess);
}

TEST_F(RewrapTest, NothingIsReplacedOrHalfWritten) {
  Run("seq 3 | pulseal produce t.topic --to orders; echo mine > new.topic");
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --out new.topic"),
            Failure("new.topic exists and was left as it is; --out names a new file"));
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --out t.topic"),
            Failure("t.topic exists and was left as it is; --out names a new file"));
  EXPECT_EQ(Run("cat new.topic").out, "mine\n");
  EXPECT_EQ(
      Run("pulseal rewrap t.topic --to nobody --out other.topic"),
      Failure("public key \"nobody\": keys/nobody.public.pem: no such file (whoever is to read has it, or makes a "
              "pair with: pulseal keygen nobody)"));
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --to newcomer --out other.topic"),
            (Outcome{2, "", "pulseal: --to: key_names holds \"newcomer\" twice\n"}));
  EXPECT_EQ(Run("pulseal rewrap none --to newcomer --out other.topic"), Failure("none: No such file or directory"));
  const Outcome damaged =
      Run("head -c 700 t.topic > damaged; cat t.topic >> damaged; "
          "pulseal rewrap damaged --to newcomer --out other.topic");
  EXPECT_EQ(damaged.status, 3);
  EXPECT_THAT(damaged.err, HasSubstr("; only a topic that is whole is rewrapped\n"));
  // No message names the file that isn't complete yet.
  EXPECT_EQ(Run("mkdir small; ulimit -f 1; pulseal rewrap t.topic --to newcomer --to orders --out small/o"),
            Failure("small/o: File too large"));
  EXPECT_EQ(Run("pulseal rewrap t.topic --to newcomer --out nowhere/o"),
            Failure("nowhere/o: No such file or directory"));
  EXPECT_EQ(Run("ls -A . small").out, ".:\ndamaged\nkeys\nn\nnew.topic\nsmall\nt.topic\n\nsmall:\n");
}

}  // namespace
}  // namespace pulseal::testing
