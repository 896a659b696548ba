// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_LEFTOVERS_H_
#define PULSEAL_TOOLS_LEFTOVERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace pulseal::tools {

// Where an entry lies in a topic.
struct Place {
  uint64_t entry_number = 0;    // counts the entries that were found, from 1
  uint64_t offset = 0;          // in a file
  std::string message_id = {};  // of an entry that is in no file: what Pulsar knows it by; empty in a file
};

// Number and place of the first of the entries whose numbers `cookies` are; all of these leave `places`. Zero and an empty
// place where there are none.
std::pair<uint64_t, Place> TakeFirst(const std::vector<uint64_t>& cookies, std::map<uint64_t, Place>* places);

// The messages of a topic with which a command could not do what it does: one line for each cause, in the order in which
// the causes came.
class Leftovers {
 public:
  enum class Outcome { kNotRead, kDiscarded, kCiphertext, kCopiedAsFound };

  // `cause` tells the causes apart, `status` says more about the first one.
  void Add(Outcome outcome, std::string_view cause, uint64_t messages, const Place& place, const absl::Status& status);

  void ReportAll(const std::string& topic) const;

  // Whether a message is among them that nobody asked to be left out.
  bool any_unread() const;

 private:
  struct Group {
    Outcome outcome;
    std::string cause;
    uint64_t messages;
    Place first;
    std::string detail;
  };
  std::vector<Group> groups_;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_LEFTOVERS_H_
