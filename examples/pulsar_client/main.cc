// SPDX-License-Identifier: Apache-2.0
//
// The command line: an example of a client, not a tool. README.md says how to run it.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/strip.h"
#include "examples/pulsar_client/consumer.h"
#include "examples/pulsar_client/error.h"
#include "examples/pulsar_client/json_lines.h"
#include "examples/pulsar_client/lookup.h"
#include "examples/pulsar_client/producer.h"
#include "pulseal/message_crypto.h"

namespace pulsar_client {
namespace {

using pulseal::framing::Compression;
using Seconds = std::chrono::duration<double>;

struct Arguments {
  std::string url, topic, key_directory, on_failure = "fail", tls_ca, token_file;
  double request_timeout = 30;

  std::vector<std::string> key_names;
  ProducerOptions producer;
  uint64_t rotate_after_messages = 0;

  ConsumerOptions consumer;
  bool no_acknowledge = false, deliver_whole_batch = false;
  uint64_t count = 0;
  double timeout = 10, ack_timeout = 0;
};

std::chrono::milliseconds ToMilliseconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Seconds(seconds));
}

// A token is a secret: from a file, never an argument, and never shown.
absl::StatusOr<std::string> ReadToken(const std::string& file) {
  if (file.empty()) return "";
  std::ifstream stream(file);
  std::string token;
  if (stream >> token) return token;
  return Error(absl::StatusCode::kNotFound, Quoted(file), ": no token in it");
}

absl::StatusOr<std::unique_ptr<Connection>> Connect(const Arguments& arguments, const std::string& topic) {
  const absl::StatusOr<ServiceUrl> url = ParseServiceUrl(arguments.url);
  if (!url.ok()) return url.status();
  const absl::StatusOr<std::string> token = ReadToken(arguments.token_file);
  if (!token.ok()) return token.status();
  return ConnectToOwner(*url, topic, {arguments.tls_ca, *token, ToMilliseconds(arguments.request_timeout)});
}

absl::StatusOr<std::unique_ptr<pulseal::MessageEncryptor>> MakeEncryptor(const Arguments& arguments) {
  using pulseal::CryptoEvent, pulseal::ProducerCryptoFailureAction;
  pulseal::EncryptorOptions options;
  options.key_names = arguments.key_names;
  options.key_reader = pulseal::KeyDirectory(arguments.key_directory);
  if (arguments.on_failure == "send") options.failure_action = ProducerCryptoFailureAction::kSend;
  if (arguments.rotate_after_messages > 0) options.rotation.messages = arguments.rotate_after_messages;
  options.on_event = [](const CryptoEvent& event) {
    if (event.kind == CryptoEvent::Kind::kRotated) return;
    const bool is_in_clear = event.kind == CryptoEvent::Kind::kSentInClear;
    std::cerr << (is_in_clear ? "sent UNENCRYPTED: " : "") + std::string(event.status.message()) + "\n";
  };
  return pulseal::MessageEncryptor::Create(std::move(options));
}

absl::Status Produce(const Arguments& arguments) {
  ProducerOptions options = arguments.producer;
  options.topic = FullTopicName(arguments.topic);
  std::unique_ptr<pulseal::MessageEncryptor> encryptor;
  if (!arguments.key_names.empty()) {  // before anything is sent: a producer that can't encrypt doesn't begin
    auto made = MakeEncryptor(arguments);
    if (!made.ok()) return made.status();
    encryptor = *std::move(made);
  }
  const auto connection = Connect(arguments, options.topic);
  if (!connection.ok()) return connection.status();
  const auto producer =
      Producer::Open(**connection, encryptor.get(), options,
                     [](const wire::MessageId& id, int batch_index) { return Print(ToLine(id, batch_index)); });
  if (!producer.ok()) return producer.status();

  StandardInput input((*connection)->io());
  for (uint64_t number = 1;; ++number) {
    absl::Status status = (*producer)->RunUntil([&input] { return input.IsReady(); });
    if (!status.ok()) return status;
    const std::optional<std::string> line = input.Next();
    if (!line.has_value()) return (*producer)->Close();
    const absl::StatusOr<InputMessage> message = ParseMessage(*line);
    status = message.ok() ? (*producer)->Send(message->View()) : message.status();
    if (!status.ok()) return Error(status.code(), "standard input, line ", number, ": ", status.message());
  }
}

absl::StatusOr<std::unique_ptr<pulseal::MessageDecryptor>> MakeDecryptor(const Arguments& arguments) {
  using pulseal::ConsumerCryptoFailureAction;
  pulseal::DecryptorOptions options;
  if (!arguments.key_directory.empty()) options.key_reader = pulseal::KeyDirectory(arguments.key_directory);
  if (arguments.on_failure == "discard") options.failure_action = ConsumerCryptoFailureAction::kDiscard;
  if (arguments.on_failure == "consume") options.failure_action = ConsumerCryptoFailureAction::kConsume;
  options.deliver_whole_batch = arguments.deliver_whole_batch;
  return pulseal::MessageDecryptor::Create(std::move(options));
}

absl::Status Consume(const Arguments& arguments) {
  ConsumerOptions options = arguments.consumer;
  options.topic = FullTopicName(arguments.topic);
  options.acknowledge = !arguments.no_acknowledge;
  options.ack_timeout = ToMilliseconds(arguments.ack_timeout);
  const auto decryptor = MakeDecryptor(arguments);
  if (!decryptor.ok()) return decryptor.status();
  const auto connection = Connect(arguments, options.topic);
  if (!connection.ok()) return connection.status();
  const auto consumer = Consumer::Open(**connection, **decryptor, options,
                                       [](const Delivery& delivery) { return Print(ToLine(delivery)); });
  if (!consumer.ok()) return consumer.status();
  absl::Status status = (*consumer)->Run(arguments.count, ToMilliseconds(arguments.timeout));
  if (status.ok()) status = (*consumer)->Close();
  for (const std::string& line : (*consumer)->Failures()) std::cerr << line + "\n";
  return status;
}

void DefineConnection(CLI::App& app, Arguments& arguments) {
  app.add_option("--url", arguments.url, "pulsar://HOST:PORT or pulsar+ssl://HOST:PORT")->required();
  app.add_option("--topic", arguments.topic, "Topic, or one partition of it")->required();
  app.add_option("--tls-ca", arguments.tls_ca, "File of the authorities to trust (the system's)");
  app.add_option("--token-file", arguments.token_file, "File that holds the token to authenticate with");
  app.add_option("--request-timeout", arguments.request_timeout,
                 "Seconds for connecting, for each request, and for each receipt")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0));
}

void DefineProduce(CLI::App& app, Arguments& arguments) {
  static const std::map<std::string, Compression> compressions = {{"none", Compression::kNone},
                                                                  {"lz4", Compression::kLz4},
                                                                  {"zlib", Compression::kZlib},
                                                                  {"zstd", Compression::kZstd},
                                                                  {"snappy", Compression::kSnappy}};
  DefineConnection(app, arguments);
  app.add_option("--keys", arguments.key_directory, "Folder of the public keys (NAME.public.pem)");
  app.add_option("--to", arguments.key_names, "Who may read; once for each. None: messages leave in clear")
      ->type_name("NAME")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->needs("--keys");
  app.add_option("--batch", arguments.producer.batch, "Messages that travel together, at most")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--compression", arguments.producer.compression, "Codec")
      ->transform(CLI::CheckedTransformer(compressions));
  app.add_flag("--chunk", arguments.producer.chunks, "Send long messages in chunks");
  app.add_option("--max-message-size", arguments.producer.max_message_size, "Bytes of an entry (the broker's limit)")
      ->check(CLI::Range(size_t{1024}, size_t{128} * 1024 * 1024));
  app.add_option("--rotate-after-messages", arguments.rotate_after_messages,
                 "Change the data key after so many entries");
  app.add_option("--producer-name", arguments.producer.name, "Name (one of the broker's)");
  app.add_option("--on-failure", arguments.on_failure,
                 "When no data key can be had any more; \"send\" sends UNENCRYPTED")
      ->check(CLI::IsMember({"fail", "send"}));
}

void DefineConsume(CLI::App& app, Arguments& arguments) {
  using wire::Subscribe;
  static const std::map<std::string, Subscribe::Type> types = {
      {"exclusive", Subscribe::EXCLUSIVE}, {"shared", Subscribe::SHARED}, {"failover", Subscribe::FAILOVER}};
  static const std::map<std::string, Subscribe::Position> positions = {{"earliest", Subscribe::EARLIEST},
                                                                       {"latest", Subscribe::LATEST}};
  DefineConnection(app, arguments);
  app.add_option("--subscription", arguments.consumer.subscription, "Name")->required();
  app.add_option("--subscription-type", arguments.consumer.type, "Kind")->transform(CLI::CheckedTransformer(types));
  app.add_option("--from", arguments.consumer.from, "Where a new subscription begins")
      ->transform(CLI::CheckedTransformer(positions));
  app.add_option("--keys", arguments.key_directory, "Folder of the private keys (NAME.private.pem)");
  app.add_option("--on-failure", arguments.on_failure, "What becomes of a message that can't be decrypted")
      ->check(CLI::IsMember({"fail", "discard", "consume"}));
  app.add_option("--count", arguments.count, "End after so many messages");
  app.add_option("--timeout", arguments.timeout, "End after so many seconds without a message")->capture_default_str();
  app.add_option("--receiver-queue", arguments.consumer.receiver_queue, "Messages that the broker may send ahead")
      ->check(CLI::Range(1u, 1'000'000u));
  app.add_option("--ack-timeout", arguments.ack_timeout,
                 "Seconds after which unacknowledged messages are asked for again (never)");
  app.add_flag("--no-acknowledge", arguments.no_acknowledge, "Leave every message unacknowledged");
  app.add_flag("--compacted", arguments.consumer.compacted, "Of each key the newest message only");
  app.add_flag("--deliver-whole-batch", arguments.deliver_whole_batch,
               "With --on-failure consume: deliver a batch that can't be decrypted as one ciphertext");
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("An example of a Pulsar client that embeds Pulseal. Messages are JSON lines.");
  app.require_subcommand(1);
  CLI::App& produce = *app.add_subcommand("produce", "Send the messages of standard input");
  CLI::App& consume = *app.add_subcommand("consume", "Write messages to standard output");
  DefineProduce(produce, arguments);
  DefineConsume(consume, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    constexpr int kUsage = 2;
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  const absl::Status status = produce.parsed() ? Produce(arguments) : Consume(arguments);
  if (status.ok()) return 0;
  std::cerr << std::string(status.message()) + "\n";
  return 1;
}

}  // namespace
}  // namespace pulsar_client

int main(int argc, char** argv) { return pulsar_client::Main(argc, argv); }
