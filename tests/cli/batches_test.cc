// SPDX-License-Identifier: Apache-2.0
//
// Batches, compression, chunks, rotation: produce's options, and what consume makes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/shell.h"

namespace pulseal::testing {
namespace {

using ::testing::HasSubstr;

Outcome Usage(const std::string& message) {
  return {2, "", "pulseal: " + message + " (see: pulseal produce --help)\n"};
}
const Outcome kQuietSuccess = {0, "", ""};

class BatchesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    shell_.GiveKeyPair("rsa-2048", "orders");
    shell_.GivePrivateKey("rsa-2048-other", "stranger", "s");
  }

  Outcome Run(const std::string& command) { return shell_.Run(command); }

  Shell shell_;
};

TEST_F(BatchesTest, EveryCodecComesBackAsItWas) {
  Run("seq 5000 > in; head -c 200000 /dev/urandom | base64 >> in");
  for (const std::string codec : {"none", "lz4", "zlib", "zstd", "snappy"}) {
    EXPECT_EQ(Run("pulseal produce " + codec + " --to orders --batch 1000 --compression " + codec +
                  " < in && pulseal consume " + codec + " | cmp - in"),
              kQuietSuccess)
        << codec;
    EXPECT_EQ(Run("pulseal produce one-" + codec + " --to orders --compression " + codec +
                  " < in && pulseal consume one-" + codec + " | cmp - in"),
              kQuietSuccess)
        << codec;
  }
}

TEST_F(BatchesTest, BatchesAreFilledByMessagesAndByBytes) {
  EXPECT_THAT(Run("seq 1000 | pulseal produce a --to orders --batch 100 --json").out,
              HasSubstr("{\"messages\":1000,\"entries\":10,"));
  EXPECT_THAT(
      Run("yes 0123456789 | head -1000 | pulseal produce b --to orders --batch 1000 --batch-bytes 200 --json").out,
      HasSubstr("{\"messages\":1000,\"entries\":"));
  EXPECT_EQ(Run("pulseal consume b | sort | uniq -c").out, "   1000 0123456789\n");
}

TEST_F(BatchesTest, AMessageThatNoBatchHoldsGoesAloneInItsPlace) {
  Run("(seq 3; head -c 3000 /dev/zero | tr '\\0' x; echo; seq 4 6) > in");
  EXPECT_THAT(Run("pulseal produce t --to orders --batch 10 --batch-bytes 1000 --json < in").out,
              HasSubstr("{\"messages\":7,\"entries\":3,"));
  EXPECT_EQ(Run("pulseal consume t | cmp - in"), kQuietSuccess);
}

TEST_F(BatchesTest, LongMessagesGoInChunks) {
  Run("(echo short; head -c 2000000 /dev/urandom | base64 -w 0; echo; echo last) > in");
  EXPECT_THAT(Run("pulseal produce t --to orders --max-message-size 100000 --compression zstd --json < in").out,
              HasSubstr("{\"messages\":3,\"entries\":"));
  EXPECT_EQ(Run("pulseal consume t | cmp - in"), kQuietSuccess);
  EXPECT_THAT(Run("pulseal consume t --from 3"),
              ::testing::Field(&Outcome::err, HasSubstr("t: 1 message not read, the first in entry 3 at offset ")));
}

TEST_F(BatchesTest, AFailedBatchCountsAllItsMessages) {
  Run("seq 10 | pulseal produce t --to orders --batch 5");
  EXPECT_THAT(Run("pulseal consume t --key-dir s").err, HasSubstr("t: 10 messages not read, the first in entry 1 "));
  EXPECT_THAT(Run("pulseal consume t --key-dir s --on-failure discard").err, HasSubstr("t: 10 messages discarded, "));
}

TEST_F(BatchesTest, ABatchIsGivenAsCiphertextOnlyWhole) {
  Run("seq 10 | pulseal produce t --to orders --batch 5");
  const Outcome split = Run("pulseal consume t --key-dir s --on-failure consume");
  EXPECT_EQ(split.out, "");
  EXPECT_EQ(split.status, 1);
  const Outcome whole = Run("pulseal consume t --key-dir s --on-failure consume --deliver-whole-batch | wc -l");
  EXPECT_EQ(whole.out, "2\n");
  EXPECT_THAT(whole.err, HasSubstr("t: 10 messages given as ciphertext in base64, "));
}

TEST_F(BatchesTest, DataKeysRotateWhileMessagesGoOn) {
  Run("seq 200000 > in");
  const Outcome produced =
      Run("pulseal produce t --to orders --rotate-after-messages 1000 --json < in | "
          "grep -o '\"rotations\":[0-9]*' | cut -d: -f2");
  EXPECT_GT(std::stoi(produced.out), 1);
  EXPECT_EQ(Run("pulseal consume t | cmp - in"), kQuietSuccess);
  EXPECT_EQ(Run("seq 5 | pulseal produce t --to orders --rotate-after 90s"), kQuietSuccess);
  EXPECT_EQ(Run("seq 5 | pulseal produce t --to orders --rotate-after 25h"),
            (Outcome{2, "", "pulseal: --rotate-after: has to be a time from 1s to 24h, such as 90s, 30m or 4h\n"}));
  EXPECT_EQ(Run("seq 5 | pulseal produce t --to orders --compression lz5"),
            Usage("--compression: lz5 not in {lz4,none,snappy,zlib,zstd}; did you mean lz4?"));
}

TEST_F(BatchesTest, APauseSendsWhatTheBatchHolds) {
  EXPECT_EQ(Run("mkfifo pipe; pulseal produce t --to orders --batch 1000 < pipe & exec 3> pipe; seq 3 >&3; "
                "until [ \"$(pulseal consume t 2> /dev/null | tail -1)\" = 3 ]; do sleep 0.05; done; "
                "seq 4 6 >&3; exec 3>&-; wait; pulseal consume t | tr '\\n' ' '")
                .out,
            "1 2 3 4 5 6 ");
}

TEST_F(BatchesTest, FollowWaitsForMore) {
  EXPECT_EQ(Run("seq 3 | pulseal produce t --to orders; pulseal consume t --follow --count 6 > out & "
                "until [ \"$(tail -1 out)\" = 3 ]; do sleep 0.05; done; seq 4 6 | pulseal produce t --to orders; wait; "
                "tr '\\n' ' ' < out")
                .out,
            "1 2 3 4 5 6 ");
}

TEST_F(BatchesTest, FollowingEndsWithWhoeverReads) {
  EXPECT_EQ(Run("seq 3 | pulseal produce t --to orders; timeout 60 pulseal consume t --follow | head -1; "
                "echo ${PIPESTATUS[0]}")
                .out,
            "1\n141\n");
}

TEST_F(BatchesTest, FromAndCountChoose) {
  Run("seq 100 | pulseal produce t --to orders --batch 10");
  EXPECT_EQ(Run("pulseal consume t --from 10 | tr '\\n' ' '").out, "91 92 93 94 95 96 97 98 99 100 ");
  EXPECT_EQ(Run("pulseal consume t --from 2 --count 3"), (Outcome{0, "11\n12\n13\n", ""}));
  EXPECT_EQ(
      Run("pulseal consume t --from 0"),
      (Outcome{2, "", "pulseal: --from: Value 0 not in range 1 to 1000000000000 (see: pulseal consume --help)\n"}));
}

TEST_F(BatchesTest, PlaintextIsReadOnlyWhereItIsAllowed) {
  // A topic of one entry in clear, made with nothing of Pulseal's.
  Run("python3 -c 'from pulsar_bytes import *\n"
      "open(\"t\", \"wb\").write(topic_file(stored_entry(b\"\\x0a\\x01p\\x10\\x00\\x18\\x00\", b\"in clear\")))'");
  EXPECT_EQ(Run("pulseal consume t").status, 1);
  EXPECT_EQ(Run("pulseal consume t --require-encryption").out, "");
  EXPECT_EQ(Run("pulseal consume t --allow-plaintext"), (Outcome{0, "in clear\n", ""}));
  EXPECT_THAT(Run("pulseal consume t --allow-plaintext --format jsonl").out,
              HasSubstr("\"encrypted\":false,\"payload\":\"in clear\"}"));
}

TEST_F(BatchesTest, CountersCloseTheRun) {
  Run("seq 10 | pulseal produce t --to orders --batch 5");
  const Outcome consumed = Run("pulseal consume t --json > /dev/null");
  EXPECT_THAT(consumed.err, HasSubstr("{\"messages\":10,\"entries\":2,\"counters\":{\"messages_decrypted\":2,"));
  EXPECT_THAT(consumed.err, HasSubstr("\"unwraps\":1}}\n"));
}

TEST_F(BatchesTest, ProgressIsForTerminals) {
  Run("seq 300000 > in");
  EXPECT_EQ(Run("pulseal produce t --to orders < in"), kQuietSuccess);
  const std::string on_terminal = Run("script -qec 'pulseal consume t > out' log").out;
  EXPECT_THAT(on_terminal, HasSubstr("\r\x1b[Kpulseal: 50 %"));
  EXPECT_TRUE(on_terminal.size() > 3 && on_terminal.substr(on_terminal.size() - 4) == "\r\x1b[K") << on_terminal;
  EXPECT_EQ(Run("script -qec 'pulseal consume t --quiet > out' log").out, "");
}

}  // namespace
}  // namespace pulseal::testing
