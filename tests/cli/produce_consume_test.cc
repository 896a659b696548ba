// SPDX-License-Identifier: Apache-2.0
//
// produce and consume together: what goes in comes out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "pulseal/framing/entry.h"
#include "tests/cli/shell.h"
#include "tools/pulseal/topic_writer.h"

namespace pulseal::testing {
namespace {

using ::testing::HasSubstr;

Outcome Failure(const std::string& message) { return {3, "", "pulseal: " + message + "\n"}; }
const Outcome kQuietSuccess = {0, "", ""};

class ProduceConsumeTest : public ::testing::Test {
 protected:
  void SetUp() override { shell_.GiveKeyPair("rsa-2048", "orders"); }

  Outcome Run(const std::string& command) { return shell_.Run(command); }

  Shell shell_;
};

TEST_F(ProduceConsumeTest, LinesComeBackAsTheyWere) {
  EXPECT_EQ(Run("printf 'one\\ntwo\\n' | pulseal produce t.topic --to orders"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume t.topic"), (Outcome{0, "one\ntwo\n", ""}));
}

TEST_F(ProduceConsumeTest, EmptyLinesAndABareLastLineAreMessages) {
  EXPECT_EQ(Run("printf '\\n\\nlast' | pulseal produce t.topic --to orders"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume t.topic"), (Outcome{0, "\n\nlast\n", ""}));
}

TEST_F(ProduceConsumeTest, NoInputIsNoMessage) {
  EXPECT_EQ(Run("pulseal produce t.topic --to orders"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume t.topic"), kQuietSuccess);
}

TEST_F(ProduceConsumeTest, AnyBytesButALineFeed) {
  EXPECT_EQ(Run("head -c 3000000 /dev/urandom > in; echo >> in; pulseal produce t.topic --to orders < in && "
                "pulseal consume t.topic | cmp - in"),
            kQuietSuccess);
}

TEST_F(ProduceConsumeTest, ProducingAgainAppends) {
  EXPECT_EQ(Run("echo one | pulseal produce t.topic --to orders; echo two | pulseal produce t.topic --to orders; "
                "pulseal consume t.topic"),
            (Outcome{0, "one\ntwo\n", ""}));
}

TEST_F(ProduceConsumeTest, EachRecipientReadsWithNoKeyButHisOwnAndAStrangerNothing) {
  shell_.GivePublicKey("p-256", "audit");
  shell_.GivePrivateKey("rsa-2048", "orders", "o");
  shell_.GivePrivateKey("p-256", "audit", "a");
  shell_.GivePrivateKey("rsa-2048-other", "stranger", "s");
  EXPECT_EQ(Run("seq -f 'message %g in clear' 20000 > in; pulseal produce t.topic --to orders --to audit < in"),
            kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume t.topic --key-dir o | cmp - in"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume t.topic --key-dir a | cmp - in"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume t.topic --key-dir s"),
            (Outcome{1, "",
                     "pulseal: t.topic: 20000 messages not read, the first in entry 1 at offset 16: none of the 2 "
                     "wrapped keys (\"orders\", \"audit\") opens; wrapped key 1, for \"orders\": private key "
                     "\"orders\": s/orders.private.pem: no such file; who "
                     "can read it: pulseal inspect t.topic --entry 1\n"}));
  EXPECT_EQ(Run("grep -c 'in clear' t.topic; grep -c 'in clear' in").out, "0\n20000\n");
}

TEST_F(ProduceConsumeTest, TheWrongKeyOfTheRightName) {
  shell_.GivePrivateKey("rsa-2048-other", "orders", "other");
  Run("echo one | pulseal produce t.topic --to orders");
  const Outcome refused = Run("pulseal consume t.topic --key-dir other");
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("pulseal: t.topic: 1 message not read, the first in entry 1 at offset 16: "));
}

TEST_F(ProduceConsumeTest, FailureActions) {
  shell_.GiveKeyPair("rsa-2048-other", "other", "other");
  Run("echo one | pulseal produce t.topic --to orders; echo 22 | pulseal produce t.topic --to other --key-dir other; "
      "echo three | pulseal produce t.topic --to orders");
  const std::string where =
      ", the first in entry 2 at offset 378: wrapped key for \"other\": private key \"other\": "
      "keys/other.private.pem: no such file; who can read it: pulseal inspect t.topic --entry 2\n";
  EXPECT_EQ(Run("pulseal consume t.topic --on-failure fail"),
            (Outcome{1, "one\nthree\n", "pulseal: t.topic: 1 message not read" + where}));
  EXPECT_EQ(Run("pulseal consume t.topic --on-failure discard"),
            (Outcome{0, "one\nthree\n", "pulseal: t.topic: 1 message discarded" + where}));
  const Outcome consumed = Run("pulseal consume t.topic --on-failure consume | sed 2p -n | base64 -d | wc -c");
  EXPECT_EQ(consumed, (Outcome{0, "18\n", "pulseal: t.topic: 1 message given as ciphertext in base64" + where}));
}

TEST_F(ProduceConsumeTest, OneLineForEachCause) {
  shell_.GivePublicKey("rsa-2048-other", "other");
  shell_.GivePublicKey("rsa-2048-other", "broken");
  shell_.folder().Write("keys/broken.private.pem", "not a key\n");
  Run("seq 3 | pulseal produce t.topic --to other; seq 4 | pulseal produce t.topic --to broken; "
      "seq 2 | pulseal produce t.topic --to other; seq 5 | pulseal produce t.topic --to orders");
  const Outcome consumed = Run("pulseal consume t.topic");
  EXPECT_EQ(consumed.status, 1);
  EXPECT_EQ(consumed.out, "1\n2\n3\n4\n5\n");
  EXPECT_EQ(std::count(consumed.err.begin(), consumed.err.end(), '\n'), 2) << consumed.err;
  EXPECT_THAT(consumed.err, HasSubstr("pulseal: t.topic: 5 messages not read, the first in entry 1 at offset 16: "));
  EXPECT_THAT(consumed.err, HasSubstr("pulseal: t.topic: 4 messages not read, the first in entry 4 at offset "));
}

TEST_F(ProduceConsumeTest, TheLongestLineAndOneTooLong) {
  Run("{ echo first; head -c 5242880 /dev/zero; echo; head -c 5242881 /dev/zero; echo; echo last; head -c 20000000 "
      "/dev/zero; } > in");
  EXPECT_EQ(Run("pulseal produce t.topic --to orders < in"),
            (Outcome{1, "",
                     "pulseal: standard input: line 3 was left out: it is longer than 5 MiB (5242880 bytes)\n"
                     "pulseal: standard input: line 5 was left out: it is longer than 5 MiB (5242880 bytes)\n"}));
  EXPECT_EQ(Run("pulseal consume t.topic | cmp - <(sed -n '1p;2p;4p' in)"), kQuietSuccess);
}

// Public keys that can't serve: an environment failure that names the file, and no topic file.
TEST_F(ProduceConsumeTest, PublicKeysThatDoNotServe) {
  const std::string good = shell_.Contents("keys/orders.public.pem");
  shell_.folder().Write("keys/empty.public.pem", "");
  shell_.folder().Write("keys/text.public.pem", "hello\n");
  shell_.folder().Write("keys/cut.public.pem", good.substr(0, good.size() / 2));
  shell_.folder().Write("keys/private.public.pem", shell_.Contents("keys/orders.private.pem"));
  shell_.folder().Write("keys/long.public.pem", std::string(100'000, 'x'));
  shell_.folder().MakeFolder("keys/folder.public.pem");
  shell_.GivePublicKey("rsa-1024", "weak");
  for (const std::string name : {"missing", "empty", "text", "cut", "private", "long", "folder", "weak"}) {
    const Outcome refused = Run("echo one | pulseal produce t.topic --to orders --to " + name);
    EXPECT_EQ(refused.status, 3) << name;
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, HasSubstr("pulseal: public key \"" + name + "\"")) << name;
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused;
  }
  EXPECT_EQ(Run("ls"), (Outcome{0, "keys\n", ""}));
  EXPECT_EQ(Run("echo one | pulseal produce t.topic --to orders --key-dir none").status, 3);
}

TEST_F(ProduceConsumeTest, PrivateKeysThatDoNotServe) {
  Run("echo one | pulseal produce t.topic --to orders");
  const std::string good = shell_.Contents("keys/orders.private.pem");
  shell_.folder().Write("empty/orders.private.pem", "");
  shell_.folder().Write("text/orders.private.pem", "hello\n");
  shell_.folder().Write("cut/orders.private.pem", good.substr(0, good.size() / 2));
  shell_.folder().Write("public/orders.private.pem", shell_.Contents("keys/orders.public.pem"));
  shell_.GivePrivateKey("p-256", "orders", "ec");
  shell_.folder().MakeFolder("none");
  for (const std::string folder : {"empty", "text", "cut", "public", "ec", "none"}) {
    const Outcome refused = Run("pulseal consume t.topic --key-dir " + folder);
    EXPECT_EQ(refused.status, 1) << folder;
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, HasSubstr("pulseal: t.topic: 1 message not read, the first in entry 1 at offset 16: "));
    EXPECT_THAT(refused.err, HasSubstr("orders"));
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused;
  }
  EXPECT_EQ(Run("pulseal consume t.topic --key-dir missing"),
            Failure("missing: no such folder (--key-dir names another; pulseal keygen makes one)"));
  EXPECT_EQ(Run("echo x | pulseal produce u.topic --to orders --key-dir missing"),
            Failure("missing: no such folder (--key-dir names another; pulseal keygen makes one)"));
  EXPECT_EQ(Run("pulseal consume t.topic --key-dir t.topic"), Failure("t.topic is not a folder"));
}

TEST_F(ProduceConsumeTest, APrivateKeyThatOthersCanReadIsUsedWithAWarning) {
  Run("echo one | pulseal produce t.topic --to orders");
  const Outcome consumed = Run("chmod 644 keys/orders.private.pem; pulseal consume t.topic");
  EXPECT_EQ(consumed.status, 0);
  EXPECT_EQ(consumed.out, "one\n");
  EXPECT_THAT(consumed.err, HasSubstr("pulseal: warning: "));
}

TEST_F(ProduceConsumeTest, TopicsThatAreNone) {
  Run("touch empty; echo hello > text; mkfifo fifo; seq 10 | pulseal produce t.topic --to orders");
  EXPECT_EQ(Run("pulseal consume none"), Failure("none: No such file or directory"));
  EXPECT_EQ(Run("pulseal consume empty"), Failure("empty is empty: nothing was ever produced to it"));
  const std::string not_a_topic =
      "text is not a topic file: it doesn't begin with \"pulseal-topic 1\" and a line feed (offset 0)";
  EXPECT_EQ(Run("pulseal consume text"), Failure(not_a_topic));
  EXPECT_EQ(Run("echo x | pulseal produce text --to orders"), Failure(not_a_topic));
  EXPECT_EQ(Run("cat text").out, "hello\n");
  EXPECT_EQ(Run("pulseal consume keys"), Failure("keys is a folder; a topic is a file that \"pulseal produce\" makes"));
  EXPECT_EQ(Run("echo x | pulseal produce keys --to orders"), Failure("keys: Is a directory"));
  EXPECT_EQ(Run("echo x | pulseal produce none/t --to orders"), Failure("none/t: No such file or directory"));
  EXPECT_EQ(Run("pulseal consume fifo").status, 3);
  EXPECT_EQ(Run("echo x | pulseal produce fifo --to orders").status, 3);
  EXPECT_EQ(Run("printf x | pulseal produce empty --to orders && pulseal consume empty"), (Outcome{0, "x\n", ""}));
}

TEST_F(ProduceConsumeTest, AnInputOrOutputThatIsTheTopicItself) {
  Run("seq 10 | pulseal produce t.topic --to orders");
  EXPECT_EQ(Run("pulseal produce t.topic --to orders < t.topic"), Failure("t.topic is also the standard input"));
  EXPECT_EQ(Run("pulseal consume t.topic >> t.topic"),
            Failure("t.topic is also the standard output; write to another file"));
  EXPECT_EQ(Run("pulseal consume t.topic | wc -l").out, "10\n");
  EXPECT_EQ(Run("cp t.topic before; seq 10 | pulseal produce t.topic --to orders --json >> t.topic"),
            Failure("t.topic is also the standard output; write to another file"));
  EXPECT_EQ(Run("cmp t.topic before"), kQuietSuccess);
  // Here the shell has emptied it.
  EXPECT_EQ(Run("seq 10 | pulseal produce t.topic --to orders --json > t.topic"),
            Failure("t.topic is also the standard output; write to another file"));
  EXPECT_EQ(Run("cat t.topic"), kQuietSuccess);
}

TEST_F(ProduceConsumeTest, ATornTailIsReadUpToAndThenRemoved) {
  Run("echo one | pulseal produce t.topic --to orders; cp t.topic one.topic; echo two | pulseal produce t.topic --to "
      "orders; truncate -s -5 t.topic");
  EXPECT_EQ(Run("pulseal consume t.topic"),
            (Outcome{1, "one\n",
                     "pulseal: t.topic: ends inside a record: the last 357 bytes from offset 378 on not read; whoever "
                     "wrote it was cut off, and the next \"pulseal produce\" removes them\n"}));
  EXPECT_EQ(
      Run("echo three | pulseal produce t.topic --to orders"),
      (Outcome{0, "",
               "pulseal: t.topic: removed 357 bytes at the end, an incomplete record of a run that was cut off\n"}));
  EXPECT_EQ(Run("pulseal consume t.topic"), (Outcome{0, "one\nthree\n", ""}));
}

TEST_F(ProduceConsumeTest, DamageIsSkippedByReadersAndRefusedByWriters) {
  Run("for i in 1 2 3; do echo $i | pulseal produce t.topic --to orders; done");
  Run("printf X | dd of=t.topic bs=1 seek=20 conv=notrunc status=none");
  EXPECT_EQ(
      Run("pulseal consume t.topic"),
      (Outcome{1, "2\n3\n", "pulseal: t.topic: damaged in 1 place: 360 bytes skipped, the first at offset 16\n"}));
  Run("cp t.topic before");
  EXPECT_EQ(Run("echo 4 | pulseal produce t.topic --to orders"),
            Failure("t.topic: damaged at offset 16, so nothing was appended; \"pulseal consume t.topic\" reads what is "
                    "left of it. Append to another file"));
  EXPECT_EQ(Run("cmp t.topic before"), kQuietSuccess);
}

// Every head vouches for its offset, so that a byte more or less puts all that follows in the wrong place; and a byte for
// the one that is missing puts it back.
TEST_F(ProduceConsumeTest, ALostByteCostsAllBehindItUntilItIsFilledIn) {
  Run("for i in 1 2 3; do echo $i | pulseal produce whole.topic --to orders; done");
  // Byte 42 is in the "pulseal-" with which the producer's name begins: it is no X already, as a random one may be.
  Run("{ head -c 42 whole.topic; tail -c +44 whole.topic; } > t.topic");
  const Outcome consumed = Run("pulseal consume t.topic");
  EXPECT_EQ(consumed.status, 1);
  EXPECT_EQ(consumed.out, "");
  EXPECT_THAT(consumed.err, ::testing::EndsWith("pulseal: t.topic: damaged in 1 place: 719 bytes skipped, the first at "
                                                "offset 376; nothing can be read from offset 376 on\n"));
  EXPECT_EQ(Run("offset=42; { head -c $offset t.topic; printf X; tail -c +$((offset + 1)) t.topic; } > filled.topic; "
                "pulseal consume filled.topic 2> log")
                .out,
            "2\n3\n");
}

TEST_F(ProduceConsumeTest, ADamagedEntryIsNotReadAndTheOthersAre) {
  Run("for i in 1 2 3; do echo $i | pulseal produce t.topic --to orders; done");
  Run("printf X | dd of=t.topic bs=1 seek=42 conv=notrunc status=none");  // no X was there, as above
  const Outcome consumed = Run("pulseal consume t.topic --on-failure discard");
  EXPECT_EQ(consumed.status, 1);
  EXPECT_EQ(consumed.out, "2\n3\n");
  EXPECT_THAT(consumed.err,
              HasSubstr("pulseal: t.topic: 1 message not read, the first in entry 1 at offset 16: entry: its "
                        "checksum"));
  EXPECT_EQ(Run("echo 4 | pulseal produce t.topic --to orders").status, 3);
}

TEST_F(ProduceConsumeTest, AForgedPayloadIsNotRead) {
  // The payload's last byte changed and the entry's checksum made right: only the tag can tell.
  Run("seq 3 | pulseal produce t.topic --to orders");
  EXPECT_EQ(Run(R"(python3 - <<'END'
topic = bytearray(open("t.topic", "rb").read())
size = int.from_bytes(topic[20:24], "big")
topic[28 + size - 1] ^= 1
crc = 0xFFFFFFFF
for byte in topic[34:28 + size]:
    crc ^= byte
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
topic[30:34] = (crc ^ 0xFFFFFFFF).to_bytes(4, "big")
open("t.topic", "wb").write(topic)
END)"),
            kQuietSuccess);
  const Outcome consumed = Run("pulseal consume t.topic");
  EXPECT_EQ(consumed.status, 1);
  EXPECT_EQ(consumed.out, "2\n3\n");
  EXPECT_THAT(consumed.err, HasSubstr("pulseal: t.topic: 1 message not read, the first in entry 1 at offset 16: "));
}

TEST_F(ProduceConsumeTest, PlaintextIsNotRead) {
  // A topic file whose one record is a good entry without encryption.
  EXPECT_EQ(Run(R"(python3 - <<'END'
from pulsar_bytes import stored_entry, topic_file
entry = stored_entry(b"\x0a\x01p\x10\x00\x18\x00", b"an attacker's words")
open("t.topic", "wb").write(topic_file(entry))
END)"),
            kQuietSuccess);
  for (const std::string action : {"fail", "consume"}) {
    const Outcome consumed = Run("pulseal consume t.topic --on-failure " + action);
    EXPECT_EQ(consumed.status, 1);
    EXPECT_EQ(consumed.out, "");
    EXPECT_THAT(consumed.err, HasSubstr("pulseal: t.topic: 1 message not read, the first in entry 1 at offset 16: the "
                                        "message is not encrypted"));
    EXPECT_EQ(std::count(consumed.err.begin(), consumed.err.end(), '\n'), 1) << consumed.err;
  }
}

TEST_F(ProduceConsumeTest, FromBehindTheEnd) {
  Run("seq 3 | pulseal produce t.topic --to orders; pulseal produce none.topic --to orders");
  EXPECT_EQ(Run("pulseal consume t.topic --from 3"), (Outcome{0, "3\n", ""}));
  EXPECT_THAT(Run("pulseal consume t.topic --from 3 --json").err, HasSubstr("{\"messages\":1,\"entries\":1,"));
  EXPECT_EQ(Run("pulseal consume t.topic --from 4"),
            (Outcome{0, "", "pulseal: t.topic: nothing to read from entry 4 on: the last one is 3\n"}));
  EXPECT_EQ(Run("pulseal consume none.topic"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume none.topic --from 2"),
            (Outcome{0, "", "pulseal: none.topic: nothing to read from entry 2 on: the last one is 0\n"}));
  // With --follow it waits for that entry.
  EXPECT_EQ(Run("mkfifo out; pulseal consume t.topic --from 5 --follow > out & exec 3< out; "
                "seq 4 5 | pulseal produce t.topic --to orders; sed 1q <&3; exec 3<&-; wait $!; echo $?"),
            (Outcome{0, "5\n141\n", ""}));
}

TEST_F(ProduceConsumeTest, NamesThatAreNone) {
  for (const std::string name : {"../x", ".x", "a/b"}) {
    for (const std::string command : {"produce t.topic", "rewrap t.topic --out o"}) {
      const Outcome refused = Run("pulseal " + command + " --to " + name);
      EXPECT_EQ(refused.status, 2) << refused;
      EXPECT_THAT(refused.err, HasSubstr("pulseal: --to: a key name has 1 to 200 bytes, doesn't begin with a dot and "
                                         "has no slash; \"" +
                                         name + "\" can't be one"));
    }
  }
}

TEST_F(ProduceConsumeTest, ACommaSeparatesNoNames) {
  const Outcome refused = Run("pulseal produce t.topic --to orders,audit");
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, ::testing::EndsWith("; commas don't separate names: --to orders --to audit\n"));
  // It may be part of one.
  shell_.GiveKeyPair("rsa-2048", "a,b");
  EXPECT_EQ(Run("echo one | pulseal produce t.topic --to a,b && pulseal consume t.topic"), (Outcome{0, "one\n", ""}));
}

TEST_F(ProduceConsumeTest, ASecondWriterIsRefused) {
  const Outcome both = Run(
      "mkfifo go; pulseal produce t.topic --to orders < go & exec 3> go; echo one >&3; "
      "until pulseal consume t.topic 2> /dev/null | grep -q one; do :; done; "
      "echo two | pulseal produce t.topic --to orders; echo $?; exec 3>&-; wait $!; echo $?; pulseal consume t.topic");
  EXPECT_EQ(both,
            (Outcome{0, "3\n0\none\n",
                     "pulseal: t.topic: another program is writing to it (\"fuser t.topic\" shows which); wait for it "
                     "or use another file\n"}));
}

TEST_F(ProduceConsumeTest, AFullDiskKeepsWhatWasRecordedWhole) {
  const Outcome full = Run("seq 100000 > in; ulimit -f 2000; pulseal produce t.topic --to orders < in");
  EXPECT_EQ(full.status, 3);
  EXPECT_THAT(full.err, ::testing::MatchesRegex("pulseal: t.topic: File too large \\([0-9]+ messages recorded\\)\n"));
  EXPECT_EQ(Run("pulseal consume t.topic > out").status, 0);
  EXPECT_EQ(Run("echo $(wc -l < out) messages recorded").out,
            full.err.substr(full.err.find('(') + 1, full.err.find(')') - full.err.find('(') - 1) + "\n");
  EXPECT_EQ(Run("cmp out <(head -n $(wc -l < out) in)"), kQuietSuccess);
}

TEST_F(ProduceConsumeTest, OutputThatCanNotBeWritten) {
  Run("seq 10 | pulseal produce t.topic --to orders");
  EXPECT_EQ(Run("seq 11 13 | pulseal produce t.topic --to orders --json > /dev/full"),
            Failure("standard output: No space left on device (3 messages recorded all the same)"));
  EXPECT_EQ(Run("pulseal consume t.topic 2> log | tail -n 1").out, "13\n");
  EXPECT_EQ(Run("pulseal consume t.topic > /dev/full"), Failure("standard output: No space left on device"));
  EXPECT_EQ(Run("pulseal consume t.topic >&-"), Failure("standard output: Bad file descriptor"));
  EXPECT_EQ(Run("pulseal consume t.topic --json 2> /dev/full | wc -l; echo ${PIPESTATUS[0]}").out, "13\n3\n");
}

TEST_F(ProduceConsumeTest, InputThatCanNotBeRead) {
  EXPECT_EQ(Run("pulseal produce t.topic --to orders < ."),
            Failure("standard input: Is a directory (0 messages recorded)"));
  EXPECT_EQ(Run("pulseal produce t.topic --to orders <&-"),
            Failure("standard input: Bad file descriptor (0 messages recorded)"));
  EXPECT_EQ(Run("pulseal consume t.topic"), kQuietSuccess);
}

// The topic must not get a standard stream's number, and its bytes the program's messages.
TEST_F(ProduceConsumeTest, ClosedStandardStreams) {
  EXPECT_EQ(Run("{ head -c 6000000 /dev/zero; echo; echo x; } | pulseal produce t.topic --to orders >&- 2>&-").status,
            1);
  EXPECT_EQ(Run("pulseal consume t.topic"), (Outcome{0, "x\n", ""}));
}

TEST_F(ProduceConsumeTest, AReaderThatGoesAwayIsNoError) {
  EXPECT_EQ(Run("seq 200000 | pulseal produce t.topic --to orders"), kQuietSuccess);
  EXPECT_EQ(Run("pulseal consume t.topic | head -n 1; echo ${PIPESTATUS[0]}"), (Outcome{0, "1\n141\n", ""}));
}

TEST_F(ProduceConsumeTest, AnInterruptedProducerLeavesWholeRecordsAndSaysHowMany) {
  using Ending = std::pair<std::string, std::string>;
  for (const auto& [signal, status] : {Ending{"INT", "130"}, Ending{"TERM", "143"}, Ending{"HUP", "129"}}) {
    const Outcome interrupted = Run(
        "signal=" + signal +
        "; rm -f go t.topic; mkfifo go; env --default-signal=$signal pulseal produce t.topic --to orders < go & "
        "exec 3> go; printf 'one\\ntwo\\nhalf' >&3; until pulseal consume t.topic 2> /dev/null | grep -q two; do :; "
        "done; kill -$signal $!; wait $! 2> /dev/null; echo $?; pulseal consume t.topic");
    EXPECT_EQ(interrupted, (Outcome{0, status + "\none\ntwo\n", "pulseal: interrupted: 2 messages recorded\n"}));
  }
}

// As nohup starts it.
TEST_F(ProduceConsumeTest, AProducerThatIgnoresHangupsGoesOn) {
  EXPECT_EQ(
      Run("mkfifo go; env --ignore-signal=HUP pulseal produce t.topic --to orders < go & exec 3> go; echo one >&3; "
          "until pulseal consume t.topic 2> /dev/null | grep -q one; do :; done; "
          "kill -HUP $!; echo two >&3; exec 3>&-; wait $!; echo $?; pulseal consume t.topic"),
      (Outcome{0, "0\none\ntwo\n", ""}));
}

// The output is a pipe that nobody empties before the signal comes, and too small for the whole.
TEST_F(ProduceConsumeTest, AnInterruptedConsumerHasWrittenWholeLines) {
  EXPECT_EQ(Run("seq 100000 > in; pulseal produce t.topic --to orders < in; mkfifo slow"), kQuietSuccess);
  EXPECT_EQ(
      Run("env --default-signal=INT pulseal consume t.topic > slow & exec 3< slow; sed 1q <&3 > first; kill -INT $!; "
          "cat <&3 > rest; wait $!; echo $?"),
      (Outcome{0, "130\n", ""}));
  EXPECT_EQ(Run("test $(wc -l < rest) -lt 90000 && tail -c 1 rest | od -An -c | tr -d ' '"), (Outcome{0, "\\n\n", ""}));
}

// The limit is on address space, code and libraries included; sanitizers take terabytes of it.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// The next data key is prepared from half of the present one's messages on, so that most runs end in the middle of that.
TEST_F(ProduceConsumeTest, EndsWellWhileTheNextDataKeyIsBeingMade) {
  EXPECT_EQ(shell_.Run(R"sh(
seq 500 > in
for i in {1..100}; do
  rm -f t.topic
  pulseal produce t.topic --to orders --rotate-after-messages 100 < in || echo "status $?"
done
)sh"),
            (Outcome{0, "", ""}));
}

TEST_F(ProduceConsumeTest, MemoryDoesNotGrowWithTheInput) {
  EXPECT_EQ(
      Run("head -c 150000000 /dev/zero | tr '\\0' 'x' | fold -w 5000 > in; echo >> in; ulimit -v $((150 * 1024)); "
          "pulseal produce t.topic --to orders < in && pulseal consume t.topic | cmp - in"),
      kQuietSuccess);
}

// A topic of so many empty messages in clear.
void WriteEmptyMessages(const std::string& path, int messages) {
  const auto topic = tools::TopicWriter::Open(path);
  ASSERT_TRUE(topic.ok()) << topic.status();
  std::string entry;
  ASSERT_TRUE(framing::AppendEntry(std::string_view("\x0a\x00\x10\x00\x18\x00", 6), "", "", &entry).ok());
  for (int i = 0; i < messages; ++i) {
    const auto room = (*topic)->Reserve(entry.size());
    ASSERT_TRUE(room.ok()) << room.status();
    entry.copy(room->data(), entry.size());
    (*topic)->Commit(entry.size());
  }
  ASSERT_TRUE((*topic)->Flush().ok());
}

TEST_F(ProduceConsumeTest, MemoryDoesNotGrowWithTheEntries) {
  WriteEmptyMessages(shell_.folder() / "t.topic", 2'200'000);
  EXPECT_EQ(Run("ulimit -v $((64 * 1024)); pulseal consume t.topic --allow-plaintext | wc -l"),
            (Outcome{0, "2200000\n", ""}));
}

#endif

}  // namespace
}  // namespace pulseal::testing
