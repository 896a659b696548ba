// SPDX-License-Identifier: Apache-2.0
//
// One message as "pulseal inspect" shows it.
#ifndef PULSEAL_TOOLS_ENTRY_REPORT_H_
#define PULSEAL_TOOLS_ENTRY_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tools/pulseal/entry_facts.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/leftovers.h"
#include "tools/pulseal/recipients.h"

namespace pulseal::tools {

// What is known of a message. Without a payload (its metadata came alone) there is no payload_size.
struct InspectedMessage {
  std::optional<Place> place;  // in a topic
  std::string_view metadata;
  std::optional<uint64_t> payload_size;
  bool is_readable = false;  // its metadata parses; nothing below is known otherwise, but the problem
  EntryFacts facts;
  Recipients recipients;
  absl::Status problem;
};

// Fills everything that `metadata` and `payload_size` tell.
void Inspect(InspectedMessage& message);

// One line, without its end.
std::string MessageLine(const InspectedMessage& message);

// Everything, with each field of the metadata, its offset and its value.
std::string MessageText(const InspectedMessage& message);

// An object of kind "entry". With `with_fields` also each field of the metadata, at most 10,000.
Json MessageJson(const InspectedMessage& message, bool with_fields);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_ENTRY_REPORT_H_
