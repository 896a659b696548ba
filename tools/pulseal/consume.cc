// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/framing/entry.h"
#include "pulseal/framing/entry_consumer.h"
#include "pulseal/message_crypto.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/leftovers.h"
#include "tools/pulseal/message_output.h"
#include "tools/pulseal/private_keys.h"
#include "tools/pulseal/progress.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/topic_file.h"
#include "tools/pulseal/topic_reader.h"

namespace pulseal::tools {
namespace {

using FailureAction = ConsumerCryptoFailureAction;

constexpr uint64_t kMostEntries = 1'000'000'000'000;

struct Arguments {
  std::string topic, on_failure = "fail", format = "lines";
  PrivateKeyArguments keys;
  bool deliver_whole_batch = false, allow_plaintext = false, follow = false, json = false, quiet = false;
  uint64_t from = 1, count = 0;  // count: 0 is all
  size_t max_message_size = kMaxMessageSize;
};

const std::map<std::string, FailureAction>& FailureActions() {
  static const auto* const actions = new std::map<std::string, FailureAction>{
      {"fail", FailureAction::kFail}, {"discard", FailureAction::kDiscard}, {"consume", FailureAction::kConsume}};
  return *actions;
}

absl::StatusOr<std::unique_ptr<MessageDecryptor>> MakeDecryptor(const Arguments& arguments) {
  absl::StatusOr<std::shared_ptr<KeyWrapper>> keys = OpenPrivateKeys(arguments.keys);
  if (!keys.ok()) return keys.status();
  DecryptorOptions options;
  options.key_wrapper = *std::move(keys);
  // "pulseal produce" encrypts: plaintext was most likely put there by somebody else.
  options.require_encryption = !arguments.allow_plaintext;
  options.deliver_whole_batch = arguments.deliver_whole_batch;
  options.failure_action = FailureActions().at(arguments.on_failure);
  // A recording of many producers may have more data keys than a consumer meets in a second, and nobody else waits
  // here.
  options.unwraps_per_second = 1'000'000;
  return MessageDecryptor::Create(std::move(options));
}

framing::EntryConsumerOptions ToConsumerOptions(const Arguments& arguments) {
  framing::EntryConsumerOptions options;
  options.max_message_size = arguments.max_message_size;
  options.discard_malformed = arguments.on_failure == "discard";
  // How quickly a file is read says nothing about when its chunks were sent.
  options.chunks.max_age = std::chrono::hours(24 * 365);
  return options;
}

// Bytes of the file that belong to no record.
struct Damage {
  uint64_t places = 0, bytes = 0, first_offset = 0;
  std::optional<uint64_t> nothing_from;  // where no record follows the last place
  TopicItem torn_tail;                   // kEnd: none
};

Leftovers::Outcome OutcomeOf(Decision::Action action) {
  if (action == Decision::Action::kDeliverEncrypted) return Leftovers::Outcome::kCiphertext;
  if (action == Decision::Action::kDiscard) return Leftovers::Outcome::kDiscarded;
  return Leftovers::Outcome::kNotRead;
}

// From a topic's entries to messages on standard output.
class Consumption {
 public:
  Consumption(const Arguments& arguments, TopicReader& topic, MessageDecryptor& decryptor)
      : arguments_(arguments),
        topic_(topic),
        entries_(decryptor, ToConsumerOptions(arguments)),
        output_(arguments.format == "jsonl" ? MessageFormat::kJsonLines : MessageFormat::kLines),
        progress_(topic.file().get(), arguments.quiet || arguments.follow) {}

  // All entries, up to the end, --count, an interruption, or a failure of file or output.
  absl::Status Run() {
    absl::Status status;
    while (status.ok() && !Interrupted() && !IsComplete()) {
      const absl::StatusOr<TopicItem> item = topic_.Next();
      if (!item.ok()) return item.status();
      if (item->kind == TopicItem::Kind::kEnd && !arguments_.follow) break;
      status = Take(*item);
    }
    if (status.ok() && !IsComplete()) status = WriteAll(entries_.Flush(), {});
    return status.ok() ? output_.Flush() : status;
  }

  // What was not delivered, and why.
  void ReportLeftovers() const {
    leftovers_.ReportAll(arguments_.topic);
    const std::string name = Shown(arguments_.topic);
    if (arguments_.from > std::max<uint64_t>(entry_number_, 1) && !Interrupted()) {
      Report(
          absl::StrCat(name, ": nothing to read from entry ", arguments_.from, " on: the last one is ", entry_number_));
    }
    if (damage_.places > 0) {
      Report(absl::StrCat(name, ": damaged in ", Count(damage_.places, "place"), ": ", Count(damage_.bytes, "byte"),
                          " skipped, the first at offset ", damage_.first_offset,
                          damage_.nothing_from
                              ? absl::StrCat("; nothing can be read from offset ", *damage_.nothing_from, " on")
                              : ""));
    }
    if (HasTornTail()) {
      Report(absl::StrCat(name, ": ends inside a record: the last ", Count(damage_.torn_tail.size, "byte"),
                          " from offset ", damage_.torn_tail.offset,
                          " on not read; whoever wrote it was cut off, and the next \"pulseal produce\" removes them"));
    }
  }

  bool has_unread() const { return leftovers_.any_unread() || damage_.places > 0 || HasTornTail(); }
  uint64_t messages() const { return messages_; }
  uint64_t entries() const { return entry_number_; }

 private:
  bool IsComplete() const { return arguments_.count > 0 && messages_ == arguments_.count; }
  bool HasTornTail() const { return damage_.torn_tail.kind == TopicItem::Kind::kTornTail; }

  absl::Status Take(const TopicItem& item) {
    switch (item.kind) {
      case TopicItem::Kind::kEntry:
        damage_.torn_tail = {};
        damage_.nothing_from.reset();
        progress_.At(item.offset);
        return ++entry_number_ < arguments_.from ? absl::OkStatus() : Consume(item.entry, {entry_number_, item.offset});
      case TopicItem::Kind::kDamage:
        if (damage_.places++ == 0) damage_.first_offset = item.offset;
        damage_.bytes += item.size;
        damage_.nothing_from = item.offset;
        return absl::OkStatus();
      case TopicItem::Kind::kTornTail: damage_.torn_tail = item; return absl::OkStatus();
      case TopicItem::Kind::kEnd: return WaitForMore();
    }
    return absl::OkStatus();
  }

  absl::Status Consume(std::string_view stored, Place place) {
    const absl::StatusOr<framing::EntryView> entry = framing::ParseEntry(stored);
    if (!entry.ok()) {
      leftovers_.Add(Leftovers::Outcome::kNotRead, "damaged", 1, place, entry.status());
      return absl::OkStatus();
    }
    offsets_.emplace(place.entry_number, place.offset);
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return WriteAll(entries_.Consume(entry->metadata, entry->payload, place.entry_number, now).outcomes,
                    entry->metadata);
  }

  absl::Status WriteAll(const std::vector<framing::Outcome>& outcomes, std::string_view metadata) {
    for (const framing::Outcome& outcome : outcomes) {
      if (absl::Status status = Write(outcome, metadata); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Write(const framing::Outcome& outcome, std::string_view metadata) {
    const Place place = PlaceOf(outcome);
    if (outcome.decision.action == Decision::Action::kDeliver) return WriteMessages(outcome, place);
    if (!outcome.failed_before) {
      leftovers_.Add(OutcomeOf(outcome.decision.action), ReasonName(outcome.decision.reason),
                     static_cast<uint64_t>(outcome.decision.num_messages), place, outcome.decision.status);
    }
    const bool is_ciphertext = outcome.decision.action == Decision::Action::kDeliverEncrypted;
    return is_ciphertext ? output_.WriteCiphertext(place, outcome.decision, metadata) : absl::OkStatus();
  }

  absl::Status WriteMessages(const framing::Outcome& outcome, Place place) {
    framing::MessageReader messages(outcome);
    while (!IsComplete() && messages.Next(&message_)) {
      absl::Status status = output_.Write(place, outcome, message_, messages.batch_index());
      if (!status.ok()) return status;
      ++messages_;
    }
    return absl::OkStatus();
  }

  // Where the first of its entries lies, all of which it settles.
  Place PlaceOf(const framing::Outcome& outcome) {
    Place place;
    if (outcome.cookies.empty()) return place;
    place.entry_number = *std::min_element(outcome.cookies.begin(), outcome.cookies.end());
    place.offset = offsets_[place.entry_number];
    for (const uint64_t entry_number : outcome.cookies) offsets_.erase(entry_number);
    return place;
  }

  // What was read so far shouldn't wait for what comes.
  absl::Status WaitForMore() {
    if (absl::Status status = output_.Flush(); !status.ok()) return status;
    constexpr int kMilliseconds = 100;
    // Whoever read the output may have gone: a pipe says so without being written to.
    pollfd sources[] = {{InterruptDescriptor(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
    poll(sources, 2, kMilliseconds);
    if ((sources[1].revents & POLLERR) != 0) EndBySignal(SIGPIPE);
    topic_.LookAgain();
    return absl::OkStatus();
  }

  const Arguments& arguments_;
  TopicReader& topic_;
  framing::EntryConsumer entries_;
  MessageOutput output_;
  Leftovers leftovers_;
  Damage damage_;
  uint64_t entry_number_ = 0, messages_ = 0;
  std::map<uint64_t, uint64_t> offsets_;  // of entries, by their numbers, that no outcome has settled
  Progress progress_;
  framing::SingleMessage message_;  // kept for its memory
};

Json ToJson(const DecryptorCounters& counters) {
  return {{"messages_decrypted", counters.messages_decrypted},
          {"bytes_decrypted", counters.bytes_decrypted},
          {"messages_plain", counters.messages_plain},
          {"messages_delivered_encrypted", counters.messages_delivered_encrypted},
          {"messages_discarded", counters.messages_discarded},
          {"messages_failed", counters.messages_failed},
          {"key_not_found", counters.key_not_found},
          {"key_unusable", counters.key_unusable},
          {"key_unavailable", counters.key_unavailable},
          {"unwrap_failed", counters.unwrap_failed},
          {"authentication_failed", counters.authentication_failed},
          {"malformed", counters.malformed},
          {"limit_reached", counters.limit_reached},
          {"not_encrypted", counters.not_encrypted},
          {"internal", counters.internal},
          {"unwraps", counters.unwraps}};
}

// To standard error, since standard output is the messages'.
void PrintSummary(const Consumption& consumption, const MessageDecryptor& decryptor) {
  PrintToStandardError(JsonLine({{"messages", consumption.messages()},
                                 {"entries", consumption.entries()},
                                 {"counters", ToJson(decryptor.counters())}}));
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
  Consumption consumption(arguments, **topic, **decryptor);
  const absl::Status status = consumption.Run();
  consumption.ReportLeftovers();
  if (!status.ok()) return EnvironmentFailure(status);
  if (arguments.json) PrintSummary(consumption, **decryptor);
  return consumption.has_unread() ? ExitCode::kMessagesLeft : ExitCode::kDone;
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("TOPIC", arguments->topic, "Topic file")->required();
  app.add_option("--on-failure", arguments->on_failure, "What becomes of a message that can't be decrypted")
      ->check(CLI::IsMember(FailureActions()))
      ->capture_default_str();
  DefinePrivateKeys(app, arguments->keys);
  app.add_option("--format", arguments->format, "What a line is: a message, or a JSON object that holds one")
      ->check(CLI::IsMember({"lines", "jsonl"}))
      ->capture_default_str();
  app.add_option("--from", arguments->from, "Begin with this entry; the first is 1")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, kMostEntries));
  app.add_option("--count", arguments->count, "End after so many messages")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, kMostEntries));
  app.add_option("--max-message-size", arguments->max_message_size,
                 "Longer messages, decompressed and put together, count as ones that can't be read")
      ->type_name("BYTES")
      ->check(CLI::Range(size_t{1}, kMaxStoredEntrySize))
      ->capture_default_str();
  app.add_flag("--follow", arguments->follow, "At the end, wait for more");
  app.add_flag("--deliver-whole-batch", arguments->deliver_whole_batch,
               "With --on-failure consume: write a batch that can't be decrypted as one ciphertext");
  CLI::Option* const require_encryption = app.add_flag(
      "--require-encryption", "A message that isn't encrypted counts as one that can't be read (the default)");
  app.add_flag("--allow-plaintext", arguments->allow_plaintext, "Read messages that aren't encrypted too")
      ->excludes(require_encryption);
  app.add_flag("--json", arguments->json, "End with what was counted, as a JSON object on standard error");
  app.add_flag("-q,--quiet", arguments->quiet, "Show no progress");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kConsumeCommand = {
    "consume", "Read messages from a topic file",
    "Each message is written to standard output, with a line feed after it. A message that can't be read doesn't stop\n"
    "the others; one line for each cause follows on standard error. --on-failure says what is done with it:\n"
    "  fail      it is left out, and the exit status is 1\n"
    "  discard   it is left out, and that is all\n"
    "  consume   its ciphertext is written in its place, in base64; a batch's only with --deliver-whole-batch\n"
    "With --format jsonl each line is a JSON object: entry and offset (where it lies in the topic), batch_index,\n"
    "producer, sequence_id, publish_time, event_time, encrypted, key_name (whose private key opened it), key,\n"
    "properties and payload. What is no text stands in base64 under key_base64, payload_base64. A producer's name "
    "over\n"
    "1024 bytes is cut, and producer_size says how long it is. A ciphertext has a context beside it, its entry's\n"
    "metadata, with which \"pulseal decrypt\" reads it when the key is there.\n\n"
    "Examples: pulseal consume orders.topic > messages.txt\n"
    "          pulseal consume orders.topic --format jsonl --from 100 --count 10\n"
    "          pulseal consume orders.topic --follow",
    Define};

}  // namespace pulseal::tools
