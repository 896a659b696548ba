// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/leftovers.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "pulseal/error.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/report.h"
#include "tools/pulseal/wire_text.h"

namespace pulseal::tools {
namespace {

const char* Text(Leftovers::Outcome outcome) {
  switch (outcome) {
    case Leftovers::Outcome::kNotRead: return "not read";
    case Leftovers::Outcome::kDiscarded: return "discarded";
    case Leftovers::Outcome::kCiphertext: return "given as ciphertext in base64";
    case Leftovers::Outcome::kCopiedAsFound: return "copied for the recipients that they had";
  }
  return "";
}

// A missing key is seldom a missing file: the messages are for somebody else.
std::string WhoCanRead(const std::string& topic, std::string_view cause, const Place& place) {
  if (cause != ReasonName(Reason::kKeyNotFound) || !place.message_id.empty()) return "";
  return absl::StrCat("; who can read it: pulseal inspect ", Shown(topic), " --entry ", place.entry_number);
}

std::string Text(const Place& place) {
  if (!place.message_id.empty()) return absl::StrCat("is ", WireText(place.message_id));
  return absl::StrCat("in entry ", place.entry_number, " at offset ", place.offset);
}

}  // namespace

std::pair<uint64_t, Place> TakeFirst(const std::vector<uint64_t>& cookies, std::map<uint64_t, Place>* places) {
  if (cookies.empty()) return {};
  const uint64_t number = *std::min_element(cookies.begin(), cookies.end());
  const Place place = (*places)[number];
  for (const uint64_t cookie : cookies) places->erase(cookie);
  return {number, place};
}

void Leftovers::Add(Outcome outcome, std::string_view cause, uint64_t messages, const Place& place,
                    const absl::Status& status) {
  for (Group& group : groups_) {
    if (group.outcome != outcome || group.cause != cause) continue;
    group.messages += messages;
    return;
  }
  groups_.push_back({outcome, std::string(cause), messages, place, std::string(status.message())});
}

void Leftovers::ReportAll(const std::string& topic) const {
  for (const Group& group : groups_) {
    Report(absl::StrCat(Shown(topic), ": ", Count(group.messages, "message"), " ", Text(group.outcome), ", the first ",
                        Text(group.first), ": ", group.detail, WhoCanRead(topic, group.cause, group.first)));
  }
}

bool Leftovers::any_unread() const {
  return std::any_of(groups_.begin(), groups_.end(), [](const Group& group) {
    return group.outcome == Outcome::kNotRead || group.outcome == Outcome::kCopiedAsFound;
  });
}

}  // namespace pulseal::tools
