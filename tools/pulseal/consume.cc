// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/framing/entry_consumer.h"
#include "pulseal/message_crypto.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/leftovers.h"
#include "tools/pulseal/message_output.h"
#include "tools/pulseal/private_keys.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/topic_file.h"
#include "tools/pulseal/topic_file_source.h"
#include "tools/pulseal/topic_options.h"
#include "tools/pulseal/topic_source.h"
#include "tools/pulseal/websocket_source.h"

namespace pulseal::tools {
namespace {

using FailureAction = ConsumerCryptoFailureAction;

constexpr uint64_t kMostEntries = 1'000'000'000'000;
constexpr size_t kMostUnsettled = 64 * 1024;  // entries that are done, and that the topic isn't told of yet

struct Arguments {
  std::string topic, on_failure = "fail", format = "lines";
  PrivateKeyArguments keys;
  bool deliver_whole_batch = false, allow_plaintext = false, follow = false, json = false, quiet = false;
  uint64_t from = 1, count = 0;  // count: 0 is all
  size_t max_message_size = kMaxMessageSize;
  std::string subscription, subscription_type = "exclusive", idle = "5s";
  WebSocketArguments websocket;
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

Leftovers::Outcome OutcomeOf(Decision::Action action) {
  if (action == Decision::Action::kDeliverEncrypted) return Leftovers::Outcome::kCiphertext;
  if (action == Decision::Action::kDiscard) return Leftovers::Outcome::kDiscarded;
  return Leftovers::Outcome::kNotRead;
}

// From a topic's entries to messages on standard output.
class Consumption {
 public:
  Consumption(const Arguments& arguments, TopicSource& topic, MessageDecryptor& decryptor)
      : arguments_(arguments),
        topic_(topic),
        entries_(decryptor, ToConsumerOptions(arguments)),
        output_(arguments.format == "jsonl" ? MessageFormat::kJsonLines : MessageFormat::kLines) {}

  // All entries, up to the end, --count, an interruption, or a failure of topic or output.
  absl::Status Run() {
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more && !Interrupted() && !IsComplete()) more = ConsumeOne();
    if (!more.ok()) return more.status();
    absl::Status status = IsComplete() ? absl::OkStatus() : WriteAll(entries_.Flush(), {});
    return status.ok() ? SettleWritten() : status;
  }

  // What was not delivered, and why.
  void ReportLeftovers() {
    leftovers_.ReportAll(arguments_.topic);
    topic_is_damaged_ = topic_.ReportUnreadable();
  }

  bool has_unread() const { return leftovers_.any_unread() || topic_is_damaged_; }
  uint64_t messages() const { return messages_; }
  uint64_t entries() const { return entries_read_; }

 private:
  bool IsComplete() const { return arguments_.count > 0 && messages_ == arguments_.count; }

  // False at the end.
  absl::StatusOr<bool> ConsumeOne() {
    const absl::StatusOr<std::optional<TopicEntry>> entry = topic_.Next();
    if (!entry.ok()) return AfterWriting(entry.status());
    absl::Status status = entry->has_value() ? Consume(**entry) : SettleWritten();
    if (!status.ok()) return status;
    // A topic may always have another one ready.
    if (settled_.size() >= kMostUnsettled) status = SettleWritten();
    if (!status.ok()) return status;
    if (entry->has_value()) return true;
    EndIfNobodyReads();
    return topic_.Wait();
  }

  absl::Status Consume(const TopicEntry& entry) {
    last_entry_number_ = entry.place.entry_number;
    ++entries_read_;
    if (!entry.status.ok()) {
      leftovers_.Add(Leftovers::Outcome::kNotRead, "damaged", 1, entry.place, entry.status);
      return absl::OkStatus();
    }
    places_.emplace(last_entry_number_, entry.place);
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return WriteAll(entries_.Consume(entry.metadata, entry.payload, last_entry_number_, now).outcomes, entry.metadata);
  }

  absl::Status WriteAll(const std::vector<framing::Outcome>& outcomes, std::string_view metadata) {
    for (const framing::Outcome& outcome : outcomes) {
      const absl::StatusOr<bool> is_done = Write(outcome, metadata);
      if (!is_done.ok()) return is_done.status();
      if (*is_done) settled_.insert(settled_.end(), outcome.cookies.begin(), outcome.cookies.end());
    }
    return absl::OkStatus();
  }

  // Whether it need not come again.
  absl::StatusOr<bool> Write(const framing::Outcome& outcome, std::string_view metadata) {
    const Place place = TakeFirst(outcome.cookies, &places_).second;
    const Decision& decision = outcome.decision;
    if (decision.action == Decision::Action::kDeliver) return WriteMessages(outcome, place);
    if (!outcome.failed_before) {
      leftovers_.Add(OutcomeOf(decision.action), ReasonName(decision.reason),
                     static_cast<uint64_t>(decision.num_messages), place, decision.status);
    }
    if (decision.action != Decision::Action::kDeliverEncrypted) return decision.action == Decision::Action::kDiscard;
    if (absl::Status status = output_.WriteCiphertext(place, decision, metadata); !status.ok()) return status;
    return true;
  }

  // False where --count ends inside a batch.
  absl::StatusOr<bool> WriteMessages(const framing::Outcome& outcome, const Place& place) {
    framing::MessageReader messages(outcome);
    while (messages.Next(&message_)) {
      if (IsComplete()) return false;
      absl::Status status = output_.Write(place, outcome, message_, messages.batch_index());
      if (!status.ok()) return status;
      ++messages_;
    }
    return true;
  }

  // An entry is settled when whoever reads the output has all of it.
  absl::Status SettleWritten() {
    if (absl::Status status = output_.Flush(); !status.ok()) return status;
    absl::Status status = topic_.Settle(settled_);
    settled_.clear();
    return status;
  }

  // What came before the topic failed is as good as ever, and may be all that can be had of it.
  absl::Status AfterWriting(absl::Status failure) {
    failure.Update(SettleWritten());
    return failure;
  }

  // A pipe says that its reader has gone without being written to.
  static void EndIfNobodyReads() {
    pollfd output = {STDOUT_FILENO, 0, 0};
    if (poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0) EndBySignal(SIGPIPE);
  }

  const Arguments& arguments_;
  TopicSource& topic_;
  framing::EntryConsumer entries_;
  MessageOutput output_;
  Leftovers leftovers_;
  bool topic_is_damaged_ = false;
  uint64_t last_entry_number_ = 0, entries_read_ = 0, messages_ = 0;
  std::map<uint64_t, Place> places_;  // of entries, by their numbers, that no outcome has settled
  std::vector<uint64_t> settled_;     // entries whose messages wait in output_
  framing::SingleMessage message_;    // kept for its memory
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
absl::Status PrintSummary(const Consumption& consumption, const MessageDecryptor& decryptor) {
  return PrintToStandardError(JsonLine({{"messages", consumption.messages()},
                                        {"entries", consumption.entries()},
                                        {"counters", ToJson(decryptor.counters())}}));
}

absl::Status CheckUse(const CLI::App& app, const Arguments& arguments) {
  absl::Status status = CheckTopicOptions(app, arguments.topic, "a subscription knows where it is");
  if (!status.ok() || !IsWebSocketUrl(arguments.topic)) return status;
  if (!arguments.subscription.empty()) return status;
  return absl::InvalidArgumentError(
      "--subscription: a ws:// or wss:// topic needs one: the name under which Pulsar remembers what was read");
}

absl::StatusOr<std::unique_ptr<TopicSource>> OpenWebSocketTopic(const Arguments& arguments) {
  absl::StatusOr<WebSocketLinkOptions> link = ToLinkOptions(arguments.topic, arguments.websocket);
  if (!link.ok()) return link.status();
  const auto idle = ToDuration("--idle", arguments.idle, std::chrono::milliseconds(1), std::chrono::hours(24));
  if (!idle.ok()) return idle.status();
  WebSocketSourceOptions options;
  options.link = *std::move(link);
  options.subscription = arguments.subscription;
  options.subscription_type = arguments.subscription_type;
  options.follow = arguments.follow;
  options.idle = *idle;
  return OpenWebSocketSource(std::move(options));
}

absl::StatusOr<std::unique_ptr<TopicSource>> OpenTopic(const Arguments& arguments) {
  if (IsWebSocketUrl(arguments.topic)) return OpenWebSocketTopic(arguments);
  TopicFileSourceOptions options;
  options.from = arguments.from;
  options.follow = arguments.follow;
  options.progress = !arguments.quiet && !arguments.follow;
  return OpenTopicFileSource(arguments.topic, options);
}

ExitCode Run(const CLI::App& app, const Arguments& arguments) {
  if (absl::Status status = CheckUse(app, arguments); !status.ok()) return Misused(status);
  const auto decryptor = MakeDecryptor(arguments);
  if (!decryptor.ok()) return EnvironmentFailure(decryptor.status());
  CatchInterrupts();
  const auto topic = OpenTopic(arguments);
  if (absl::IsInvalidArgument(topic.status())) return Misused(topic.status());
  if (!topic.ok()) return EnvironmentFailure(topic.status());
  Consumption consumption(arguments, **topic, **decryptor);
  absl::Status status = consumption.Run();
  consumption.ReportLeftovers();
  if (status.ok() && arguments.json) status = PrintSummary(consumption, **decryptor);
  if (!status.ok()) return EnvironmentFailure(status);
  return consumption.has_unread() ? ExitCode::kMessagesLeft : ExitCode::kDone;
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("TOPIC", arguments->topic,
                 "A file, or a topic of Pulsar's: ws://HOST:PORT/TENANT/NAMESPACE/TOPIC (wss: TLS)")
      ->required();
  app.add_option("--on-failure", arguments->on_failure, "What becomes of a message that can't be decrypted")
      ->check(CLI::IsMember(FailureActions()))
      ->capture_default_str();
  DefinePrivateKeys(app, arguments->keys);
  app.add_option("--format", arguments->format, "What a line is: a message, or a JSON object that holds one")
      ->check(CLI::IsMember({"lines", "jsonl"}))
      ->capture_default_str();
  app.add_option("--from", arguments->from, "Begin with this entry; the first is 1")
      ->group(kTopicFileOptions)
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
  app.add_option("--subscription", arguments->subscription,
                 "The name under which Pulsar remembers what was read; a new one begins with the oldest message")
      ->type_name("NAME")
      ->group(kWebSocketOptions);
  app.add_option("--subscription-type", arguments->subscription_type, "Whether others may read under this name too")
      ->check(CLI::IsMember({"exclusive", "shared", "failover", "key-shared"}))
      ->group(kWebSocketOptions)
      ->capture_default_str();
  app.add_option("--idle", arguments->idle, "Without --follow: end when no message has come for so long")
      ->type_name("DURATION")
      ->group(kWebSocketOptions)
      ->capture_default_str();
  DefineWebSocketOptions(app, arguments->websocket);
  return [arguments, &app] { return Run(app, *arguments); };
}

}  // namespace

extern const Command kConsumeCommand = {
    "consume", "Read messages from a topic file or a topic of Pulsar's",
    "Each message is written to standard output, with a line feed after it. A message that can't be read doesn't stop\n"
    "the others; one line for each cause follows on standard error. --on-failure says what is done with it:\n"
    "  fail      it is left out, and the exit status is 1\n"
    "  discard   it is left out, and that is all\n"
    "  consume   its ciphertext is written in its place, in base64; a batch's only with --deliver-whole-batch\n"
    "With --format jsonl each line is a JSON object: entry and offset (where it lies in the topic), batch_index,\n"
    "producer, sequence_id, publish_time, event_time, encrypted, key_name (whose private key opened it), key,\n"
    "properties and payload. What is no text stands in base64 under key_base64, payload_base64. A producer's name\n"
    "over 1024 bytes is cut, and producer_size says how long it is. A ciphertext has a context beside it, its entry's\n"
    "metadata, with which \"pulseal decrypt\" reads it when the key is there.\n"
    "A topic of Pulsar's is read under the name of a subscription, through Pulsar's WebSocket endpoint, which tells\n"
    "message_id instead of entry and offset, and neither producer nor chunks. A message is acknowledged when it was\n"
    "written out, or discarded; one that is left out by \"fail\" isn't, and comes again to the next consumer.\n\n"
    "Examples: pulseal consume orders.topic > messages.txt\n"
    "          pulseal consume orders.topic --format jsonl --from 100 --count 10\n"
    "          pulseal consume orders.topic --follow\n"
    "          pulseal consume wss://localhost:8443/public/default/orders --subscription audit",
    Define};

}  // namespace pulseal::tools
