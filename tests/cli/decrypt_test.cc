// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/shell.h"

namespace pulseal::testing {
namespace {

using ::testing::HasSubstr;

class DecryptTest : public ::testing::Test {
 protected:
  void SetUp() override {
    shell_.GiveKeyPair("rsa-2048", "orders");
    shell_.GivePrivateKey("rsa-2048-other", "stranger", "s");
  }

  Outcome Run(const std::string& command) { return shell_.Run(command); }

  // Keeps what the stranger can't read of the topic t in kept.jsonl.
  void Keep() {
    Run("pulseal consume t --key-dir s --on-failure consume --deliver-whole-batch --format jsonl > kept.jsonl");
  }

  Shell shell_;
};

TEST_F(DecryptTest, AMessageThatWasKeptIsReadLater) {
  for (const std::string options : {"", "--compression zstd", "--compression snappy"}) {
    Run("rm -f t; printf '\\0one%0999d\\ntwo' 1 | pulseal produce t --to orders " + options);
    Keep();
    EXPECT_EQ(Run("head -1 kept.jsonl | pulseal decrypt | cmp - <(printf '\\0one%0999d' 1)"), (Outcome{0, "", ""}));
    EXPECT_EQ(Run("tail -1 kept.jsonl > one; pulseal decrypt one"), (Outcome{0, "two", ""}));
  }
}

TEST_F(DecryptTest, ABatchIsSplit) {
  Run("seq 5 | pulseal produce t --to orders --batch 5 --compression lz4");
  Keep();
  EXPECT_EQ(Run("pulseal decrypt kept.jsonl"), (Outcome{0, "1\n2\n3\n4\n5\n", ""}));
}

TEST_F(DecryptTest, ChunksArePutTogether) {
  for (const std::string options : {"", "--compression lz4"}) {
    Run("rm -f t; head -c 30000 /dev/urandom | base64 -w0 > in; "
        "pulseal produce t --to orders --max-message-size 10000 " +
        options + " < in");
    Keep();
    EXPECT_EQ(Run("pulseal decrypt kept.jsonl | cmp - in"), (Outcome{0, "", ""}));
    const Outcome lacking = Run("sed 2d kept.jsonl | pulseal decrypt");
    EXPECT_EQ(lacking.status, 1);
    EXPECT_EQ(lacking.out, "");
    EXPECT_THAT(lacking.err, HasSubstr("pulseal: standard input: line 1 was not decrypted: "));
    EXPECT_EQ(std::count(lacking.err.begin(), lacking.err.end(), '\n'), 1) << lacking.err;
  }
}

TEST_F(DecryptTest, ManyLinesOfAStream) {
  Run("seq 3 | pulseal produce t --to orders; seq 11 13 | pulseal produce t --to orders --batch 3");
  Keep();
  EXPECT_EQ(Run("pulseal decrypt < kept.jsonl"), (Outcome{0, "1\n2\n3\n11\n12\n13\n", ""}));
  EXPECT_EQ(Run("sed 's/^{/x/;3q' kept.jsonl > some; sed '1d' kept.jsonl >> some; echo >> some; pulseal decrypt some"),
            (Outcome{1, "2\n3\n11\n12\n13\n",
                     "pulseal: some: line 1 was not decrypted: not a JSON object in one line (of others jq -c makes "
                     "one)\n"
                     "pulseal: some: line 2 was not decrypted: not a JSON object in one line (of others jq -c makes "
                     "one)\n"
                     "pulseal: some: line 3 was not decrypted: not a JSON object in one line (of others jq -c makes "
                     "one)\n"}));
}

// All that "pulseal consume" would have written, had the key been there.
TEST_F(DecryptTest, KeysPropertiesAndTombstonesAsJson) {
  shell_.folder().Write("in",
                        "{\"payload\": null, \"key\": \"gone\"}\n"
                        "{\"payload\": \"one\", \"key_base64\": \"/w==\", \"ordering_key_base64\": \"AP8=\", "
                        "\"properties\": {\"a\": \"b\"}, \"event_time\": 7}\n");
  Run("pulseal produce t --to orders --format jsonl < in; pulseal produce t --to orders --format jsonl --batch 2 < in");
  Keep();
  EXPECT_EQ(Run("pulseal decrypt kept.jsonl --format jsonl | cmp - <(pulseal consume t --format jsonl)"),
            (Outcome{0, "", ""}));
  EXPECT_EQ(Run("pulseal decrypt kept.jsonl"), (Outcome{0, "\none\n\none\n", ""}));
}

TEST_F(DecryptTest, WhatCouldBeReadAtOnceIsPassedOver) {
  shell_.GiveKeyPair("rsa-2048-other", "other", "o");
  Run("echo one | pulseal produce t --to orders; echo two | pulseal produce t --to other --key-dir o; "
      "pulseal consume t --on-failure consume --format jsonl > kept.jsonl");
  EXPECT_EQ(Run("pulseal decrypt kept.jsonl --key-dir o"),
            (Outcome{0, "two", "pulseal: kept.jsonl: passed over 1 message that had been decrypted before\n"}));
}

TEST_F(DecryptTest, ACiphertextIsNotPassedOverForWantOfAMember) {
  Run("echo one | pulseal produce t --to orders");
  Keep();
  const std::string without = "import json\nkept = json.load(open('kept.jsonl'))\ndel kept['undecryptable']\n";
  shell_.folder().Write("without.py", without + "print(json.dumps(kept))\n");
  EXPECT_EQ(Run("python3 without.py | pulseal decrypt"), (Outcome{0, "one", ""}));
}

TEST_F(DecryptTest, AFrameOfTheWebSocketEndpoint) {
  Run("printf 'hello hello hello hello hello hello hello hello' | pulseal produce t --to orders --compression zlib");
  Keep();
  // What the endpoint makes of the same message.
  const Outcome made =
      Run("python3 - <<'END'\n"
          "import base64, json\n"
          "from pulsar_bytes import fields\n"
          "kept = json.loads(open('kept.jsonl').read())\n"
          "metadata = dict(fields(base64.b64decode(kept['context'])))\n"
          "key = dict(fields(metadata[13]))\n"
          "b64 = lambda b: base64.b64encode(b).decode()\n"
          "print(json.dumps({'messageId': 'CAAQAA==', 'payload': kept['payload_base64'], 'properties': {}, "
          "'encryptionContext':\n"
          "  {'keys': {key[1].decode(): {'keyValue': b64(key[2]), 'metadata': {}}}, 'param': b64(metadata[15]),\n"
          "   'compressionType': ['NONE', 'LZ4', 'ZLIB', 'ZSTD', 'SNAPPY'][metadata.get(8, 0)],\n"
          "   'uncompressedMessageSize': metadata[9], 'batchSize': None}}))\n"
          "END");
  ASSERT_EQ(made.status, 0) << made;
  ASSERT_THAT(made.out, HasSubstr("\"compressionType\": \"ZLIB\""));
  shell_.folder().Write("frame", made.out);
  EXPECT_EQ(Run("pulseal decrypt frame"), (Outcome{0, "hello hello hello hello hello hello hello hello", ""}));
}

TEST_F(DecryptTest, WhatCannotBeReadEndsWithOne) {
  Run("echo one | pulseal produce t --to orders");
  Keep();
  const Outcome stranger = Run("pulseal decrypt kept.jsonl --key-dir s");
  EXPECT_EQ(stranger.status, 1);
  EXPECT_EQ(stranger.out, "");
  EXPECT_THAT(stranger.err, HasSubstr("s/orders.private.pem: no such file"));
  EXPECT_EQ(Run("sed 's/\"payload_base64\":\"./\"payload_base64\":\"/' kept.jsonl | pulseal decrypt").status, 1);
  EXPECT_EQ(Run("echo x | pulseal decrypt"),
            (Outcome{1, "",
                     "pulseal: standard input: line 1 was not decrypted: not a JSON object in one line (of others jq "
                     "-c makes one)\n"}));
  EXPECT_EQ(Run("echo '{}' | pulseal decrypt"),
            (Outcome{1, "", "pulseal: standard input: line 1 was not decrypted: there is no \"payload_base64\"\n"}));
  EXPECT_EQ(
      Run("echo '{\"payload\": \"\", \"encryptionContext\": {\"keys\": 1}}' | pulseal decrypt"),
      (Outcome{1, "",
               "pulseal: standard input: line 1 was not decrypted: \"keys\" has to be an object of wrapped keys\n"}));
  EXPECT_EQ(Run("pulseal decrypt none"), (Outcome{3, "", "pulseal: none: No such file or directory\n"}));
}

}  // namespace
}  // namespace pulseal::testing
