// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/entry.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/entry_report.h"
#include "tools/pulseal/input_file.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/line_writer.h"
#include "tools/pulseal/peek_headers.h"
#include "tools/pulseal/progress.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/topic_file.h"
#include "tools/pulseal/topic_reader.h"
#include "tools/pulseal/topic_summary.h"

namespace pulseal::tools {
namespace {

constexpr size_t kMaxHeadersSize = 8 * 1024 * 1024;

struct Arguments {
  std::string topic, stored_entry, metadata, payload, peek_headers;
  uint64_t entry = 0;
  bool entries = false, json = false, quiet = false;
};

// A topic, entry by entry.
class TopicInspection {
 public:
  explicit TopicInspection(const Arguments& arguments) : arguments_(arguments), summary_(arguments.topic) {}

  absl::Status Add(const TopicItem& item) {
    switch (item.kind) {
      case TopicItem::Kind::kEntry: return AddEntry({++entries_, item.offset}, item.entry);
      case TopicItem::Kind::kDamage: summary_.AddDamage(item.offset, item.size); return Show("damage", "damaged", item);
      case TopicItem::Kind::kTornTail:
        summary_.AddTornTail(item.offset, item.size);
        return Show("torn_tail", "cut short", item);
      case TopicItem::Kind::kEnd: break;
    }
    return absl::OkStatus();
  }

  absl::Status End() {
    if (arguments_.entries && !arguments_.json && entries_ > 0) {
      if (absl::Status status = output_.Write(""); !status.ok()) return status;
    }
    if (absl::Status status = output_.Flush(); !status.ok()) return status;
    return Print(arguments_.json ? JsonLine(summary_.ToJson()) : summary_.Text());
  }

  bool all_is_well() const { return summary_.all_is_well(); }

 private:
  absl::Status AddEntry(Place place, std::string_view stored) {
    const absl::StatusOr<framing::EntryView> entry = framing::ParseEntry(stored);
    message_.metadata = entry.ok() ? entry->metadata : std::string_view();
    message_.payload_size.reset();
    if (entry.ok()) message_.payload_size = entry->payload.size();
    Inspect(message_);
    if (!entry.ok()) {
      message_.problem = entry.status();
      message_.is_readable = false;
    }
    message_.place = place;
    if (message_.problem.ok()) {
      summary_.AddEntry(place, stored.size(), message_.facts, message_.recipients);
    } else {
      summary_.AddMalformed(place, stored.size(), message_.problem);
    }
    if (!arguments_.entries) return absl::OkStatus();
    if (!arguments_.json) return output_.Write(MessageLine(message_));
    return output_.Write(JsonText(MessageJson(message_, false)));
  }

  absl::Status Show(const char* kind, const char* words, const TopicItem& item) {
    if (!arguments_.entries) return absl::OkStatus();
    if (!arguments_.json) {
      return output_.Write(absl::StrCat("- at ", item.offset, ": ", words, ", ", Count(item.size, "byte")));
    }
    return output_.Write(JsonText({{"kind", kind}, {"offset", item.offset}, {"size", item.size}}));
  }

  const Arguments& arguments_;
  TopicSummary summary_;
  LineWriter output_;
  InspectedMessage message_;  // kept for its memory
  uint64_t entries_ = 0;
};

ExitCode InspectTopic(const Arguments& arguments, TopicReader& topic) {
  TopicInspection inspection(arguments);
  Progress progress(topic.file().get(), arguments.quiet);
  absl::StatusOr<TopicItem> item = topic.Next();
  while (item.ok() && item->kind != TopicItem::Kind::kEnd) {
    progress.At(item->offset);
    if (absl::Status status = inspection.Add(*item); !status.ok()) return EnvironmentFailure(status);
    item = topic.Next();
  }
  if (absl::Status status = inspection.End(); !status.ok()) return EnvironmentFailure(status);
  if (!item.ok()) return EnvironmentFailure(item.status());
  return inspection.all_is_well() ? ExitCode::kDone : ExitCode::kMessagesLeft;
}

// One message, wherever it came from.
ExitCode ShowMessage(const Arguments& arguments, InspectedMessage& message) {
  Inspect(message);
  const std::string text = arguments.json ? JsonLine(MessageJson(message, true)) : MessageText(message);
  if (absl::Status status = Print(text); !status.ok()) return EnvironmentFailure(status);
  return message.problem.ok() ? ExitCode::kDone : ExitCode::kMessagesLeft;
}

ExitCode ShowStoredEntry(const Arguments& arguments, std::string_view stored, std::optional<Place> place,
                         const std::string& name) {
  const absl::StatusOr<framing::EntryView> entry = framing::ParseEntry(stored);
  if (!entry.ok()) {
    Report(absl::StrCat(name, ": ", entry.status().message()));
    return ExitCode::kMessagesLeft;
  }
  InspectedMessage message;
  message.place = place;
  message.metadata = entry->metadata;
  message.payload_size = entry->payload.size();
  return ShowMessage(arguments, message);
}

ExitCode InspectEntryOfTopic(const Arguments& arguments, TopicReader& topic) {
  uint64_t entries = 0;
  absl::StatusOr<TopicItem> item = topic.Next();
  for (; item.ok() && item->kind != TopicItem::Kind::kEnd; item = topic.Next()) {
    if (item->kind != TopicItem::Kind::kEntry || ++entries < arguments.entry) continue;
    const Place place = {entries, item->offset};
    return ShowStoredEntry(arguments, item->entry, place,
                           absl::StrCat(Shown(arguments.topic), ": entry ", entries, " at offset ", item->offset));
  }
  if (!item.ok()) return EnvironmentFailure(item.status());
  Report(absl::StrCat(Shown(arguments.topic), " has no entry ", arguments.entry, ", only ", entries));
  return ExitCode::kMessagesLeft;
}

absl::StatusOr<std::string> ReadInput(const std::string& path, size_t most) {
  absl::StatusOr<InputFile> file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  return file->ReadAll(most);
}

ExitCode InspectStoredEntry(const Arguments& arguments) {
  const absl::StatusOr<std::string> stored = ReadInput(arguments.stored_entry, kMaxStoredEntrySize);
  if (!stored.ok()) return EnvironmentFailure(stored.status());
  return ShowStoredEntry(arguments, *stored, std::nullopt, Shown(arguments.stored_entry));
}

// The metadata, as it is or made from headers, and the payload's size where there is one.
ExitCode InspectParts(const Arguments& arguments, std::string_view metadata) {
  InspectedMessage message;
  message.metadata = metadata;
  if (!arguments.payload.empty()) {
    absl::StatusOr<InputFile> payload = InputFile::Open(arguments.payload);
    const absl::StatusOr<uint64_t> size = payload.ok() ? payload->CountBytes() : payload.status();
    if (!size.ok()) return EnvironmentFailure(size.status());
    message.payload_size = *size;
  }
  return ShowMessage(arguments, message);
}

ExitCode InspectMetadata(const Arguments& arguments) {
  const absl::StatusOr<std::string> metadata = ReadInput(arguments.metadata, kMaxMetadataSize);
  if (!metadata.ok()) return EnvironmentFailure(metadata.status());
  return InspectParts(arguments, *metadata);
}

ExitCode InspectPeekHeaders(const Arguments& arguments) {
  const absl::StatusOr<std::string> headers = ReadInput(arguments.peek_headers, kMaxHeadersSize);
  if (!headers.ok()) return EnvironmentFailure(headers.status());
  const absl::StatusOr<PeekedMessage> message = ParsePeekHeaders(*headers);
  if (!message.ok()) {
    Report(absl::StrCat(Shown(arguments.peek_headers), ": ", message.status().message()));
    return ExitCode::kMessagesLeft;
  }
  return InspectParts(arguments, message->metadata);
}

// Empty where the arguments go together.
std::string UsageProblem(const Arguments& arguments) {
  const std::string* const sources[] = {&arguments.topic, &arguments.stored_entry, &arguments.metadata,
                                        &arguments.peek_headers};
  if (std::count_if(std::begin(sources), std::end(sources), [](const auto* source) { return !source->empty(); }) != 1) {
    return "exactly one of TOPIC, --stored-entry, --metadata and --peek-headers is required";
  }
  const bool is_topic = !arguments.topic.empty();
  if (!is_topic && (arguments.entry > 0 || arguments.entries)) return "--entry and --entries belong to a TOPIC";
  if (arguments.entry > 0 && arguments.entries) return "--entry and --entries exclude each other";
  if (!arguments.payload.empty() && (is_topic || !arguments.stored_entry.empty())) {
    return "--payload belongs to --metadata or --peek-headers";
  }
  return arguments.payload == "-" && (arguments.metadata == "-" || arguments.peek_headers == "-")
             ? "standard input can't be both"
             : "";
}

ExitCode Run(const Arguments& arguments) {
  if (const std::string problem = UsageProblem(arguments); !problem.empty()) {
    Report(absl::StrCat(problem, " (see: pulseal inspect --help)"));
    return ExitCode::kUsage;
  }
  if (!arguments.stored_entry.empty()) return InspectStoredEntry(arguments);
  if (!arguments.metadata.empty()) return InspectMetadata(arguments);
  if (!arguments.peek_headers.empty()) return InspectPeekHeaders(arguments);
  const auto topic = TopicReader::Open(arguments.topic);
  if (!topic.ok()) return EnvironmentFailure(topic.status());
  return arguments.entry > 0 ? InspectEntryOfTopic(arguments, **topic) : InspectTopic(arguments, **topic);
}

std::function<ExitCode()> Define(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  const auto add_file = [&app](const char* name, std::string& path, const char* description) {
    app.add_option(name, path, description)->type_name("FILE");
  };
  app.add_option("TOPIC", arguments->topic, "Topic file");
  app.add_option("--entry", arguments->entry, "Show all of one entry of the topic, numbered from 1")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000'000}));
  app.add_flag("--entries", arguments->entries, "Show a line for each entry of the topic first");
  add_file("--stored-entry", arguments->stored_entry, "Instead of a topic: one stored entry, as a broker keeps it");
  add_file("--metadata", arguments->metadata, "Instead of a topic: one serialised MessageMetadata");
  add_file("--peek-headers", arguments->peek_headers,
           "Instead of a topic: the HTTP headers of an answer to a peek through Pulsar's admin REST interface");
  add_file("--payload", arguments->payload, "The payload that belongs to --metadata or --peek-headers");
  app.add_flag("--json", arguments->json, "JSON objects, one to a line");
  app.add_flag("-q,--quiet", arguments->quiet, "Show no progress");
  return [arguments] { return Run(*arguments); };
}

}  // namespace

extern const Command kInspectCommand = {
    "inspect", "Say who can read which message; needs no key",
    "Metadata travels in clear: who can read a message, how its data key was wrapped (as far as the size tells),\n"
    "nonce, sizes, compression, batches and chunks, and outside batches key, properties and times. Nobody vouches for\n"
    "it: it isn't authenticated. What others chose is shown escaped; in JSON bytes that are no UTF-8 become U+FFFD,\n"
    "and each field has its bytes in hex beside it.\n"
    "A FILE may be \"-\" for standard input. The exit status is 1 where an entry is damaged or malformed.\n\n"
    "Examples: pulseal inspect orders.topic\n"
    "          pulseal inspect orders.topic --entry 17\n"
    "          pulseal inspect orders.topic --entries --json | jq .keys\n"
    "          curl -sD - -o payload BROKER/admin/v2/persistent/TENANT/NAMESPACE/TOPIC/subscription/NAME/position/1 |\n"
    "            pulseal inspect --peek-headers - --payload payload",
    Define};

}  // namespace pulseal::tools
