// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pulseal/framing/entry.h"
#include "pulseal/framing/message_metadata.h"
#include "pulseal/message_crypto.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/key_pair_files.h"
#include "tools/pulseal/line_reader.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/topic_writer.h"

namespace pulseal::tools {
namespace {

constexpr size_t kMaxMessageSize = 5 * 1024 * 1024;

struct Arguments {
  std::string topic, key_directory = "keys";
  std::vector<std::string> key_names;
};

absl::StatusOr<std::unique_ptr<MessageEncryptor>> MakeEncryptor(const Arguments& arguments) {
  EncryptorOptions options;
  options.key_names = arguments.key_names;
  options.key_reader = KeyDirectory(arguments.key_directory);
  return MessageEncryptor::Create(std::move(options));
}

// One producer of Pulsar's: a name of its own and numbered messages.
class Producer {
 public:
  Producer(MessageEncryptor& encryptor, TopicWriter& topic) : encryptor_(encryptor), topic_(topic) {
    std::random_device random;
    metadata_.producer_name = absl::StrFormat("pulseal-%08x%08x", random(), random());
  }

  absl::Status Send(std::string_view message) {
    metadata_.publish_time = static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count());
    metadata_.uncompressed_size = static_cast<uint32_t>(message.size());
    const std::string metadata = metadata_.Serialize();
    const absl::StatusOr<Sealed> sealed = encryptor_.Encrypt(message, &payload_, &fields_);
    if (!sealed.ok()) return sealed.status();
    const auto room =
        topic_.Reserve(framing::EntrySize(metadata.size() + sealed->fields.size(), sealed->payload.size()));
    if (!room.ok()) return room.status();
    const auto entry = framing::BuildEntry(metadata, sealed->fields, sealed->payload, *room);
    if (!entry.ok()) return entry.status();
    topic_.Commit(entry->size());
    ++metadata_.sequence_id;
    return absl::OkStatus();
  }

 private:
  MessageEncryptor& encryptor_;
  TopicWriter& topic_;
  framing::MessageMetadata metadata_;
  std::string payload_, fields_;  // kept for their memory
};

// Every line of standard input, up to its end, an interruption, or a failure. `long_lines` counts those that were left
// out.
absl::Status SendLines(MessageEncryptor& encryptor, TopicWriter& topic, uint64_t& long_lines) {
  Producer producer(encryptor, topic);
  // What came before a pause shouldn't wait for what comes after it.
  LineReader lines(STDIN_FILENO, "standard input", kMaxMessageSize, [&topic] { return topic.Flush(); });
  while (true) {
    const absl::StatusOr<LineReader::Line> line = lines.Next();
    if (!line.ok()) return line.status();
    if (line->kind == LineReader::Kind::kEnd) return absl::OkStatus();
    if (line->kind == LineReader::Kind::kTooLong) {
      ++long_lines;
      Report(absl::StrCat("standard input: line ", line->number, " is longer than 5 MiB (", kMaxMessageSize,
                          " bytes) and was left out"));
      continue;
    }
    if (absl::Status status = producer.Send(line->text); !status.ok()) return status;
  }
}

ExitCode Run(const Arguments& arguments) {
  const auto encryptor = MakeEncryptor(arguments);
  if (encryptor.status().code() == absl::StatusCode::kInvalidArgument) {
    Report(absl::StrCat("--to: ", encryptor.status().message()));
    return ExitCode::kUsage;
  }
  if (!encryptor.ok()) {
    const absl::Status folder = CheckKeyDirectory(arguments.key_directory);
    return EnvironmentFailure(folder.ok() ? encryptor.status() : folder);
  }
  CatchInterrupts();
  const auto topic = TopicWriter::Open(arguments.topic);
  if (!topic.ok()) return EnvironmentFailure(topic.status());
  const std::string name = Shown(arguments.topic);
  if (SameFile(STDIN_FILENO, (*topic)->file().get())) {
    return EnvironmentFailure(absl::FailedPreconditionError(absl::StrCat(name, " is also the standard input")));
  }
  if ((*topic)->torn_bytes() > 0) {
    Report(absl::StrCat(name, ": removed ", Count((*topic)->torn_bytes(), "byte"),
                        " at the end, an incomplete record of a run that was cut off"));
  }
  uint64_t long_lines = 0;
  const absl::Status sent = SendLines(**encryptor, **topic, long_lines);
  const absl::Status synced = (*topic)->Sync();
  const std::string recorded = Count((*topic)->entries_written(), "message");
  for (const absl::Status& status : {sent, synced}) {
    if (status.ok()) continue;
    return EnvironmentFailure(
        absl::Status(status.code(), absl::StrCat(status.message(), " (", recorded, " recorded)")));
  }
  if (Interrupted()) Report(absl::StrCat("interrupted: ", recorded, " recorded"));
  return long_lines > 0 ? ExitCode::kMessagesLeft : ExitCode::kDone;
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("TOPIC", arguments->topic, "Topic file, made where there is none")->required();
  app.add_option("--to", arguments->key_names, "Who may read: the name of a key; once for each")
      ->required()
      ->type_name("NAME")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--key-dir", arguments->key_directory, "Folder of the public keys (NAME.public.pem)")
      ->capture_default_str();
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kProduceCommand = {"produce", "Record messages, encrypted, in a topic file",
                                        "Each line of standard input is a message: any bytes but a line feed, which "
                                        "may be missing from the last line; an empty\n"
                                        "line is an empty message. A line over 5 MiB is reported with its number and "
                                        "left out, the others are recorded, and the\n"
                                        "exit status is 1. New messages go behind those that the file holds.\n\n"
                                        "Example: pulseal produce orders.topic --to orders --to audit < messages.txt",
                                        Define};

}  // namespace pulseal::tools
