// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "pulseal/framing/entry.h"
#include "pulseal/message_crypto.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/leftovers.h"
#include "tools/pulseal/line_writer.h"
#include "tools/pulseal/private_keys.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/topic_reader.h"

namespace pulseal::tools {
namespace {

using FailureAction = ConsumerCryptoFailureAction;

struct Arguments {
  std::string topic, on_failure = "fail";
  PrivateKeyArguments keys;
};

const std::map<std::string, FailureAction>& FailureActions() {
  static const auto* const actions = new std::map<std::string, FailureAction>{
      {"fail", FailureAction::kFail}, {"discard", FailureAction::kDiscard}, {"consume", FailureAction::kConsume}};
  return *actions;
}

// Bytes of the file that belong to no record.
struct Damage {
  uint64_t places = 0, bytes = 0, first_offset = 0;
  TopicItem torn_tail;  // kEnd: none
};

absl::StatusOr<std::unique_ptr<MessageDecryptor>> MakeDecryptor(const Arguments& arguments) {
  absl::StatusOr<std::shared_ptr<KeyWrapper>> keys = OpenPrivateKeys(arguments.keys);
  if (!keys.ok()) return keys.status();
  DecryptorOptions options;
  options.key_wrapper = *std::move(keys);
  // "pulseal produce" always encrypts: plaintext was put there by somebody else.
  options.require_encryption = true;
  options.failure_action = FailureActions().at(arguments.on_failure);
  // A recording of many producers may have more data keys than a consumer meets in a second, and nobody else waits
  // here.
  options.unwraps_per_second = 1'000'000;
  return MessageDecryptor::Create(std::move(options));
}

absl::Status WriteCiphertext(std::string_view ciphertext, LineWriter& output) {
  const std::string text = absl::Base64Escape(absl::string_view(ciphertext.data(), ciphertext.size()));
  if (const auto room = output.Room(text.size()); !room.ok()) return room.status();
  output.Append(text);
  return absl::OkStatus();
}

// One entry: to the output, or to the leftovers. Fails where the output does.
absl::Status ConsumeEntry(std::string_view stored, Place place, MessageDecryptor& decryptor, LineWriter& output,
                          Leftovers& leftovers) {
  using Outcome = Leftovers::Outcome;
  const absl::StatusOr<framing::EntryView> entry = framing::ParseEntry(stored);
  if (!entry.ok()) {
    leftovers.Add(Outcome::kNotRead, "damaged", 1, place, entry.status());
    return absl::OkStatus();
  }
  const absl::StatusOr<absl::Span<char>> room = output.Room(entry->payload.size());
  if (!room.ok()) return room.status();
  const Decision decision = decryptor.Decrypt(entry->metadata, entry->payload, *room);
  if (decision.action == Decision::Action::kDeliver) {
    output.Append(decision.payload);
    return absl::OkStatus();
  }
  const bool is_ciphertext = decision.action == Decision::Action::kDeliverEncrypted;
  const bool is_discarded = decision.action == Decision::Action::kDiscard;
  leftovers.Add(is_ciphertext  ? Outcome::kCiphertext
                : is_discarded ? Outcome::kDiscarded
                               : Outcome::kNotRead,
                ReasonName(decision.reason), static_cast<uint64_t>(decision.num_messages), place, decision.status);
  return is_ciphertext ? WriteCiphertext(decision.payload, output) : absl::OkStatus();
}

void ReportDamage(const std::string& topic, const Damage& damage) {
  if (damage.places > 0) {
    Report(absl::StrCat(Shown(topic), ": damaged in ", Count(damage.places, "place"), ": ", Count(damage.bytes, "byte"),
                        " skipped, the first at offset ", damage.first_offset));
  }
  if (damage.torn_tail.kind == TopicItem::Kind::kTornTail) {
    Report(absl::StrCat(Shown(topic), ": ends inside a record: the last ", Count(damage.torn_tail.size, "byte"),
                        " from offset ", damage.torn_tail.offset,
                        " on not read; whoever wrote it was cut off, and the next \"pulseal produce\" removes them"));
  }
}

struct Consumption {
  Leftovers leftovers;
  Damage damage;
};

// All entries, up to the end, an interruption, or a failure of file or output.
absl::Status ConsumeAll(TopicReader& topic, MessageDecryptor& decryptor, Consumption& result) {
  LineWriter output;
  uint64_t entries = 0;
  while (!Interrupted()) {
    const absl::StatusOr<TopicItem> item = topic.Next();
    if (!item.ok()) return item.status();
    switch (item->kind) {
      case TopicItem::Kind::kEntry: {
        const Place place = {++entries, item->offset};
        const absl::Status status = ConsumeEntry(item->entry, place, decryptor, output, result.leftovers);
        if (!status.ok()) return status;
        break;
      }
      case TopicItem::Kind::kDamage:
        if (result.damage.places++ == 0) result.damage.first_offset = item->offset;
        result.damage.bytes += item->size;
        break;
      case TopicItem::Kind::kTornTail: result.damage.torn_tail = *item; break;
      case TopicItem::Kind::kEnd: return output.Flush();
    }
  }
  return output.Flush();
}

ExitCode Run(const Arguments& arguments) {
  const auto topic = TopicReader::Open(arguments.topic);
  if (!topic.ok()) return EnvironmentFailure(topic.status());
  if (SameFile(STDOUT_FILENO, (*topic)->file().get())) {
    return EnvironmentFailure(absl::FailedPreconditionError(
        absl::StrCat(Shown(arguments.topic), " is also the standard output; write to another file")));
  }
  const auto decryptor = MakeDecryptor(arguments);
  if (!decryptor.ok()) return EnvironmentFailure(decryptor.status());
  CatchInterrupts();
  Consumption result;
  const absl::Status status = ConsumeAll(**topic, **decryptor, result);
  result.leftovers.ReportAll(arguments.topic);
  ReportDamage(arguments.topic, result.damage);
  if (!status.ok()) return EnvironmentFailure(status);
  const bool is_damaged = result.damage.places > 0 || result.damage.torn_tail.kind == TopicItem::Kind::kTornTail;
  return result.leftovers.any_unread() || is_damaged ? ExitCode::kMessagesLeft : ExitCode::kDone;
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("TOPIC", arguments->topic, "Topic file")->required();
  app.add_option("--on-failure", arguments->on_failure, "What becomes of a message that can't be decrypted")
      ->check(CLI::IsMember(FailureActions()))
      ->capture_default_str();
  DefinePrivateKeys(app, arguments->keys);
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kConsumeCommand = {
    "consume", "Read messages from a topic file",
    "Each message is written to standard output, with a line feed after it. A message that can't be read doesn't stop\n"
    "the others; one line for each cause follows on standard error. --on-failure says what is done with it:\n"
    "  fail      it is missing, and the exit status is 1\n"
    "  discard   it is left out\n"
    "  consume   its ciphertext is written in its place, in base64\n"
    "Only encrypted messages are read; one that isn't encrypted counts as one that can't be read.\n"
    "A payload is written as it stands: a batch, a chunk or a compressed message isn't taken apart.\n\n"
    "Example: pulseal consume orders.topic > messages.txt",
    Define};

}  // namespace pulseal::tools
