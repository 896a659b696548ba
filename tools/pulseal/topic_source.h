// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_TOPIC_SOURCE_H_
#define PULSEAL_TOOLS_TOPIC_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/pulseal/leftovers.h"

namespace pulseal::tools {

// An entry as a topic gives it.
struct TopicEntry {
  Place place;
  absl::Status status;                 // not OK: it is damaged, and there is no more of it than its place
  std::string_view metadata, payload;  // valid until the source's next call
};

// Where "pulseal consume" takes messages from. Not thread-safe. An error ends the consuming.
class TopicSource {
 public:
  virtual ~TopicSource() = default;

  // The next entry; nothing where there is none at the moment.
  virtual absl::StatusOr<std::optional<TopicEntry>> Next() = 0;

  // Entries, by their numbers, that need not come again: their messages were written out, or are to be discarded.
  virtual absl::Status Settle(const std::vector<uint64_t>& entry_numbers) = 0;

  // To be called when all entries that Next gave were dealt with, and it gives no more: waits for another, a second at
  // most and no longer than up to an interruption. False where this is the end.
  virtual absl::StatusOr<bool> Wait() = 0;

  // Reports what else is to be said of the topic; true where something of it that is no entry couldn't be read.
  virtual bool ReportUnreadable() const = 0;

 protected:
  TopicSource() = default;
  TopicSource(const TopicSource&) = delete;
  TopicSource& operator=(const TopicSource&) = delete;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_TOPIC_SOURCE_H_
