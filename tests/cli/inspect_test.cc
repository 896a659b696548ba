// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/entry.h"
#include "tests/cli/shell.h"
#include "tests/support/wire_fields.h"
#include "tools/pulseal/topic_writer.h"

namespace pulseal::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Key(const std::string& name, const std::string& bytes) {
  return Bytes(13, Bytes(1, name) + Bytes(2, bytes));
}

std::string Base64(const std::string& bytes) { return absl::Base64Escape(bytes); }

// The fields that every message has.
std::string Plain() { return Bytes(1, "p") + Varint(2, 7) + Varint(3, 1'700'000'000'000); }

std::string Entry(const std::string& metadata, const std::string& payload) {
  std::string entry;
  EXPECT_TRUE(framing::AppendEntry(metadata, "", payload, &entry).ok());
  return entry;
}

class InspectTest : public ::testing::Test {
 protected:
  Outcome Inspect(const std::string& arguments) { return shell_.Run("pulseal inspect " + arguments); }

  void WriteTopic(const std::vector<std::string>& entries) {
    const auto topic = tools::TopicWriter::Open(shell_.folder() / "t.topic");
    ASSERT_TRUE(topic.ok());
    for (const std::string& entry : entries) {
      const auto room = (*topic)->Reserve(entry.size());
      ASSERT_TRUE(room.ok());
      std::copy(entry.begin(), entry.end(), room->begin());
      (*topic)->Commit(entry.size());
    }
    ASSERT_TRUE((*topic)->Flush().ok());
  }

  Shell shell_;
  const std::string nonce_ = "twelve bytes";
  const std::string orders_ = Key("orders", std::string(256, '\x80'));
  const std::string audit_ = Key("audit", "\x04" + std::string(116, 'a'));
  const std::string payload_ = "ciphertext and a tag of 16";
};

TEST_F(InspectTest, WhatProduceRecorded) {
  shell_.GivePublicKey("rsa-2048", "orders");
  shell_.GivePublicKey("p-256", "audit");
  shell_.GivePublicKey("p-384", "ops");
  shell_.GivePublicKey("p-521-explicit", "vault");
  shell_.Run(
      "seq 3 | pulseal produce t.topic --to orders --to audit --to ops --to vault;"
      "seq 2 | pulseal produce t.topic --to orders; rm -r keys");
  EXPECT_EQ(Inspect("t.topic"),
            (Outcome{0,
                     "topic              t.topic\n"
                     "entries            5, " +
                         shell_.Run("echo $(($(stat -c %s t.topic) - 16 - 5 * 12))").out.substr(0, 4) +
                         " bytes\n"
                         "messages           5\n"
                         "encrypted          5 entries, with 2 data keys\n"
                         "readable by        \"audit\"  p-256 (ECIES): 3 entries, 3 messages\n"
                         "                   \"ops\"  p-384 (ECIES): 3 entries, 3 messages\n"
                         "                   \"orders\"  rsa-2048 (RSA-OAEP): 5 entries, 5 messages\n"
                         "                   \"vault\"  p-521 (ECIES): 3 entries, 3 messages\n"
                         "plaintext          none\n"
                         "compression        none 5 entries\n",
                     ""}));
}

TEST_F(InspectTest, EveryKindOfEntry) {
  const std::string sealed = Plain() + orders_ + Bytes(15, nonce_);
  WriteTopic({Entry(sealed + Varint(9, 10), payload_), Entry(Plain(), "anybody's words"),
              Entry(sealed + Varint(8, 3) + Varint(9, 1000) + Varint(11, 16), payload_),
              Entry(sealed + Bytes(26, "u\x1b[31m") + Varint(27, 2) + Varint(29, 0), payload_),
              Entry(sealed + Bytes(26, "u\x1b[31m") + Varint(27, 2) + Varint(29, 1), payload_),
              Entry(Plain() + Varint(8, 77) + audit_ + Bytes(15, nonce_), payload_)});
  EXPECT_EQ(
      Inspect("t.topic --entries").out,
      "1 at 16: for \"orders\" rsa-2048 (RSA-OAEP); payload 26 bytes; nonce 7477656c7665206279746573\n"
      "2 at 362: PLAINTEXT; payload 15 bytes\n"
      "3 at 411: for \"orders\" rsa-2048 (RSA-OAEP); payload 26 bytes; nonce 7477656c7665206279746573; "
      "zstd, 1000 bytes uncompressed; batch of 16\n"
      "4 at 762: for \"orders\" rsa-2048 (RSA-OAEP); payload 26 bytes; nonce 7477656c7665206279746573; "
      "chunk 1 of 2 of \"u\\x1b[31m\"\n"
      "5 at 1121: for \"orders\" rsa-2048 (RSA-OAEP); payload 26 bytes; nonce 7477656c7665206279746573; "
      "chunk 2 of 2 of \"u\\x1b[31m\"\n"
      "6 at 1480: for \"audit\" p-256 (ECIES); payload 26 bytes; nonce 7477656c7665206279746573; "
      "unknown, 0 bytes uncompressed\n"
      "\n"
      "topic              t.topic\n"
      "entries            6, 1596 bytes\n"
      "messages           20\n"
      "encrypted          5 entries, with 2 data keys\n"
      "readable by        \"audit\"  p-256 (ECIES): 1 entry, 1 message\n"
      "                   \"orders\"  rsa-2048 (RSA-OAEP): 4 entries, 18 messages\n"
      "plaintext          1 entry, 1 message, the first in entry 2 at offset 362: anybody can read and could have "
      "written them\n"
      "compression        none 4 entries, unknown 1 entry, zstd 1 entry\n"
      "batches            1 entry, 16 messages\n"
      "chunks             2 entries, 1 message\n");
  EXPECT_EQ(Inspect("t.topic").status, 0);
}

TEST_F(InspectTest, OneEntryFieldByField) {
  const std::string key_metadata = Bytes(3, Bytes(1, "version") + Bytes(2, "1.0"));
  const std::string metadata = Plain() + Bytes(4, Bytes(1, "k\n") + Bytes(2, "v\xff")) + Varint(8, 1) + Varint(9, 100) +
                               Varint(11, static_cast<uint64_t>(int64_t{-2})) + Varint(25, 1) + Varint(99, 5) +
                               Bytes(98, "\x01") +
                               Bytes(13, Bytes(1, "ord\"ers") + Bytes(2, "wrapped") + key_metadata) + Bytes(15, nonce_);
  WriteTopic({Entry(Plain(), ""), Entry(metadata, payload_)});
  EXPECT_EQ(Inspect("t.topic --entry 2"),
            (Outcome{0,
                     "entry              2 at offset 50\n"
                     "metadata           97 bytes\n"
                     "payload            26 bytes, 10 without the tag\n"
                     "producer           \"p\", sequence 7\n"
                     "published          2023-11-14T22:13:20.000Z\n"
                     "compression        lz4, 100 bytes uncompressed\n"
                     "batch              of -2\n"
                     "readable by        \"ord\\\"ers\"  unknown (7 bytes), 7 bytes, \"version\" = \"1.0\"\n"
                     "nonce              7477656c7665206279746573\n"
                     "\n"
                     "offset  field   name                       value\n"
                     "     0  1       producer_name              \"p\"\n"
                     "     3  2       sequence_id                7\n"
                     "     5  3       publish_time               1700000000000 (2023-11-14T22:13:20.000Z)\n"
                     "    12  4       properties                 8 bytes\n"
                     "    14  4.1     key                        \"k\\n\"\n"
                     "    18  4.2     value                      \"v\\xff\"\n"
                     "    22  8       compression                1 (lz4)\n"
                     "    24  9       uncompressed_size          100\n"
                     "    26  11      num_messages_in_batch      -2\n"
                     "    37  25      null_value                 true\n"
                     "    40  99      (unknown)                  5\n"
                     "    43  98      (unknown)                  01\n"
                     "    47  13      encryption_keys            34 bytes\n"
                     "    49  13.1    key                        \"ord\\\"ers\"\n"
                     "    58  13.2    value                      77726170706564\n"
                     "    67  13.3    metadata                   14 bytes\n"
                     "    69  13.3.1  key                        \"version\"\n"
                     "    78  13.3.2  value                      \"1.0\"\n"
                     "    83  15      encryption_param           7477656c7665206279746573\n",
                     ""}));
  EXPECT_EQ(Inspect("t.topic --entry 3"), (Outcome{1, "", "pulseal: t.topic has no entry 3, only 2\n"}));
  EXPECT_EQ(Inspect("t.topic --entry 0").status, 2);
}

TEST_F(InspectTest, JsonOneObjectToALineWhateverTheBytesAre) {
  WriteTopic({Entry(Plain() + Key("\xff\x1b", std::string(384, 'x')) + Bytes(15, nonce_) + Varint(11, 3), payload_),
              Entry(Plain() + orders_, payload_), Entry(Bytes(1, "\xc3\x28"), "")});
  const Outcome inspected = Inspect("t.topic --entries --json > out; echo $?; LC_ALL=C grep -c '[^ -~]' out");
  EXPECT_EQ(inspected.out, "1\n0\n");
  EXPECT_EQ(
      Inspect("t.topic --entry 1 --json > one; cat > read.py <<'END'\n"
              R"(import json
first, second, third, summary = [json.loads(line) for line in open("out")]
print(first["kind"], first["entry"], first["offset"], first["payload_size"], first["encrypted"], first["nonce"],
      first["messages_in_batch"], ascii(first["keys"]))
print(second["problem"], second["keys"][0]["key_name"])
print(third["encrypted"], third["keys"], ascii(third["producer_name"]))
print({name: summary[name] for name in ("kind", "topic", "entries", "messages", "encrypted_entries", "data_keys",
                                        "plaintext_entries", "batch_entries", "malformed_entries", "compression")})
print(len(summary["keys"]), summary["keys"][0]["wrapping"], summary["keys"][0]["messages"])
fields = {field["field"]: field for field in json.load(open("one"))["fields"]}
print(fields["13.1"]["hex"], ascii(fields["13.1"]["text"]), fields["11"]["number"], fields["13.2"]["size"])
END
python3 read.py)"),
      (Outcome{0,
               "entry 1 16 26 True 7477656c7665206279746573 3 [{'key_name': '\\ufffd\\x1b', 'wrapping': 'rsa-3072 "
               "(RSA-OAEP)', 'wrapped_size': 384, 'metadata': {}}]\n"
               "its nonce (field 15) has 0 bytes instead of 12 orders\n"
               "False [] '\\ufffd('\n"
               "{'kind': 'summary', 'topic': 't.topic', 'entries': 3, 'messages': 5, 'encrypted_entries': 1, "
               "'data_keys': 1, 'plaintext_entries': 1, 'batch_entries': 1, 'malformed_entries': 1, "
               "'compression': {'none': 2}}\n"
               "1 rsa-3072 (RSA-OAEP) 3\n"
               "ff1b '\\ufffd\\x1b' 3 387\n",
               ""}));
}

TEST_F(InspectTest, WhatIsMalformed) {
  const auto expect_problem = [&](const std::string& metadata, const std::string& payload, const std::string& problem) {
    shell_.folder().Write("entry", Entry(metadata, payload));
    const Outcome inspected = Inspect("--stored-entry entry");
    EXPECT_EQ(inspected.status, 1);
    EXPECT_EQ(inspected.err, "");
    EXPECT_THAT(inspected.out, HasSubstr("\nproblem            " + problem));
    EXPECT_THAT(inspected.out, Not(HasSubstr("PLAINTEXT")));
  };
  expect_problem(Plain() + orders_ + Bytes(15, "eleven byte"), payload_, "its nonce (field 15) has 11 bytes");
  expect_problem(Plain() + orders_ + Bytes(15, nonce_), "fifteen bytes..",
                 "its payload has 15 bytes, fewer than the tag alone (16)\n");
  expect_problem(Plain() + orders_.substr(0, 100), payload_,
                 "message metadata is malformed: field 13 at offset 12 of ");
  expect_problem(Plain() + Bytes(13, Bytes(1, "no bytes")), payload_,
                 "the bytes of field 13 at offset 14: a wrapped key (field 13) has no key name or no bytes");
  std::string keys;
  for (int i = 0; i < 65; ++i) keys += orders_;
  expect_problem(Plain() + keys, payload_, "message metadata is malformed: field 13 at offset ");
}

TEST_F(InspectTest, DamageAnywhere) {
  const std::string good = Entry(Plain() + orders_ + Bytes(15, nonce_), payload_);
  std::string flipped = good;
  flipped.back() ^= 1;
  WriteTopic({good, flipped, good, good});
  const std::string record = std::to_string(good.size() + 12);
  shell_.Run("printf XX | dd of=t.topic bs=1 seek=$((16 + 2 * " + record +
             ")) conv=notrunc 2> log; truncate -s -5 t.topic");
  const Outcome inspected = Inspect("t.topic --entries");
  EXPECT_EQ(inspected.status, 1);
  EXPECT_EQ(inspected.err, "");
  EXPECT_THAT(inspected.out, ContainsRegex("\n2 at 360: malformed: .*checksum"));
  EXPECT_THAT(inspected.out, HasSubstr("\n- at 704: damaged, 344 bytes\n- at 1048: cut short, 339 bytes\n\ntopic"));
  EXPECT_THAT(inspected.out,
              ContainsRegex("\nmalformed          1 entry, the first in entry 2 at offset 360: .*checksum"));
  EXPECT_THAT(
      inspected.out,
      HasSubstr("\ndamaged            1 place, 344 bytes, the first at offset 704; no entry from offset 704 on\n"
                "cut short          the last 339 bytes, from offset 1048\n"));
  const Outcome damaged = Inspect("t.topic --entry 2");
  EXPECT_EQ(damaged.status, 1);
  EXPECT_EQ(damaged.out, "");
  EXPECT_THAT(damaged.err, ContainsRegex("^pulseal: t.topic: entry 2 at offset 360: .*checksum"));
  const std::string json = Inspect("t.topic --entries --json").out;
  EXPECT_THAT(json, ContainsRegex("\n\\{\"kind\":\"entry\",\"entry\":2,\"offset\":360,\"problem\":\"[^\"]*\"\\}\n"));
  EXPECT_THAT(json, HasSubstr("\n{\"kind\":\"damage\",\"offset\":704,\"size\":344}\n"
                              "{\"kind\":\"torn_tail\",\"offset\":1048,\"size\":339}\n{\"kind\":\"summary\""));
}

TEST_F(InspectTest, AStoredEntryOrItsPartsFromFilesAndPipes) {
  const std::string metadata = Plain() + orders_ + Bytes(15, nonce_);
  shell_.folder().Write("entry", Entry(metadata, payload_));
  shell_.folder().Write("metadata", metadata);
  shell_.folder().Write("payload", payload_);
  const Outcome whole = Inspect("--stored-entry entry");
  EXPECT_EQ(whole.status, 0);
  EXPECT_THAT(whole.out, StartsWith("metadata           296 bytes\npayload            26 bytes, 10 without the tag\n"));
  EXPECT_EQ(Inspect("--stored-entry - < entry"), whole);
  EXPECT_EQ(Inspect("--stored-entry <(cat entry)"), whole);
  EXPECT_EQ(Inspect("--metadata metadata --payload payload"), whole);
  EXPECT_EQ(Inspect("--metadata - --payload payload < metadata"), whole);
  EXPECT_EQ(Inspect("--metadata metadata --payload <(cat payload)"), whole);
  EXPECT_THAT(Inspect("--metadata metadata").out, HasSubstr("\npayload            not given\n"));
}

TEST_F(InspectTest, InputThatIsNotThat) {
  const auto failure = [](int status, const std::string& message) {
    return Outcome{status, "", "pulseal: " + message + "\n"};
  };
  EXPECT_EQ(Inspect("none.topic"), failure(3, "none.topic: No such file or directory"));
  EXPECT_EQ(Inspect("--stored-entry none"), failure(3, "none: No such file or directory"));
  EXPECT_EQ(Inspect("--stored-entry ."), failure(3, ".: a folder, not a file"));
  EXPECT_EQ(Inspect("--metadata /dev/zero"),
            failure(3, "/dev/zero: more than 5242880 bytes, which is too long to be that"));
  EXPECT_EQ(Inspect("--stored-entry /dev/zero"),
            failure(3, "/dev/zero: more than 67108864 bytes, which is too long to be that"));
  EXPECT_EQ(Inspect("--stored-entry - <&-"), failure(3, "standard input: Bad file descriptor"));
  EXPECT_EQ(Inspect("--metadata /dev/null --payload none"), failure(3, "none: No such file or directory"));
  for (const std::string length : {"0", "1", "9", "10", "40"}) {
    shell_.folder().Write("entry", Entry(Plain(), payload_));
    const Outcome cut = shell_.Run("head -c " + length + " entry | pulseal inspect --stored-entry -");
    EXPECT_EQ(cut.status, 1);
    EXPECT_EQ(cut.out, "");
    EXPECT_THAT(cut.err, StartsWith("pulseal: -: "));
  }
  EXPECT_EQ(shell_.Run("head -c 3000 /dev/urandom | pulseal inspect --stored-entry -").status, 1);
  EXPECT_EQ(shell_.Run("printf '\\x0a\\x05x' | pulseal inspect --metadata -").status, 1);
  EXPECT_EQ(Inspect("--metadata /dev/null > /dev/full"), failure(3, "standard output: No space left on device"));
}

// Nothing is added for a terminal, and nothing that others chose gets through to it.
TEST_F(InspectTest, OnATerminalAsInAPipe) {
  WriteTopic({Entry(Plain() + Key("\x1b[31m\xc2\x9b", std::string(256, 'x')) + Bytes(15, nonce_), payload_)});
  const Outcome piped = Inspect("t.topic --entries --json; pulseal inspect t.topic --entry 1; pulseal inspect t.topic");
  const Outcome shown = shell_.Run(
      "script -qec 'pulseal inspect t.topic --entries --json; pulseal inspect t.topic --entry 1; pulseal inspect "
      "t.topic' "
      "/dev/null | tr -d '\\r'");
  EXPECT_EQ(shown.out, piped.out);
  EXPECT_THAT(shown.out, HasSubstr("\\x1b[31m\\xc2\\x9b"));
  EXPECT_THAT(shown.out, Not(HasSubstr("\x1b")));
}

TEST_F(InspectTest, Usage) {
  const std::string see = " (see: pulseal inspect --help)\n";
  const std::string one =
      "pulseal: exactly one of TOPIC, --stored-entry, --metadata and --peek-headers is required" + see;
  EXPECT_EQ(Inspect(""), (Outcome{2, "", one}));
  EXPECT_EQ(Inspect("t.topic --metadata m"), (Outcome{2, "", one}));
  EXPECT_EQ(Inspect("--metadata m --entry 1"),
            (Outcome{2, "", "pulseal: --entry and --entries belong to a TOPIC" + see}));
  EXPECT_EQ(Inspect("t.topic --entries --entry 1"),
            (Outcome{2, "", "pulseal: --entry and --entries exclude each other" + see}));
  EXPECT_EQ(Inspect("t.topic --payload p"),
            (Outcome{2, "", "pulseal: --payload belongs to --metadata or --peek-headers" + see}));
  EXPECT_EQ(Inspect("--metadata - --payload -"), (Outcome{2, "", "pulseal: standard input can't be both" + see}));
}

// As the broker's PersistentTopicsBase.generateResponseWithEntry writes them.
TEST_F(InspectTest, TheHeadersOfAPeek) {
  const std::string headers = absl::StrCat(
      "HTTP/1.1 307 Temporary Redirect\r\nX-Pulsar-producer-name: not this one\r\n\r\n"
      "HTTP/1.1 200 OK\r\nDate: Thu, 16 Jul 2026 10:00:00 GMT\r\nX-Pulsar-Message-ID: 262:0\r\n"
      "X-Pulsar-PROPERTY-colour: blue: dark\r\nX-Pulsar-publish-time: 2023-11-14T23:13:20.001+01:00\r\n"
      "X-Pulsar-num-batch-message: 16\r\nX-Pulsar-batch-size: 1000\r\nX-Pulsar-Is-Encrypted: true\r\n"
      "x-pulsar-producer-name: p\r\nX-Pulsar-sequence-id: 7\r\nX-Pulsar-compression: ZSTD\r\n"
      "X-Pulsar-uncompressed-size: 1000\r\nX-Pulsar-Base64-encryption-keys: ",
      Base64(orders_.substr(3)), "\r\nX-Pulsar-Base64-encryption-keys: ", Base64(audit_.substr(2)),
      "\r\nX-Pulsar-Base64-encryption-param: ", Base64(nonce_), "\r\nX-Pulsar-PROPERTY-TOTAL-CHUNKS: 3\r\n",
      "X-Pulsar-null-value: false\r\nX-Pulsar-txnid-most-bits: -1\r\n\r\nX-Pulsar-uuid: a payload's line\n");
  shell_.folder().Write("headers", headers);
  shell_.folder().Write("payload", payload_);
  const Outcome inspected = Inspect("--peek-headers headers --payload payload");
  EXPECT_EQ(inspected.status, 0) << inspected;
  EXPECT_THAT(inspected.out, HasSubstr("payload            26 bytes, 10 without the tag\n"
                                       "producer           \"p\", sequence 7\n"
                                       "published          2023-11-14T22:13:20.001Z\n"
                                       "compression        zstd, 1000 bytes uncompressed\n"
                                       "batch              of 16\n"
                                       "readable by        \"orders\"  rsa-2048 (RSA-OAEP), 256 bytes\n"
                                       "                   \"audit\"  p-256 (ECIES), 117 bytes\n"
                                       "nonce              7477656c7665206279746573\n"));
  EXPECT_THAT(inspected.out, HasSubstr("4.1     key                        \"colour\"\n"));
  EXPECT_THAT(inspected.out, HasSubstr("4.2     value                      \"blue: dark\"\n"));
  EXPECT_THAT(inspected.out, HasSubstr("txnid_most_bits            18446744073709551615\n"));
  EXPECT_THAT(inspected.out, Not(HasSubstr("CHUNK")));
  EXPECT_THAT(inspected.out, Not(HasSubstr("uuid")));
  EXPECT_EQ(Inspect("--peek-headers - --payload payload < headers"), inspected);
}

TEST_F(InspectTest, PropertiesAsNewerBrokersGiveThem) {
  shell_.folder().Write("headers",
                        "X-Pulsar-PROPERTY: {\"a\":\"1\",\"b\":\"\\u00e4\"}\nX-Pulsar-Is-Encrypted: false\n");
  const Outcome inspected = Inspect("--peek-headers headers");
  EXPECT_EQ(inspected.status, 0);
  EXPECT_THAT(inspected.out, HasSubstr("readable by        anybody: PLAINTEXT, which anybody could have written\n"));
  EXPECT_THAT(inspected.out, HasSubstr("4.2     value                      \"\\xc3\\xa4\"\n"));
}

TEST_F(InspectTest, HeadersThatSayTooLittle) {
  const auto expect_refused = [&](const std::string& headers, const std::string& why) {
    shell_.folder().Write("headers", headers);
    const Outcome refused = Inspect("--peek-headers headers");
    EXPECT_EQ(refused.status, 1);
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, StartsWith("pulseal: headers: " + why));
  };
  expect_refused("", "no X-Pulsar- headers");
  expect_refused("HTTP/1.1 200 OK\r\nServer: other\r\n\r\nbody", "no X-Pulsar- headers");
  expect_refused("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                 "the broker gave no message but answered \"HTTP/1.1 404 Not Found\"\n");
  expect_refused("X-Pulsar-Is-Encrypted: true\n", "the message is encrypted, and this broker doesn't tell its wrapped");
  expect_refused("X-Pulsar-sequence-id: \x1b[31m\n",
                 "the header X-Pulsar-sequence-id has a value that it can't have: \"\\x1b[31m\"\n");
  for (const std::string header :
       {"Base64-encryption-param: *", "Base64-encryption-keys: *", "publish-time: yesterday", "compression: RAR",
        "num-batch-message: 1x", "PROPERTY: {", "PROPERTY: [1]", "PROPERTY: {\"a\":1}"}) {
    expect_refused("X-Pulsar-" + header + "\n", "the header X-Pulsar-");
  }
}

// Names and data keys of a hostile topic are bounded; the wrapped keys beyond are still counted.
TEST_F(InspectTest, ATopicOfManyNames) {
  std::vector<std::string> entries;
  for (int i = 0; i < 1200; ++i) {
    entries.push_back(Entry(Plain() + Key(std::to_string(i), std::string(256, 'x')) + Bytes(15, nonce_), payload_));
  }
  WriteTopic(entries);
  const Outcome inspected = Inspect("t.topic");
  EXPECT_EQ(inspected.status, 0);
  EXPECT_THAT(inspected.out, HasSubstr("encrypted          1200 entries, with 1200 data keys\n"));
  EXPECT_THAT(inspected.out, HasSubstr("\n                   further keys: 200 wrapped keys\n"));
  EXPECT_EQ(std::count(inspected.out.begin(), inspected.out.end(), '\n'), 1007);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(InspectTest, MemoryDoesNotGrowWithTheTopic) {
  shell_.GivePublicKey("rsa-2048", "orders");
  EXPECT_EQ(
      shell_.Run("head -c 200000000 /dev/zero | tr '\\0' 'x' | fold -w 5000 | pulseal produce t.topic --to orders; "
                 "ulimit -v $((60 * 1024)); pulseal inspect t.topic | sed -n 3p; pulseal inspect t.topic --entries "
                 "| grep -c nonce"),
      (Outcome{0, "messages           40000\n40000\n", ""}));
}
#endif

}  // namespace
}  // namespace pulseal::testing
