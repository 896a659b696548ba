// SPDX-License-Identifier: Apache-2.0
//
// --format jsonl, into a topic and out of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/shell.h"

namespace pulseal::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class JsonLinesTest : public ::testing::Test {
 protected:
  void SetUp() override { shell_.GiveKeyPair("rsa-2048", "orders"); }

  Outcome Produce(const std::string& lines, const std::string& options = "") {
    shell_.folder().Write("in", lines);
    return shell_.Run("pulseal produce t --to orders --format jsonl " + options + " < in");
  }

  std::vector<json> Consume(const std::string& options = "") {
    std::vector<json> objects;
    std::istringstream lines(shell_.Run("pulseal consume t --format jsonl " + options).out);
    for (std::string line; std::getline(lines, line);) objects.push_back(json::parse(line));
    return objects;
  }

  Shell shell_;
};

constexpr char kThree[] =
    "{\"payload\": \"h\\u00e9\\u0000\", \"key\": \"k\", \"properties\": {\"a\": \"b\", \"c\": \"\"}, \"event_time\": "
    "7}\n"
    "{\"payload_base64\": \"//4A\", \"key_base64\": \"/w==\", \"ordering_key_base64\": \"AP8=\"}\n"
    "{\"payload\": null, \"key\": \"gone\"}\n";

TEST_F(JsonLinesTest, EverythingComesBackAloneAndInABatch) {
  for (const std::string options : {"", "--batch 10", "--batch 10 --compression zstd"}) {
    shell_.Run("rm -f t");
    EXPECT_EQ(Produce(kThree, options), (Outcome{0, "", ""}));
    const std::vector<json> messages = Consume();
    ASSERT_EQ(messages.size(), 3u);
    EXPECT_EQ(messages[0]["payload"], std::string("h\xc3\xa9\0", 4));
    EXPECT_EQ(messages[0]["key"], "k");
    EXPECT_EQ(messages[0]["properties"], (json{{"a", "b"}, {"c", ""}}));
    EXPECT_EQ(messages[0]["event_time"], 7);
    EXPECT_EQ(messages[0]["key_name"], "orders");
    EXPECT_EQ(messages[0]["encrypted"], true);
    EXPECT_EQ(messages[0]["entry"], 1);
    EXPECT_EQ(messages[0]["offset"], 16);
    EXPECT_EQ(messages[0].contains("batch_index"), !options.empty());
    EXPECT_EQ(messages[1]["payload_base64"], "//4A");
    EXPECT_EQ(messages[1]["key_base64"], "/w==");
    EXPECT_EQ(messages[1]["ordering_key_base64"], "AP8=");
    EXPECT_TRUE(messages[2]["payload"].is_null());
    EXPECT_EQ(messages[2]["sequence_id"], 2);
  }
}

TEST_F(JsonLinesTest, WhatIsConsumedCanBeProducedAgain) {
  Produce(kThree, "--batch 2");
  const std::vector<json> first = Consume();
  shell_.Run("pulseal consume t --format jsonl > again; rm t; pulseal produce t --to orders --format jsonl < again");
  const std::vector<json> second = Consume();
  ASSERT_EQ(second.size(), first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    for (const char* member : {"payload", "payload_base64", "key", "key_base64", "properties", "event_time"}) {
      EXPECT_EQ(second[i].value(member, json("none")), first[i].value(member, json("none"))) << member;
    }
  }
}

TEST_F(JsonLinesTest, WhatIsNoMessageIsLeftOutByItsNumber) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"nope", "is not a JSON object"},
      {"[1]", "is not a JSON object"},
      {"", "is not a JSON object"},
      {"{}", "needs one of \"payload\" and \"payload_base64\""},
      {"{\"payload\": \"a\", \"payload_base64\": \"\"}", "needs one of \"payload\" and \"payload_base64\""},
      {"{\"payload\": 1}", "isn't a message: \"payload\" has to be a text"},
      {"{\"payload_base64\": \"%\"}", "isn't a message: \"payload_base64\" has to be base64"},
      {"{\"payload\": \"\", \"key\": null}", "isn't a message: \"key\" has to be a text"},
      {"{\"payload\": \"\", \"key\": \"\", \"key_base64\": \"\"}", "has both \"key\" and \"key_base64\""},
      {"{\"payload\": \"\", \"properties\": {\"a\": 1}}",
       "isn't a message: \"properties\" has to be an object of texts"},
      {"{\"payload\": \"\", \"event_time\": -1}",
       "isn't a message: \"event_time\" has to be a number of milliseconds since 1970"},
      {"{\"payload\": \"\", \"propertis\": {}}", "has a member \"propertis\", which no message has"},
      {"{\"payload\": \"\xff\"}", "is not a JSON object"},
      {"{\"payload\": \"a\", \"payload\": \"b\"}", "has a member \"payload\" twice"},
  };
  for (const auto& [line, why] : kWrong) {
    shell_.Run("rm -f t");
    EXPECT_EQ(Produce("{\"payload\": \"one\"}\n" + std::string(line) + "\n{\"payload\": \"three\"}\n"),
              (Outcome{1, "", "pulseal: standard input: line 2 was left out: it " + std::string(why) + "\n"}));
    EXPECT_EQ(shell_.Run("pulseal consume t").out, "one\nthree\n");
  }
}

TEST_F(JsonLinesTest, TheFirstTenLinesThatAreNoMessagesAreNamedAndTheOthersCounted) {
  std::string named;
  for (int line = 1; line <= 10; ++line) {
    named += "pulseal: standard input: line " + std::to_string(line) + " was left out: it is not a JSON object\n";
  }
  shell_.Run("seq 10 | sed 's/$/x/' > in; echo '{\"payload\": \"good\"}' > good");
  EXPECT_EQ(shell_.Run("cat in good | pulseal produce t --to orders --format jsonl"), (Outcome{1, "", named}));
  EXPECT_EQ(shell_.Run("cat in good <(echo x) | pulseal produce t --to orders --format jsonl"),
            (Outcome{1, "", named + "pulseal: standard input: 1 more line was left out\n"}));
  EXPECT_EQ(shell_.Run("yes | head -n 2000 | cat in - good | pulseal produce t --to orders --format jsonl"),
            (Outcome{1, "", named + "pulseal: standard input: 2000 more lines were left out\n"}));
  EXPECT_EQ(shell_.Run("pulseal consume t").out, "good\ngood\ngood\n");
}

// One entry whose producer's name each of its messages repeats.
TEST_F(JsonLinesTest, AProducersNameIsCutAndAMessagesOwnDataIsNot) {
  const auto write_batch = [&](const std::string& name) {
    const Outcome written = shell_.Run(
        "python3 - <<'END'\n"
        "from pulsar_bytes import *\n"
        "name = " +
        name +
        "\n"
        "size = bytes([len(name) & 127 | 128, len(name) >> 7])\n"
        "messages = b'\\0\\0\\0\\2\\x18\\0' * 1000\n"
        "entry = stored_entry(b'\\x0a' + size + name + b'\\x10\\0\\x18\\0\\x58\\xe8\\x07', messages)\n"
        "open('t', 'wb').write(topic_file(entry))\n"
        "END");
    ASSERT_EQ(written, (Outcome{0, "", ""}));
  };
  const auto consume = [&] { return Consume("--allow-plaintext"); };
  write_batch("b'p' * 1024");
  ASSERT_EQ(consume().size(), 1000u);
  EXPECT_EQ(consume()[999]["producer"], std::string(1024, 'p'));
  EXPECT_FALSE(consume()[999].contains("producer_size"));
  write_batch("b'p' * 1025");
  EXPECT_EQ(consume()[999]["producer"], std::string(1024, 'p'));
  EXPECT_EQ(consume()[999]["producer_size"], 1025);
  // Not inside a character: of the last one here, of three bytes, two would have room.
  write_batch("b'pp' + b'\\xe2\\x82\\xac' * 3000");
  EXPECT_EQ(consume()[0]["producer"].get<std::string>().size(), 1022u);
  EXPECT_EQ(consume()[0]["producer_size"], 9002);
  write_batch("b'\\x80' * 2000");
  EXPECT_EQ(consume()[0]["producer_base64"].get<std::string>().size(), 1364u);
  // And what was cut can be produced again.
  EXPECT_EQ(shell_.Run("pulseal consume t --allow-plaintext --format jsonl > again; "
                       "pulseal produce u --to orders --format jsonl < again; pulseal consume u | wc -l"),
            (Outcome{0, "1000\n", ""}));
  const std::string long_key(100'000, 'k');
  shell_.Run("rm t");
  Produce("{\"payload\": \"\", \"key\": \"" + long_key + "\"}\n", "--batch 2");
  EXPECT_EQ(Consume()[0]["key"], long_key);
}

// What is text and what isn't, where a character lies across the pieces in which that is found out.
TEST_F(JsonLinesTest, TextIsToldFromBytesHoweverLongItIs) {
  std::vector<std::string> texts, others;
  for (int before = 4090; before <= 4096; ++before) {
    const std::string ascii(before, 'a');
    for (const std::string character : {"\xf0\x9f\x94\x91", "\xe2\x82\xac", "\xc3\xa9"}) {
      texts.push_back(ascii + character + "b");
      others.push_back(ascii + character.substr(0, character.size() - 1));
    }
    others.push_back(ascii + "\xed\xa0\x80");
  }
  std::string lines;
  for (const std::string& text : texts) lines += text + "\n";
  for (const std::string& other : others) lines += other + "\n";
  shell_.folder().Write("in", lines);
  shell_.Run("pulseal produce t --to orders < in");
  const std::vector<json> messages = Consume();
  ASSERT_EQ(messages.size(), texts.size() + others.size());
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(messages[i].value("payload", ""), texts[i]) << i;
  for (size_t i = texts.size(); i < messages.size(); ++i) EXPECT_TRUE(messages[i].contains("payload_base64")) << i;
}

TEST_F(JsonLinesTest, AThousandPropertiesAndNotOneMore) {
  std::string properties = "\"0\": \"\"";
  for (int i = 1; i < 1000; ++i) properties += ", \"" + std::to_string(i) + "\": \"\"";
  for (const std::string options : {"", "--batch 5"}) {
    shell_.Run("rm -f t");
    EXPECT_EQ(Produce("{\"payload\": \"a\", \"properties\": {" + properties +
                          "}}\n{\"payload\": \"b\", \"properties\": {" + properties + ", \"1000\": \"\"}}\n",
                      options),
              (Outcome{1, "", "pulseal: standard input: line 2 was left out: it has more than 1000 properties\n"}));
    const std::vector<json> messages = Consume();
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_EQ(messages[0]["properties"].size(), 1000u);
  }
}

TEST_F(JsonLinesTest, DeepNestingAndHugeNumbersAreOnlyRefused) {
  EXPECT_EQ(Produce("{\"payload\":" + std::string(100000, '[') + "}\n").status, 1);
  EXPECT_EQ(Produce("{\"payload\":" + std::string(100000, '[') + std::string(100000, ']') + "}\n").status, 1);
  EXPECT_EQ(Produce("{\"payload\":\"\",\"event_time\":1e400}\n").status, 1);
  EXPECT_EQ(Produce("{\"payload\":\"\",\"event_time\":99999999999999999999999}\n").status, 1);
}

TEST_F(JsonLinesTest, ManySmallValuesAreRefusedBeforeAnythingIsMadeOfThem) {
  std::string objects, numbers;
  for (int i = 0; i < 5000; ++i) {
    objects += "{},";
    numbers += "0,";
  }
  const std::string left_out = "pulseal: standard input: line 1 was left out: it ";
  for (const std::string& elements : {objects, numbers}) {
    EXPECT_EQ(Produce("{\"a\":[" + elements + "0]}\n"),
              (Outcome{1, "", left_out + "has more than 4096 JSON values\n"}));
    EXPECT_EQ(shell_.Run("pulseal decrypt in"),
              (Outcome{1, "", "pulseal: in: line 1 was not decrypted: the line has more than 4096 JSON values\n"}));
  }
  EXPECT_EQ(Produce("{\"a\":" + std::string(5000, '[') + "\n"),
            (Outcome{1, "", left_out + "has JSON more than 64 levels deep\n"}));
}

TEST_F(JsonLinesTest, WhatTheTerminalWouldObeyIsEscaped) {
  EXPECT_THAT(Produce("{\"payload\": \"\", \"\\u009b31m\": 1}\n").err,
              HasSubstr("\"\\xc2\\x9b\\x33\\x31m\", which no message has"));
  Produce("{\"payload\": \"\\u001b[31m\\u009b\", \"key\": \"\\u0007\"}\n");
  const std::string out = shell_.Run("pulseal consume t --format jsonl").out;
  EXPECT_THAT(out, HasSubstr("\"key\":\"\\u0007\",\"payload\":\"\\u001b[31m\\u009b\""));
  EXPECT_EQ(out.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace pulseal::testing
