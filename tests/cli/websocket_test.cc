// SPDX-License-Identifier: Apache-2.0
//
// Topics that are URLs, against something that behaves, or misbehaves, as Pulsar's WebSocket endpoint does
// (tests/support/python/websocket_endpoint.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/cli/shell.h"

namespace pulseal::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

class WebSocketTest : public ::testing::Test {
 protected:
  void SetUp() override { shell_.GiveKeyPair("rsa-2048", "orders"); }

  // `command` beside an endpoint with `options`. The port, which is another one each time, is PORT in what it reports.
  Outcome Beside(const std::string& options, const std::string& command) const {
    Outcome outcome =
        shell_.Run("export TIMEFORMAT=; python3 -m websocket_endpoint " + options + " -- " +
                   absl::StrCat("'echo $PORT > port; ", absl::StrReplaceAll(command, {{"'", "'\\''"}}), "'"));
    std::string port = shell_.Contents("port");
    port = port.substr(0, port.find('\n'));
    outcome.err = absl::StrReplaceAll(outcome.err, {{":" + port, ":PORT"}});
    return outcome;
  }

  // What the endpoint says became of it.
  Json Endpoint() const { return Json::parse(shell_.Contents("endpoint.json")); }

  Shell shell_;
};

constexpr char kTopic[] = "ws://127.0.0.1:PORT/public/default/orders";

TEST_F(WebSocketTest, WhatIsProducedIsConsumed) {
  EXPECT_EQ(Beside("",
                   "seq 3000 | pulseal produce $URL/orders --to orders && "
                   "pulseal consume $URL/orders --subscription s --count 3000 | cmp - <(seq 3000)"),
            (Outcome{0, "", ""}));
  EXPECT_EQ(Endpoint()["acknowledged"]["persistent/public/default/orders/s"], 3000);
  EXPECT_EQ(Endpoint()["stored"]["persistent/public/default/orders"], 3000);
  EXPECT_EQ(Endpoint()["connects"], 2);
}

TEST_F(WebSocketTest, EveryFormOfTheUrlNamesTheSameTopic) {
  EXPECT_EQ(Beside("",
                   "for topic in ws://localhost:$PORT/public/default/orders "
                   "WS://127.0.0.1:$PORT/persistent/public/default/orders "
                   "ws://127.0.0.1:$PORT/ws/v2/producer/persistent/public/default/orders; "
                   "do echo $topic | pulseal produce $topic --to orders; done"),
            (Outcome{0, "", ""}));
  EXPECT_EQ(Endpoint()["stored"], (Json{{"persistent/public/default/orders", 3}}));
}

TEST_F(WebSocketTest, JsonLinesKeepWhatTheEndpointCarries) {
  const std::string lines =
      R"({"key": "k", "properties": {"a": "1", "b": "é"}, "event_time": 1769860800123, "payload": "one"})"
      "\n"
      R"({"payload_base64": "/wA="})"
      "\n";
  shell_.folder().Write("in", lines);
  const Outcome consumed = Beside("",
                                  "pulseal produce $URL/orders --to orders --format jsonl < in && pulseal consume "
                                  "$URL/orders --subscription s --format jsonl --count 2 | tee out");
  EXPECT_EQ(consumed,
            (Outcome{0,
                     R"({"message_id":"MA==","publish_time":1769860800123,"event_time":1769860800123,"encrypted":true,)"
                     R"("key_name":"orders","key":"k","properties":{"a":"1","b":"\u00e9"},"payload":"one"})"
                     "\n"
                     R"({"message_id":"MQ==","publish_time":1769860800123,"encrypted":true,"key_name":"orders",)"
                     R"("payload_base64":"/wA="})"
                     "\n",
                     ""}));
  EXPECT_EQ(Beside("", "pulseal produce $URL/orders --to orders --format jsonl < out"), (Outcome{0, "", ""}));
}

TEST_F(WebSocketTest, WhatTheEndpointCannotCarryIsLeftOut) {
  shell_.folder().Write("in", R"({"payload": null})"
                              "\n"
                              R"({"payload": "p", "ordering_key_base64": "eA=="})"
                              "\n"
                              R"({"payload": "p", "key_base64": "/w=="})"
                              "\n"
                              R"({"payload": "p", "event_time": 253402300800000})"
                              "\n"
                              R"({"payload": "last"})"
                              "\n");
  EXPECT_EQ(
      Beside("", "pulseal produce $URL/orders --to orders --format jsonl < in"),
      (Outcome{
          1, "",
          "pulseal: standard input: line 1 was left out: it is a tombstone, which Pulsar's WebSocket endpoint can't "
          "carry\n"
          "pulseal: standard input: line 2 was left out: it has an ordering key, which Pulsar's WebSocket endpoint "
          "can't carry\n"
          "pulseal: standard input: line 3 was left out: it has a key that is no text, which Pulsar's WebSocket "
          "endpoint can't carry\n"
          "pulseal: standard input: line 4 was left out: it has an event_time after the year 9999\n"}));
  EXPECT_EQ(Endpoint()["stored"]["persistent/public/default/orders"], 1);
}

TEST_F(WebSocketTest, BatchesAndCompressionAreUndone) {
  for (const std::string codec : {"none", "lz4", "zlib", "zstd", "snappy"}) {
    shell_.Run("rm -f t.topic; seq 100 | pulseal produce t.topic --to orders --batch 30 --compression " + codec);
    EXPECT_EQ(
        Beside("--load orders=t.topic", "pulseal consume $URL/orders --subscription s --count 100 | cmp - <(seq 100)"),
        (Outcome{0, "", ""}))
        << codec;
    EXPECT_EQ(Beside("", "seq -w 0 1000 | paste -sd, | pulseal produce $URL/orders --to orders --compression " + codec +
                             " && pulseal consume $URL/orders --subscription s --count 1"),
              (Outcome{0, shell_.Run("seq -w 0 1000 | paste -sd,").out, ""}))
        << codec;
  }
}

TEST_F(WebSocketTest, ABatchIsAcknowledgedWhole) {
  shell_.Run("seq 100 | pulseal produce t.topic --to orders --batch 10");
  EXPECT_EQ(Beside("--load orders=t.topic", "pulseal consume $URL/orders --subscription s --count 20 | wc -l").out,
            "20\n");
  EXPECT_EQ(Endpoint()["acknowledgements"], 2);
  EXPECT_EQ(Beside("--load orders=t.topic", "pulseal consume $URL/orders --subscription s --count 25 | wc -l").out,
            "25\n");
  EXPECT_EQ(Endpoint()["acknowledgements"], 2) << "half of the third batch was not delivered";
}

// The next messages wait until those before them have arrived, so that the next data key finds time to be made.
TEST_F(WebSocketTest, ARotationConnectsAnewAndLosesNothing) {
  const Outcome produced = Beside("",
                                  "touch out; pulseal consume $URL/orders --subscription s --follow > out & "
                                  "for first in {1..951..50}; do seq $first $((first + 49)); "
                                  "until [ $(wc -l < out) -ge $((first + 49)) ]; do sleep 0.02; done; done | "
                                  "pulseal produce $URL/orders --to orders --rotate-after-messages 100 --json; "
                                  "kill $!; wait $! 2> /dev/null; cmp out <(seq 1000)");
  EXPECT_EQ(produced.status, 0) << produced;
  EXPECT_EQ(produced.err, "");
  const int data_keys = Endpoint()["data_keys"]["persistent/public/default/orders"];
  EXPECT_GE(data_keys, 2);
  EXPECT_EQ(Endpoint()["connects"], data_keys + 1) << "one for each data key, and the consumer's";
  const int rotations = Json::parse(produced.out)["counters"]["rotations"];
  EXPECT_GE(rotations, data_keys);
  EXPECT_LE(rotations, data_keys + 1) << "the last may have come after the last message";
}

// Nothing is acknowledged before its line can be read.
TEST_F(WebSocketTest, AcknowledgesWhatWasWritten) {
  const Outcome consumed = Beside("--output out",
                                  "seq 2500 | pulseal produce $URL/orders --to orders && pulseal consume "
                                  "$URL/orders --subscription s --count 2500 > out; cmp out <(seq 2500)");
  EXPECT_EQ(consumed, (Outcome{0, "", ""}));
  EXPECT_EQ(Endpoint()["too_early"], 0);
  EXPECT_EQ(Endpoint()["acknowledgements"], 2500);
}

TEST_F(WebSocketTest, AcknowledgesNothingThatCouldNotBeWritten) {
  EXPECT_EQ(Beside("",
                   "seq 10 | pulseal produce $URL/orders --to orders && pulseal consume $URL/orders --subscription s "
                   "> /dev/full"),
            (Outcome{3, "", "pulseal: standard output: No space left on device\n"}));
  EXPECT_EQ(Endpoint()["acknowledgements"], 0);
}

// What the other end does when it dies after having stored a message, and before it could say so.
TEST_F(WebSocketTest, ProducingGoesOnWhenTheEndpointIsRestarted) {
  const Outcome produced = Beside("--restart-every 700", "seq 3000 | pulseal produce $URL/orders --to orders --json");
  EXPECT_EQ(produced.status, 0) << produced;
  EXPECT_EQ(Json::parse(produced.out)["messages"], 3000);
  EXPECT_THAT(produced.err, HasSubstr(absl::StrCat("pulseal: warning: ", kTopic, ": ")));
  EXPECT_THAT(produced.err, HasSubstr("; trying again for up to 5m\n"));
  EXPECT_THAT(produced.err, HasSubstr(absl::StrCat("pulseal: ", kTopic, ": connected again\n")));
  EXPECT_GE(Endpoint()["restarts"], 3);
}

// Receipts that came before a connection was closed count, however much else was under way.
TEST_F(WebSocketTest, WhatHasItsReceiptIsNotSentAgain) {
  EXPECT_EQ(Beside("--close-every 100", "seq 1500 | pulseal produce $URL/orders --to orders 2> err"),
            (Outcome{0, "", ""}));
  EXPECT_EQ(Endpoint()["stored"]["persistent/public/default/orders"], 1500);
  EXPECT_EQ(Endpoint()["connects"], 15);
}

// The endpoint may say what it likes of a message, and when: here while the message is still being sent, and then goodbye.
TEST_F(WebSocketTest, AReceiptForWhatIsStillBeingSent) {
  const Outcome produced =
      Beside("--fault close-early --max-text 8000000",
             "{ head -c 5000000 /dev/zero; echo; echo last; } | pulseal produce $URL/orders --to orders --json "
             "--give-up-after 3s");
  EXPECT_EQ(produced.status, 0) << produced;
  EXPECT_EQ(Json::parse(produced.out)["messages"], 2);
  EXPECT_THAT(produced.err, HasSubstr("the endpoint closed the connection (1001: \"going away\"); trying again"));
  EXPECT_EQ(Endpoint()["stored"]["persistent/public/default/orders"], 1);
  EXPECT_EQ(Endpoint()["connects"], 2);
}

TEST_F(WebSocketTest, NothingIsLostWhenTheEndpointIsRestartedAndLittleComesTwice) {
  const Outcome both =
      Beside("--restart-every 700",
             "seq 3000 | pulseal produce $URL/orders --to orders 2> err && pulseal consume $URL/orders "
             "--subscription s --idle 3s > out 2>> err; sort -n out | uniq | cmp - <(seq 3000)");
  EXPECT_EQ(both, (Outcome{0, "", ""}));
  const int stored = Endpoint()["stored"]["persistent/public/default/orders"];
  // One was stored at each restart without a receipt; consuming doubles nothing.
  EXPECT_EQ(shell_.Run("wc -l < out").out, absl::StrCat(stored, "\n"));
  EXPECT_LE(stored, 3000 + 1000 * Endpoint()["restarts"].get<int>());
  EXPECT_EQ(Endpoint()["acknowledged"]["persistent/public/default/orders/s"], stored);
}

TEST_F(WebSocketTest, FailureActions) {
  shell_.GivePublicKey("rsa-2048-other", "other");
  shell_.Run(
      "echo one | pulseal produce t.topic --to orders; seq 22 23 | pulseal produce t.topic --to other; "
      "echo last | pulseal produce t.topic --to orders");
  const auto consume = [this](const std::string& action) {
    return Beside("--load orders=t.topic",
                  "pulseal consume $URL/orders --subscription s --idle 3s --on-failure " + action);
  };
  const std::string why =
      ", the first is \"MQ==\": wrapped key for \"other\": private key \"other\": keys/other.private.pem: no such "
      "file\n";
  EXPECT_EQ(consume("fail"),
            (Outcome{1, "one\nlast\n", absl::StrCat("pulseal: ", kTopic, ": 2 messages not read", why)}));
  EXPECT_EQ(Endpoint()["acknowledgements"], 2);
  EXPECT_EQ(consume("discard"),
            (Outcome{0, "one\nlast\n", absl::StrCat("pulseal: ", kTopic, ": 2 messages discarded", why)}));
  EXPECT_EQ(Endpoint()["acknowledgements"], 4);
  const Outcome kept = consume("consume --format jsonl | tee kept | sed -n 2p | cut -c1-90");
  EXPECT_THAT(kept.out, StartsWith(R"({"message_id":"MQ==","encrypted":true,"undecryptable":"key-not-found")")) << kept;
  EXPECT_EQ(Endpoint()["acknowledgements"], 4);
  shell_.GivePrivateKey("rsa-2048-other", "other");
  EXPECT_EQ(shell_.Run("sed -n 2p kept | pulseal decrypt"), (Outcome{0, "22", ""}));
}

TEST_F(WebSocketTest, AFailedMessageTakesNoPermit) {
  shell_.GivePublicKey("rsa-2048-other", "other");
  shell_.Run("seq 3000 | pulseal produce t.topic --to other; echo good | pulseal produce t.topic --to orders");
  const Outcome consumed =
      Beside("--load orders=t.topic", "pulseal consume $URL/orders --subscription s --count 1 2> err");
  EXPECT_EQ(consumed, (Outcome{1, "good\n", ""}));
  EXPECT_LE(Endpoint()["most_permits_open"], 1000);
}

TEST_F(WebSocketTest, PlaintextIsReadOnlyWhereItIsAllowed) {
  shell_.Run(
      "python3 -c 'import pulsar_bytes, sys; "
      "metadata = bytes([10, 1, 112, 16, 0, 24, 0]); "
      "sys.stdout.buffer.write(pulsar_bytes.topic_file(pulsar_bytes.stored_entry(metadata, b\"clear\")))' > t.topic");
  const std::string consume = "pulseal consume $URL/orders --subscription s --idle 3s ";
  const Outcome refused = Beside("--load orders=t.topic", consume);
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("1 message not read, the first is \"MA==\": "));
  EXPECT_EQ(Endpoint()["acknowledgements"], 0);
  EXPECT_EQ(Beside("--load orders=t.topic", consume + "--allow-plaintext"), (Outcome{0, "clear\n", ""}));
}

TEST_F(WebSocketTest, FollowingWaitsUntilItIsInterrupted) {
  const Outcome followed = Beside(
      "--output out",
      "touch out; pulseal consume $URL/orders --subscription s --follow > out & echo one | pulseal produce $URL/orders "
      "--to orders; "
      "until grep -q one out; do sleep 0.05; done; kill -TERM $!; wait $! 2> /dev/null; echo $?; cat out");
  EXPECT_EQ(followed, (Outcome{0, "143\none\n", ""}));
  EXPECT_EQ(Endpoint()["acknowledgements"], 1);
}

TEST_F(WebSocketTest, EndsWhenNothingHasComeForAWhile) {
  EXPECT_EQ(Beside("",
                   "seq 5 | pulseal produce $URL/orders --to orders; pulseal consume $URL/orders --subscription s "
                   "--idle 3s"),
            (Outcome{0, "1\n2\n3\n4\n5\n", ""}));
  EXPECT_EQ(Beside("", "pulseal consume $URL/orders --subscription s --idle 300ms"), (Outcome{0, "", ""}));
}

TEST_F(WebSocketTest, AnInterruptedProducerSaysWhatIsRecorded) {
  EXPECT_EQ(Beside("",
                   "mkfifo in; pulseal produce $URL/orders --to orders < in & exec 3> in; seq 5 >&3; "
                   "pulseal consume $URL/orders --subscription s --count 5 > arrived; "
                   "kill -TERM $!; wait $! 2> /dev/null; echo $?; exec 3>&-"),
            (Outcome{0, "143\n", "pulseal: interrupted: 5 messages recorded\n"}));
}

// It remembers 100,000 messages, and is given more than that without a pause.
TEST_F(WebSocketTest, AnEndpointThatDoesNotWaitForPermits) {
  EXPECT_EQ(Beside("--fault no-permits",
                   "pulseal consume $URL/orders --subscription s --allow-plaintext --idle 1m --count 120000 | wc -l"),
            (Outcome{0, "120000\n", ""}));
  EXPECT_EQ(Endpoint()["acknowledgements"], 120000);
}

TEST_F(WebSocketTest, AnEndpointThatRepeatsItselfHoldsNobodyUp) {
  EXPECT_EQ(Beside("--fault repeat",
                   "pulseal consume $URL/orders --subscription s --allow-plaintext --idle 1s; echo $?; "
                   "env --default-signal=INT pulseal consume $URL/orders --subscription s --allow-plaintext --follow "
                   "> arrived & until grep -q . arrived; do :; done; kill -INT $!; wait $!; echo $?; cat arrived"),
            (Outcome{0, "again\n0\n130\nagain\n", ""}));
  EXPECT_GT(Endpoint()["acknowledgements"], 0);
}

// Each of these ends by itself, with an error that says what is wrong.
struct Misbehaviour {
  const char* options;
  const char* message;
};

void PrintTo(const Misbehaviour& misbehaviour, std::ostream* stream) { *stream << misbehaviour.options; }

class MisbehavingEndpointTest : public WebSocketTest, public ::testing::WithParamInterface<Misbehaviour> {
 protected:
  // An answer has to come in time, but where there is none.
  static std::string patience() { return GetParam().options == std::string("--fault silent") ? "1s" : "5s"; }
};

TEST_P(MisbehavingEndpointTest, EndsConsuming) {
  const Outcome consumed =
      Beside(GetParam().options, "pulseal consume $URL/orders --subscription s --give-up-after " + patience());
  EXPECT_EQ(consumed.status, 3) << consumed;
  EXPECT_EQ(consumed.out, "");
  EXPECT_THAT(consumed.err, HasSubstr(absl::StrCat(kTopic, ": ", GetParam().message)));
  EXPECT_EQ(consumed.err.find('\x1b'), std::string::npos);
  EXPECT_EQ(Endpoint()["acknowledgements"], 0);
}

TEST_P(MisbehavingEndpointTest, EndsProducing) {
  const Outcome produced =
      Beside(GetParam().options, "seq 3 | pulseal produce $URL/orders --to orders --give-up-after " + patience());
  EXPECT_EQ(produced.status, 3) << produced;
  EXPECT_THAT(produced.err, HasSubstr(absl::StrCat(kTopic, ": ")));
  EXPECT_THAT(produced.err, ::testing::EndsWith(" (0 messages recorded)\n"));
  EXPECT_EQ(produced.err.find('\x1b'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    All, MisbehavingEndpointTest,
    ::testing::Values(
        Misbehaviour{"--fault silent", "no answer to the WebSocket handshake"},
        Misbehaviour{"--fault http-garbage", "doesn't answer as a WebSocket endpoint does"},
        Misbehaviour{"--token t", "not authorised (401 Unauthorized); --token-file FILE or PULSEAL_TOKEN"},
        Misbehaviour{"--fault refuse=409", "the endpoint refuses: 409 No: HTTP ERROR 409 Failed to create consumer"},
        Misbehaviour{"--fault bad-frame", "the connection is lost: The WebSocket frame contained an illegal opcode"},
        Misbehaviour{"--fault no-json", "the endpoint sends what is no message: \"what? \\x1b[31m\""},
        Misbehaviour{"--fault no-member", "the endpoint sends what is no message: \"{\\\"good\\\""},
        Misbehaviour{"--fault huge-frame", "the endpoint sends a frame that is longer than any message can be"},
        Misbehaviour{"--fault cut-frame", "the connection is lost"},
        Misbehaviour{"--fault close", "the endpoint closed the connection (1011: \"something \\x1b[31mbroke\")"}),
    [](const auto& instance) {
      return absl::StrReplaceAll(instance.param.options, {{"-", ""}, {" ", ""}, {"=", ""}});
    });

// Before a command: with this library preloaded.
std::string With(const std::string& library) {
  return "LD_PRELOAD=" + library + " ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 ";
}

TEST_F(WebSocketTest, NobodyThere) {
  EXPECT_EQ(
      Beside("", "pulseal consume ws://127.0.0.1:1/public/default/orders --subscription s"),
      (Outcome{3, "", "pulseal: ws://127.0.0.1:1/public/default/orders: can't be reached: Connection refused\n"}));
  EXPECT_EQ(
      Beside("", "echo one | pulseal produce ws://127.0.0.1:1/public/default/orders --to orders"),
      (Outcome{3, "",
               "pulseal: ws://127.0.0.1:1/public/default/orders: can't be reached: Connection refused (0 messages "
               "recorded)\n"}));
  EXPECT_THAT(shell_
                  .Run(With(PULSEAL_NO_SUCH_HOST) + "pulseal consume ws://no-such-host.invalid/public/default/orders "
                                                    "--subscription s")
                  .err,
              HasSubstr(": can't be reached: Host not found"));
}

TEST_F(WebSocketTest, NameServersThatNeverAnswer) {
  EXPECT_EQ(shell_.Run(With(PULSEAL_NO_RESOLVER) +
                       "timeout 60 pulseal consume ws://endpoint.example/public/default/orders --subscription s "
                       "--give-up-after 1s"),
            (Outcome{3, "", "pulseal: ws://endpoint.example/public/default/orders: no answer\n"}));
}

TEST_F(WebSocketTest, AnEndpointThatTakesNoMessageIsTriedAgainAndGivenUp) {
  EXPECT_EQ(
      Beside("--send-errors 2", "seq 3 | pulseal produce $URL/orders --to orders --give-up-after 20s 2> err").status,
      0);
  EXPECT_GE(Endpoint()["stored"]["persistent/public/default/orders"], 3);
  const Outcome produced =
      Beside("--send-errors 1000000", "seq 3 | pulseal produce $URL/orders --to orders --give-up-after 5s");
  EXPECT_EQ(produced.status, 3);
  EXPECT_THAT(produced.err, HasSubstr(absl::StrCat("\npulseal: ", kTopic,
                                                   ": the endpoint doesn't take the message: "
                                                   "\"send-error:3: java.lang.NullPointerException\"")));
}

TEST_F(WebSocketTest, AMessageThatIsTooLongForTheEndpoint) {
  const Outcome produced =
      Beside("",
             "{ seq 10; head -c 900000 /dev/zero; echo; echo last; } | pulseal produce $URL/orders "
             "--to orders");
  EXPECT_EQ(produced.status, 3);
  EXPECT_THAT(produced.err, HasSubstr(": a message is too long for the endpoint (1009: \"Text message size ["));
  EXPECT_THAT(produced.err, HasSubstr("its operator can raise webSocketMaxTextFrameSize (10 messages recorded)\n"));
  EXPECT_EQ(Endpoint()["stored"]["persistent/public/default/orders"], 10);
}

TEST_F(WebSocketTest, Tokens) {
  const std::string wanted = "--token token-of-the-websocket-test";
  shell_.folder().Write("token", "token-of-the-websocket-test\n");
  shell_.folder().Write("two-lines", "token-of-the-websocket-test\nother: header\n");
  shell_.folder().Write("empty", "\n");
  const std::string produce = "echo one | pulseal produce $URL/orders --to orders ";
  EXPECT_EQ(Beside(wanted, produce + "--token-file token"), (Outcome{0, "", ""}));
  EXPECT_EQ(Beside(wanted, "export PULSEAL_TOKEN=token-of-the-websocket-test; " + produce), (Outcome{0, "", ""}));
  EXPECT_EQ(Beside(wanted, "export PULSEAL_TOKEN=wrong; " + produce + "--token-file token"), (Outcome{0, "", ""}));
  EXPECT_EQ(Beside(wanted, "export PULSEAL_TOKEN=wrong; " + produce).status, 3);
  for (const std::string file : {"two-lines", "empty"}) {
    EXPECT_EQ(Beside("", produce + "--token-file " + file),
              (Outcome{3, "", "pulseal: " + file + ": holds no token: one line of printable characters\n"}));
  }
  EXPECT_EQ(Beside("", produce + "--token-file absent").err, "pulseal: absent: No such file or directory\n");
}

class TlsTest : public WebSocketTest {
 protected:
  void SetUp() override {
    WebSocketTest::SetUp();
    shell_.Run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 "
        "-subj /CN=authority");
    Certify("here", "IP:127.0.0.1,DNS:localhost");
    Certify("elsewhere", "DNS:pulsar.example");
    shell_.Run("echo one | pulseal produce t.topic --to orders");
  }
  void Certify(const std::string& name, const std::string& hosts) {
    shell_.Run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name +
               ".key -out r.csr -subj "
               "/CN=x && openssl x509 -req -in r.csr -CA ca.pem -CAkey ca.key -days 2 -out " +
               name + ".pem -extfile <(echo subjectAltName=" + hosts + ")");
  }
  Outcome Consume(const std::string& certificate, const std::string& url, const std::string& options) {
    return Beside("--load orders=t.topic --certificate " + certificate + ".pem " + certificate + ".key",
                  "pulseal consume " + url + " --subscription s --count 1 " + options);
  }
};

TEST_F(TlsTest, VerifiesCertificateAndHostName) {
  const std::string by_name = "wss://localhost:$PORT/public/default/orders";
  EXPECT_EQ(Consume("here", "$URL/orders", "--tls-ca ca.pem"), (Outcome{0, "one\n", ""}));
  EXPECT_EQ(Consume("here", by_name, "--tls-ca ca.pem"), (Outcome{0, "one\n", ""}));
  EXPECT_EQ(
      Consume("here", "$URL/orders", ""),
      (Outcome{3, "",
               "pulseal: wss://127.0.0.1:PORT/public/default/orders: its certificate isn't trusted: unable to get "
               "local issuer certificate; --tls-ca FILE names an authority to trust\n"}));
  EXPECT_EQ(Consume("elsewhere", "$URL/orders", "--tls-ca ca.pem"),
            (Outcome{3, "",
                     "pulseal: wss://127.0.0.1:PORT/public/default/orders: its certificate isn't trusted: IP address "
                     "mismatch\n"}));
  EXPECT_EQ(Consume("elsewhere", by_name, "--tls-ca ca.pem"),
            (Outcome{3, "",
                     "pulseal: wss://localhost:PORT/public/default/orders: its certificate isn't trusted: hostname "
                     "mismatch\n"}));
  EXPECT_EQ(Endpoint()["handshakes"], 0);
}

TEST_F(TlsTest, WhatIsNoAuthorityOrNoTls) {
  shell_.folder().Write("no.pem", "nothing\n");
  EXPECT_EQ(Consume("here", "$URL/orders", "--tls-ca no.pem").err,
            "pulseal: wss://127.0.0.1:PORT/public/default/orders: no.pem: holds no certificate in PEM\n");
  EXPECT_EQ(Consume("here", "$URL/orders", "--tls-ca absent.pem").err,
            "pulseal: wss://127.0.0.1:PORT/public/default/orders: absent.pem: No such file or directory\n");
  EXPECT_THAT(
      Beside("--fault http-garbage", "pulseal consume wss://127.0.0.1:$PORT/public/default/orders --subscription s")
          .err,
      HasSubstr(": no TLS there: "));
}

TEST_F(WebSocketTest, WhatIsNoUseOfAUrl) {
  const auto usage = [this](const std::string& arguments) {
    const Outcome outcome = shell_.Run("pulseal " + arguments);
    EXPECT_EQ(outcome.status, 2) << outcome;
    return outcome.err;
  };
  const std::string url = "ws://h/public/default/t ";
  const std::string form =
      "; a topic's URL is ws://HOST:PORT/TENANT/NAMESPACE/TOPIC (or wss://), such as "
      "ws://localhost:8080/public/default/orders\n";
  EXPECT_EQ(
      usage("produce " + url + "--to a --to orders"),
      "pulseal: --to: Pulsar's WebSocket endpoint takes messages for one recipient only; give one, or use a topic of "
      "its own for each\n");
  for (const std::string option : {"--batch 5", "--batch-bytes 5", "--max-message-size 5000"}) {
    EXPECT_EQ(usage("produce " + url + "--to orders " + option),
              "pulseal: " + option.substr(0, option.find(' ')) +
                  ": only for a topic file: Pulsar's WebSocket endpoint takes neither batches nor chunks of what is "
                  "encrypted\n");
  }
  EXPECT_EQ(
      usage("produce " + url + "--to orders --on-failure send"),
      "pulseal: --on-failure: send is only for a topic file: a connection to Pulsar's WebSocket endpoint is opened "
      "with its wrapped keys, and everything on it counts as encrypted; leave the option out, and what can't be "
      "encrypted isn't sent\n");
  EXPECT_EQ(
      usage("consume " + url),
      "pulseal: --subscription: a ws:// or wss:// topic needs one: the name under which Pulsar remembers what was "
      "read\n");
  EXPECT_EQ(usage("consume " + url + "--subscription s --from 3"),
            "pulseal: --from: only for a topic file: a subscription knows where it is\n");
  EXPECT_EQ(usage("consume t.topic --subscription s"), "pulseal: --subscription: only for a ws:// or wss:// topic\n");
  EXPECT_EQ(usage("produce t.topic --to orders --token-file t"),
            "pulseal: --token-file: only for a ws:// or wss:// topic\n");
  EXPECT_EQ(usage("consume " + url + "--subscription s --tls-ca f"),
            "pulseal: --tls-ca: only for a wss:// topic: ws:// has no TLS\n");
  EXPECT_EQ(usage("consume " + url + "--subscription s --idle soon"),
            "pulseal: --idle: has to be a time from 1ms to 24h, such as 90s, 30m or 4h\n");
  EXPECT_EQ(usage("consume ws://h --subscription s"), "pulseal: ws://h names no topic" + form);
  EXPECT_EQ(usage("consume ws://h/orders --subscription s"),
            "pulseal: ws://h/orders names no topic of a namespace of a tenant" + form);
  EXPECT_EQ(usage("consume ws://h/a/b/c/sub --subscription s"),
            "pulseal: ws://h/a/b/c/sub has a name too many; a subscription is named by --subscription NAME" + form);
  EXPECT_EQ(usage("consume ws://h/persistent/a/b/c/sub --subscription s"),
            "pulseal: ws://h/persistent/a/b/c/sub has a name too many; a subscription is named by --subscription NAME" +
                form);
  EXPECT_EQ(usage("consume ws:///a/b/c --subscription s"), "pulseal: ws:///a/b/c names no host" + form);
  EXPECT_EQ(usage("consume ws://h:0/a/b/c --subscription s"),
            "pulseal: ws://h:0/a/b/c has a port that isn't a number from 1 to 65535" + form);
  EXPECT_EQ(usage("consume 'ws://h/a/b/c d' --subscription s"),
            "pulseal: ws://h/a/b/c d has a space or another byte that no URL has (write it as %20)" + form);
  EXPECT_EQ(usage("consume 'ws://h/a/b/c?token=x' --subscription s"),
            "pulseal: ws://h/a/b/c?... has a query (\"?\"); what it would say are options: see --help\n");
  for (const std::string user : {"user:secret", "user:sec?ret", "user:sec@ret"}) {
    EXPECT_EQ(usage("consume 'ws://" + user + "@h/a/b/c' --subscription s"),
              "pulseal: ws://...@h/a/b/c has a user in it; an endpoint takes a token: --token-file FILE\n");
  }
  EXPECT_THAT(usage("consume 'ws://user:sec/ret@h/a/b/c' --subscription s"),
              StartsWith("pulseal: ws://...@h/a/b/c has "));
}

}  // namespace
}  // namespace pulseal::testing
