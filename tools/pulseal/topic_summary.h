// SPDX-License-Identifier: Apache-2.0
//
// What a topic holds and who can read it, in memory that doesn't grow with it.
#ifndef PULSEAL_TOOLS_TOPIC_SUMMARY_H_
#define PULSEAL_TOOLS_TOPIC_SUMMARY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "tools/pulseal/entry_facts.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/leftovers.h"
#include "tools/pulseal/recipients.h"

namespace pulseal::tools {

class TopicSummary {
 public:
  // More key names than this are counted together; more data keys are not told apart.
  static constexpr size_t kMostKeyNames = 1000, kMostDataKeys = 100'000;

  explicit TopicSummary(std::string topic) : topic_(std::move(topic)) {}

  void AddEntry(Place place, uint64_t bytes, const EntryFacts& facts, const Recipients& recipients);
  // An entry of which no more is known than what is wrong with it.
  void AddMalformed(Place place, uint64_t bytes, const absl::Status& problem);
  void AddDamage(uint64_t offset, uint64_t bytes);    // no entry at all
  void AddTornTail(uint64_t offset, uint64_t bytes);  // an append that was cut short

  bool all_is_well() const { return malformed_.entries == 0 && damage_.entries == 0 && torn_bytes_ == 0; }
  std::string Text() const;
  Json ToJson() const;

 private:
  struct Tally {
    void Add(Place place, uint64_t new_messages);

    uint64_t entries = 0, messages = 0;
    Place first;
  };

  void MeetDataKey(const Recipients& recipients);

  std::string topic_;
  uint64_t bytes_ = 0;
  Tally all_, encrypted_, plaintext_, malformed_, batches_, chunks_, further_, damage_;
  std::map<std::pair<std::string, std::string>, Tally> readers_;  // by key name and how it was wrapped
  std::map<std::string_view, Tally> compressions_;
  absl::flat_hash_set<size_t> data_keys_;  // hashes of their wrapped forms
  bool has_further_data_keys_ = false;
  std::string last_wrapped_keys_;
  std::vector<Tally*> last_readers_;  // of an entry with those
  std::string first_problem_;
  uint64_t damaged_bytes_ = 0, torn_offset_ = 0, torn_bytes_ = 0;
  std::optional<uint64_t> nothing_from_;  // the offset of damage with no entry behind it
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_TOPIC_SUMMARY_H_
