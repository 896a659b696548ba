// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/topic_summary.h"

#include <functional>
#include <string_view>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/metadata_schema.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/wire_text.h"

namespace pulseal::tools {
namespace {

// "entry" has a plural of its own.
std::string Entries(uint64_t number) { return absl::StrCat(number, number == 1 ? " entry" : " entries"); }

std::string FirstAt(Place place) {
  return absl::StrCat(", the first in entry ", place.entry_number, " at offset ", place.offset);
}

void AppendRow(std::string_view label, std::string_view value, std::string& out) {
  absl::StrAppendFormat(&out, "%-18s %s\n", label, value);
}

}  // namespace

void TopicSummary::Tally::Add(Place place, uint64_t new_messages) {
  if (entries++ == 0) first = place;
  messages += new_messages;
}

void TopicSummary::AddEntry(Place place, uint64_t bytes, const EntryFacts& facts, const Recipients& recipients) {
  nothing_from_.reset();
  const uint64_t messages = facts.messages();
  bytes_ += bytes;
  all_.Add(place, messages);
  compressions_[CompressionName(facts.compression)].Add(place, messages);
  if (facts.num_messages_in_batch.has_value()) batches_.Add(place, messages);
  if (facts.is_chunk()) chunks_.Add(place, messages);
  if (!facts.encrypted()) {
    plaintext_.Add(place, messages);
    return;
  }
  encrypted_.Add(place, messages);
  if (recipients.bytes() != last_wrapped_keys_) MeetDataKey(recipients);
  for (Tally* const tally : last_readers_) tally->Add(place, messages);
}

void TopicSummary::MeetDataKey(const Recipients& recipients) {
  last_wrapped_keys_ = recipients.bytes();
  last_readers_.clear();
  for (const Recipient& recipient : recipients.all()) {
    auto reader = std::make_pair(recipient.key.key_name, WrappingText(recipient));
    const bool has_room = readers_.size() < kMostKeyNames || readers_.count(reader) > 0;
    last_readers_.push_back(has_room ? &readers_[std::move(reader)] : &further_);
  }
  const size_t hash = absl::HashOf(last_wrapped_keys_);
  if (data_keys_.size() < kMostDataKeys) data_keys_.insert(hash);
  has_further_data_keys_ = has_further_data_keys_ || !data_keys_.contains(hash);
}

void TopicSummary::AddMalformed(Place place, uint64_t bytes, const absl::Status& problem) {
  if (malformed_.entries == 0) first_problem_ = std::string(problem.message());
  nothing_from_.reset();
  bytes_ += bytes;
  all_.Add(place, 1);
  malformed_.Add(place, 1);
}

void TopicSummary::AddDamage(uint64_t offset, uint64_t bytes) {
  damage_.Add({0, offset}, 0);
  damaged_bytes_ += bytes;
  nothing_from_ = offset;
}

void TopicSummary::AddTornTail(uint64_t offset, uint64_t bytes) {
  torn_offset_ = offset;
  torn_bytes_ = bytes;
}

std::string TopicSummary::Text() const {
  std::string out;
  AppendRow("topic", Shown(topic_), out);
  AppendRow("entries", absl::StrCat(all_.entries, ", ", Count(bytes_, "byte")), out);
  AppendRow("messages", absl::StrCat(all_.messages), out);
  if (encrypted_.entries > 0) {
    AppendRow("encrypted",
              absl::StrCat(Entries(encrypted_.entries), ", with ", has_further_data_keys_ ? "more than " : "",
                           Count(data_keys_.size(), "data key")),
              out);
  }
  const char* label = "readable by";
  for (const auto& [reader, tally] : readers_) {
    AppendRow(label,
              absl::StrFormat("%s  %s: %s, %s", WireText(reader.first), reader.second, Entries(tally.entries),
                              Count(tally.messages, "message")),
              out);
    label = "";
  }
  if (further_.entries > 0) AppendRow(label, absl::StrCat("further keys: ", further_.entries, " wrapped keys"), out);
  AppendRow("plaintext",
            plaintext_.entries == 0
                ? "none"
                : absl::StrCat(Entries(plaintext_.entries), ", ", Count(plaintext_.messages, "message"),
                               FirstAt(plaintext_.first), ": anybody can read and could have written them"),
            out);
  std::vector<std::string> compressions;
  for (const auto& [name, tally] : compressions_) {
    compressions.push_back(absl::StrCat(std::string(name), " ", Entries(tally.entries)));
  }
  if (!compressions.empty()) AppendRow("compression", absl::StrJoin(compressions, ", "), out);
  if (batches_.entries > 0) {
    AppendRow("batches", absl::StrCat(Entries(batches_.entries), ", ", Count(batches_.messages, "message")), out);
  }
  if (chunks_.entries > 0) {
    AppendRow("chunks", absl::StrCat(Entries(chunks_.entries), ", ", Count(chunks_.messages, "message")), out);
  }
  if (malformed_.entries > 0) {
    AppendRow("malformed", absl::StrCat(Entries(malformed_.entries), FirstAt(malformed_.first), ": ", first_problem_),
              out);
  }
  if (damage_.entries > 0) {
    AppendRow("damaged",
              absl::StrCat(Count(damage_.entries, "place"), ", ", Count(damaged_bytes_, "byte"),
                           ", the first at offset ", damage_.first.offset,
                           nothing_from_ ? absl::StrCat("; no entry from offset ", *nothing_from_, " on") : ""),
              out);
  }
  if (torn_bytes_ > 0) {
    AppendRow("cut short", absl::StrCat("the last ", Count(torn_bytes_, "byte"), ", from offset ", torn_offset_), out);
  }
  return out;
}

Json TopicSummary::ToJson() const {
  Json keys = Json::array(), compressions = Json::object();
  for (const auto& [reader, tally] : readers_) {
    keys.push_back({{"key_name", reader.first},
                    {"wrapping", reader.second},
                    {"entries", tally.entries},
                    {"messages", tally.messages}});
  }
  for (const auto& [name, tally] : compressions_) compressions[std::string(name)] = tally.entries;
  return {{"kind", "summary"},
          {"topic", topic_},
          {"entries", all_.entries},
          {"bytes", bytes_},
          {"messages", all_.messages},
          {"encrypted_entries", encrypted_.entries},
          {"data_keys", data_keys_.size()},
          {"has_further_data_keys", has_further_data_keys_},
          {"keys", keys},
          {"wrapped_keys_of_further_names", further_.entries},
          {"plaintext_entries", plaintext_.entries},
          {"plaintext_messages", plaintext_.messages},
          {"compression", compressions},
          {"batch_entries", batches_.entries},
          {"chunk_entries", chunks_.entries},
          {"malformed_entries", malformed_.entries},
          {"damaged_places", damage_.entries},
          {"damaged_bytes", damaged_bytes_},
          {"torn_bytes", torn_bytes_}};
}

}  // namespace pulseal::tools
