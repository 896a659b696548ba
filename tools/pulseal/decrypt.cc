// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/framing/entry_consumer.h"
#include "pulseal/message_crypto.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/input_file.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/kept_message.h"
#include "tools/pulseal/leftovers.h"
#include "tools/pulseal/line_errors.h"
#include "tools/pulseal/line_reader.h"
#include "tools/pulseal/message_output.h"
#include "tools/pulseal/private_keys.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

constexpr size_t kMaxInputSize = 64 * 1024 * 1024;

struct Arguments {
  std::string file = "-", format = "lines";
  PrivateKeyArguments keys;
};

// A message among the lines of "pulseal consume" that could be read at once. One that has a ciphertext's metadata is a
// ciphertext, whatever else was left out of its line.
bool WasReadBefore(const Json& object) {
  const bool has_place = object.contains("entry") || object.contains("message_id");
  const bool is_ciphertext = object.contains("context") || object.contains("encryptionContext");
  return has_place && !is_ciphertext && !object.contains("undecryptable");
}

std::string WhyNoObject(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return "not a JSON object in one line (of others jq -c makes one)";
  return absl::StrCat("the line ", status.message());
}

absl::StatusOr<std::unique_ptr<MessageDecryptor>> MakeDecryptor(const Arguments& arguments) {
  absl::StatusOr<std::shared_ptr<KeyWrapper>> keys = OpenPrivateKeys(arguments.keys);
  if (!keys.ok()) return keys.status();
  DecryptorOptions options;
  options.key_wrapper = *std::move(keys);
  options.require_encryption = true;
  options.unwraps_per_second = 1'000'000;  // nobody else waits here
  return MessageDecryptor::Create(std::move(options));
}

framing::EntryConsumerOptions ConsumerOptions() {
  framing::EntryConsumerOptions options;
  options.max_message_size = kMaxInputSize;
  return options;
}

// From lines that hold ciphertexts to messages on standard output.
class Decryption {
 public:
  Decryption(const Arguments& arguments, const InputFile& input, MessageDecryptor& decryptor)
      : is_json_(arguments.format == "jsonl"),
        lines_(input.file().get(), input.name(), kMaxInputSize, [this] { return output_.Flush(); }),
        entries_(decryptor, ConsumerOptions()),
        errors_(input.name(), "not decrypted"),
        input_name_(input.name()) {}

  // All lines, up to the end, an interruption, or a failure of file or output.
  absl::Status Run() {
    while (true) {
      const absl::StatusOr<LineReader::Line> line = lines_.Next();
      if (!line.ok()) return line.status();
      if (line->kind == LineReader::Kind::kEnd) break;
      if (absl::Status status = Take(*line); !status.ok()) return status;
    }
    if (absl::Status status = WriteAll(entries_.Flush()); !status.ok()) return status;
    return is_json_ || written_ < 2 ? output_.Flush() : Print("\n");
  }

  void ReportLeftovers() const {
    errors_.ReportRest();
    if (read_before_ == 0) return;
    Report(
        absl::StrCat(input_name_, ": passed over ", Count(read_before_, "message"), " that had been decrypted before"));
  }

  bool has_unread() const { return errors_.count() > 0; }

 private:
  absl::Status Take(const LineReader::Line& line) {
    if (line.kind == LineReader::Kind::kTooLong) {
      errors_.Add(line.number, absl::StrCat("longer than ", kMaxInputSize, " bytes"));
      return absl::OkStatus();
    }
    if (line.text.empty()) return absl::OkStatus();
    const absl::StatusOr<Json> object = ParseJson(line.text);
    if (!object.ok()) {
      errors_.Add(line.number, WhyNoObject(object.status()));
      return absl::OkStatus();
    }
    if (WasReadBefore(*object)) {
      ++read_before_;
      return absl::OkStatus();
    }
    const absl::StatusOr<KeptMessage> kept = ReadKeptMessage(*object);
    if (!kept.ok()) {
      errors_.Add(line.number, std::string(kept.status().message()));
      return absl::OkStatus();
    }
    places_[line.number] = kept->place;
    return WriteAll(entries_.Consume(kept->metadata, kept->payload, line.number, std::chrono::nanoseconds(0)).outcomes);
  }

  absl::Status WriteAll(const std::vector<framing::Outcome>& outcomes) {
    for (const framing::Outcome& outcome : outcomes) {
      if (absl::Status status = Write(outcome); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Write(const framing::Outcome& outcome) {
    const auto [line, place] = TakeFirst(outcome.cookies, &places_);
    if (outcome.decision.action != Decision::Action::kDeliver) {
      if (!outcome.failed_before) errors_.Add(line, std::string(outcome.decision.status.message()));
      return absl::OkStatus();
    }
    framing::MessageReader messages(outcome);
    for (framing::SingleMessage message; messages.Next(&message);) {
      absl::Status status =
          is_json_ ? output_.Write(place, outcome, message, messages.batch_index()) : WriteText(message.payload);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // A message alone stays as it is, byte for byte.
  absl::Status WriteText(std::string_view payload) {
    const absl::Status status = written_++ == 0 ? absl::OkStatus() : Print("\n");
    return status.ok() ? Print(payload) : status;
  }

  const bool is_json_;
  MessageOutput output_{MessageFormat::kJsonLines};
  LineReader lines_;
  framing::EntryConsumer entries_;
  LineErrors errors_;
  const std::string input_name_;
  std::map<uint64_t, Place> places_;  // of what no outcome has settled, by the numbers of the lines
  uint64_t written_ = 0, read_before_ = 0;
};

ExitCode Run(const Arguments& arguments) {
  absl::StatusOr<InputFile> input = InputFile::Open(arguments.file);
  if (!input.ok()) return EnvironmentFailure(input.status());
  const auto decryptor = MakeDecryptor(arguments);
  if (!decryptor.ok()) return EnvironmentFailure(decryptor.status());
  CatchInterrupts();
  Decryption decryption(arguments, *input, **decryptor);
  const absl::Status status = decryption.Run();
  decryption.ReportLeftovers();
  if (!status.ok()) return EnvironmentFailure(status);
  return decryption.has_unread() ? ExitCode::kMessagesLeft : ExitCode::kDone;
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("FILE", arguments->file, "JSON objects, one to a line; - is standard input")->capture_default_str();
  DefinePrivateKeys(app, arguments->keys);
  app.add_option("--format", arguments->format, "What is written: payloads, or a JSON object for each message")
      ->check(CLI::IsMember({"lines", "jsonl"}))
      ->capture_default_str();
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kDecryptCommand = {
    "decrypt", "Read messages that were kept because their key wasn't there",
    "Takes JSON objects, one to a line: what \"pulseal consume --on-failure consume --format jsonl\" wrote, or frames\n"
    "of Pulsar's WebSocket endpoint from a consumer with cryptoFailureAction=CONSUME. Each is decrypted and\n"
    "decompressed, batches (kept with --deliver-whole-batch) are split, chunks put together; messages that consume\n"
    "could read at once are passed over. A line that can't be read doesn't stop the others, and the exit status is 1.\n"
    "A message alone is written as it is; of several each has a line feed after it. A tombstone is an empty message\n"
    "then, and keys and properties are left out: --format jsonl has them all, as \"pulseal consume\" writes them. Of\n"
    "a WebSocket frame it has only what is encrypted; the rest stays in the frame.\n\n"
    "Example: pulseal consume orders.topic --on-failure consume --format jsonl > kept.jsonl\n"
    "         pulseal decrypt kept.jsonl --key-dir other-keys\n"
    "         sed -n 3p kept.jsonl | pulseal decrypt --key-dir other-keys > third.bin",
    Define};

}  // namespace pulseal::tools
