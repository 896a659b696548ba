// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pulseal/framing/entry_producer.h"
#include "pulseal/message_crypto.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/key_names.h"
#include "tools/pulseal/key_pair_files.h"
#include "tools/pulseal/message_input.h"
#include "tools/pulseal/progress.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/topic_file_sink.h"
#include "tools/pulseal/topic_options.h"
#include "tools/pulseal/topic_sink.h"
#include "tools/pulseal/websocket_sink.h"

namespace pulseal::tools {
namespace {

struct Arguments {
  std::string topic, key_directory = "keys", compression = "none", on_failure = "fail", format = "lines";
  std::string rotate_after;
  std::vector<std::string> key_names;
  int batch = 0;  // messages; 0: no batches
  size_t batch_bytes = kMaxMessageSize;
  size_t max_message_size = kMaxMessageSize;
  uint64_t rotate_after_messages = 0;  // 0: the library's
  bool json = false, quiet = false;
  WebSocketArguments websocket;
};

const std::map<std::string, framing::Compression>& Compressions() {
  using framing::Compression;
  static const auto* const compressions = new std::map<std::string, Compression>{
      {"none", Compression::kNone}, {"lz4", Compression::kLz4},       {"zlib", Compression::kZlib},
      {"zstd", Compression::kZstd}, {"snappy", Compression::kSnappy},
  };
  return *compressions;
}

const std::map<std::string, ProducerCryptoFailureAction>& FailureActions() {
  static const auto* const actions = new std::map<std::string, ProducerCryptoFailureAction>{
      {"fail", ProducerCryptoFailureAction::kFail}, {"send", ProducerCryptoFailureAction::kSend}};
  return *actions;
}

absl::StatusOr<RotationLimits> ToRotationLimits(const Arguments& arguments) {
  RotationLimits limits;
  if (arguments.rotate_after_messages > 0) limits.messages = arguments.rotate_after_messages;
  if (arguments.rotate_after.empty()) return limits;
  const auto age = ToDuration("--rotate-after", arguments.rotate_after, std::chrono::seconds(1), limits.hard_age);
  if (!age.ok()) return age.status();
  limits.age = std::chrono::duration_cast<std::chrono::seconds>(*age);
  return limits;
}

absl::StatusOr<std::unique_ptr<MessageEncryptor>> MakeEncryptor(const Arguments& arguments,
                                                                const RotationLimits& rotation) {
  EncryptorOptions options;
  options.key_names = arguments.key_names;
  options.key_reader = KeyDirectory(arguments.key_directory);
  options.failure_action = FailureActions().at(arguments.on_failure);
  options.rotation = rotation;
  options.on_event = [](const CryptoEvent& event) {
    if (event.kind == CryptoEvent::Kind::kRotated) return;
    const bool is_in_clear = event.kind == CryptoEvent::Kind::kSentInClear;
    Report(absl::StrCat("warning: ", is_in_clear ? "messages are recorded UNENCRYPTED: " : "", event.status.message()));
  };
  return MessageEncryptor::Create(std::move(options));
}

framing::EntryProducerOptions ToProducerOptions(const Arguments& arguments) {
  framing::EntryProducerOptions options;
  options.compression = Compressions().at(arguments.compression);
  options.max_message_size = arguments.max_message_size;
  options.chunks = !IsWebSocketUrl(arguments.topic);
  return options;
}

uint64_t Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// One producer of Pulsar's: a name of its own and numbered messages.
class Producer {
 public:
  Producer(const Arguments& arguments, MessageEncryptor& encryptor, TopicSink& topic)
      : topic_(topic),
        entries_(encryptor, ToProducerOptions(arguments)),
        most_in_batch_(arguments.batch),
        most_bytes_(std::min(arguments.batch_bytes, arguments.max_message_size)) {
    std::random_device random;
    name_ = absl::StrFormat("pulseal-%08x%08x", random(), random());
  }

  // Takes the message into the present batch, or sends it at once where there are none.
  absl::Status Send(framing::SingleMessage& message) {
    message.sequence_id = sequence_id_++;
    const size_t size = framing::SizeInBatch(message);
    if (most_in_batch_ == 0 || size > most_bytes_) return SendAlone(message);
    if (batch_.size() + size > most_bytes_) {
      if (absl::Status status = SendBatch(); !status.ok()) return status;
    }
    if (absl::Status status = framing::AppendToBatch(message, &batch_); !status.ok()) return status;
    return ++in_batch_ == most_in_batch_ ? SendBatch() : absl::OkStatus();
  }

  // What the batch holds so far.
  absl::Status SendBatch() {
    if (in_batch_ == 0) return absl::OkStatus();
    framing::MessageMetadata metadata = Metadata(sequence_id_ - static_cast<uint64_t>(in_batch_));
    metadata.num_messages_in_batch = in_batch_;
    metadata.highest_sequence_id = sequence_id_ - 1;
    absl::Status status = Record(std::move(metadata), batch_, static_cast<uint64_t>(in_batch_));
    batch_.clear();
    in_batch_ = 0;
    return status;
  }

 private:
  framing::MessageMetadata Metadata(uint64_t sequence_id) const {
    framing::MessageMetadata metadata;
    metadata.producer_name = name_;
    metadata.sequence_id = sequence_id;
    metadata.publish_time = Now();
    return metadata;
  }

  // Behind the messages that came before it.
  absl::Status SendAlone(const framing::SingleMessage& message) {
    --sequence_id_;
    if (absl::Status status = SendBatch(); !status.ok()) return status;
    framing::MessageMetadata metadata = Metadata(sequence_id_++);
    framing::DescribeAlone(message, &metadata);
    return Record(std::move(metadata), message.payload, 1);
  }

  absl::Status Record(framing::MessageMetadata metadata, std::string_view payload, uint64_t messages) {
    absl::Status status = entries_.Send(std::move(metadata), payload,
                                        [this](const framing::OutgoingEntry& entry) { return topic_.Append(entry); });
    if (status.ok()) topic_.CountMessages(messages);
    return status;
  }

  TopicSink& topic_;
  framing::EntryProducer entries_;
  const int most_in_batch_;
  const size_t most_bytes_;
  std::string name_;
  uint64_t sequence_id_ = 0;  // of the next message
  std::string batch_;         // plaintext
  int in_batch_ = 0;
};

// Every message of standard input, up to its end, an interruption, or a failure.
absl::Status SendAll(MessageInput& input, Producer& producer, bool quiet) {
  Progress progress(STDIN_FILENO, quiet);
  framing::SingleMessage message;
  while (true) {
    const absl::StatusOr<bool> more = input.Next(&message);
    if (!more.ok()) return more.status();
    if (!*more) return producer.SendBatch();
    if (absl::Status status = producer.Send(message); !status.ok()) return status;
    progress.At(input.position());
  }
}

Json ToJson(const EncryptorCounters& counters) {
  return {{"messages_encrypted", counters.messages_encrypted},
          {"bytes_encrypted", counters.bytes_encrypted},
          {"messages_sent_in_clear", counters.messages_sent_in_clear},
          {"messages_refused", counters.messages_refused},
          {"rotations", counters.rotations},
          {"rotations_failed", counters.rotations_failed}};
}

absl::Status PrintSummary(const TopicSink& topic, const MessageInput& input, const MessageEncryptor& encryptor) {
  return Print(JsonLine({{"messages", topic.messages_written()},
                         {"entries", topic.entries_written()},
                         {"left_out", input.left_out()},
                         {"counters", ToJson(encryptor.counters())}}));
}

ExitCode RefusedBy(const Arguments& arguments, const absl::Status& status) {
  const absl::Status folder = CheckKeyDirectory(arguments.key_directory);
  const bool is_due_to_names = folder.ok() || absl::IsInvalidArgument(status);
  return is_due_to_names ? RefusedRecipients(arguments.key_names, status) : EnvironmentFailure(folder);
}

// What Pulsar's WebSocket endpoint can't do is said, not left out.
absl::Status CheckUse(const CLI::App& app, const Arguments& arguments) {
  absl::Status status = CheckTopicOptions(
      app, arguments.topic, "Pulsar's WebSocket endpoint takes neither batches nor chunks of what is encrypted");
  if (!status.ok() || !IsWebSocketUrl(arguments.topic)) return status;
  if (arguments.key_names.size() > 1) {
    return absl::InvalidArgumentError(
        "--to: Pulsar's WebSocket endpoint takes messages for one recipient only; "
        "give one, or use a topic of its own for each");
  }
  if (arguments.on_failure != "send") return status;
  return absl::InvalidArgumentError(
      "--on-failure: send is only for a topic file: a connection to Pulsar's WebSocket endpoint is opened with its "
      "wrapped "
      "keys, and everything on it counts as encrypted; leave the option out, and what can't be encrypted isn't sent");
}

absl::StatusOr<std::unique_ptr<TopicSink>> OpenTopic(const Arguments& arguments) {
  if (!IsWebSocketUrl(arguments.topic)) return OpenTopicFileSink(arguments.topic);
  absl::StatusOr<WebSocketLinkOptions> options = ToLinkOptions(arguments.topic, arguments.websocket);
  if (!options.ok()) return options.status();
  return MakeWebSocketSink(*std::move(options));
}

ExitCode Run(const CLI::App& app, const Arguments& arguments) {
  if (absl::Status status = CheckUse(app, arguments); !status.ok()) return Misused(status);
  const absl::StatusOr<RotationLimits> rotation = ToRotationLimits(arguments);
  if (!rotation.ok()) return Misused(rotation.status());
  const auto encryptor = MakeEncryptor(arguments, *rotation);
  if (!encryptor.ok()) return RefusedBy(arguments, encryptor.status());
  CatchInterrupts();
  const auto topic = OpenTopic(arguments);
  if (absl::IsInvalidArgument(topic.status())) return Misused(topic.status());
  if (!topic.ok()) return EnvironmentFailure(topic.status());
  Producer producer(arguments, **encryptor, **topic);
  // What came before a pause shouldn't wait for what comes after it.
  MessageInput input(
      arguments.format == "jsonl" ? MessageFormat::kJsonLines : MessageFormat::kLines,
      [&topic](const framing::SingleMessage& message) { return (*topic)->Check(message); },
      [&producer, &topic]() -> absl::Status {
        if (absl::Status status = producer.SendBatch(); !status.ok()) return status;
        return (*topic)->Flush();
      });
  const absl::Status sent = SendAll(input, producer, arguments.quiet);
  const absl::Status synced = (*topic)->Sync();
  const std::string recorded = Count((*topic)->messages_written(), "message");
  for (const absl::Status& status : {sent, synced}) {
    if (status.ok()) continue;
    return EnvironmentFailure(
        absl::Status(status.code(), absl::StrCat(status.message(), " (", recorded, " recorded)")));
  }
  if (Interrupted()) Report(absl::StrCat("interrupted: ", recorded, " recorded"));
  if (arguments.json) {
    if (absl::Status status = PrintSummary(**topic, input, **encryptor); !status.ok()) {
      return EnvironmentFailure(
          absl::Status(status.code(), absl::StrCat(status.message(), " (", recorded, " recorded all the same)")));
    }
  }
  return input.left_out() > 0 ? ExitCode::kMessagesLeft : ExitCode::kDone;
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option(
         "TOPIC", arguments->topic,
         "A file, made where there is none; or a topic of Pulsar's: ws://HOST:PORT/TENANT/NAMESPACE/TOPIC (wss: TLS)")
      ->required();
  DefineKeyNames(app, arguments->key_names, "Who may read");
  app.add_option("--key-dir", arguments->key_directory, "Folder of the public keys (NAME.public.pem)")
      ->capture_default_str();
  app.add_option("--format", arguments->format, "What a line is: a message, or a JSON object that holds one")
      ->check(CLI::IsMember({"lines", "jsonl"}))
      ->capture_default_str();
  app.add_option("--batch", arguments->batch, "Messages that travel together, at most")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->group(kTopicFileOptions);
  app.add_option("--batch-bytes", arguments->batch_bytes, "Bytes of a batch, at most")
      ->type_name("BYTES")
      ->check(CLI::Range(size_t{1}, kMaxMessageSize))
      ->group(kTopicFileOptions);
  app.add_option("--compression", arguments->compression, "Of a message or batch, before it is encrypted")
      ->check(CLI::IsMember(Compressions()))
      ->capture_default_str();
  app.add_option("--max-message-size", arguments->max_message_size, "A longer message is recorded in chunks")
      ->type_name("BYTES")
      ->check(CLI::Range(size_t{1024}, kMaxMessageSize))
      ->capture_default_str()
      ->group(kTopicFileOptions);
  app.add_option("--rotate-after-messages", arguments->rotate_after_messages,
                 "Change the data key after so many messages, where a batch or chunk counts as one")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, RotationLimits().hard_messages));
  app.add_option("--rotate-after", arguments->rotate_after, "Change the data key after this time (4h)")
      ->type_name("DURATION");
  app.add_option("--on-failure", arguments->on_failure,
                 "What becomes of messages when a data key has to be changed and no new one can be had; \"send\" "
                 "records them UNENCRYPTED")
      ->check(CLI::IsMember(FailureActions()))
      ->capture_default_str();
  app.add_flag("--json", arguments->json, "End with what was counted, as a JSON object");
  app.add_flag("-q,--quiet", arguments->quiet, "Show no progress");
  DefineWebSocketOptions(app, arguments->websocket);
  return [arguments, &app] { return Run(app, *arguments); };
}

}  // namespace

extern const Command kProduceCommand = {
    "produce", "Record messages, encrypted, in a topic file or a topic of Pulsar's",
    "Each line of standard input is a message: any bytes but a line feed, which may be missing from the last line; an\n"
    "empty line is an empty message. A line over 5 MiB is reported with its number and left out, the others are\n"
    "recorded, and the exit status is 1. New messages go behind those that the file holds.\n"
    "With --format jsonl each line is a JSON object: payload (text, or null for a tombstone) or payload_base64, and\n"
    "if wanted key or key_base64, ordering_key_base64, properties (an object of texts) and event_time (milliseconds\n"
    "since 1970). What \"pulseal consume --format jsonl\" writes can be produced again. Only payloads are encrypted:\n"
    "key, properties and times travel in clear, but for those of messages in a batch.\n"
    "A topic of Pulsar's is reached through its WebSocket endpoint, which takes messages for one recipient, without\n"
    "batches and chunks, and with text keys only. A message counts as recorded once the endpoint has sent its\n"
    "receipt. When the connection is lost, what has no receipt is sent again over the next one: nothing is lost, and\n"
    "those messages may be there twice.\n\n"
    "Examples: pulseal produce orders.topic --to orders --to audit < messages.txt\n"
    "          pulseal produce orders.topic --to orders --batch 1000 --compression zstd < messages.txt\n"
    "          pulseal produce wss://localhost:8443/public/default/orders --to orders < messages.txt\n"
    "          echo '{\"key\": \"k\", \"payload\": \"hello\"}' |\n"
    "            pulseal produce orders.topic --to orders --format jsonl",
    Define};

}  // namespace pulseal::tools
