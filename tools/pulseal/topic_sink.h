// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_TOPIC_SINK_H_
#define PULSEAL_TOOLS_TOPIC_SINK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "pulseal/framing/batch.h"
#include "pulseal/framing/entry_producer.h"

namespace pulseal::tools {

// Where "pulseal produce" puts messages. Not thread-safe. An error of Append, Flush and Sync ends the producing.
class TopicSink {
 public:
  virtual ~TopicSink() = default;

  // Whether such a message can be in this topic; otherwise why not, as the end of a sentence that begins with it.
  virtual absl::Status Check(const framing::SingleMessage& message) const = 0;

  // The entry is taken, not yet kept.
  virtual absl::Status Append(const framing::OutgoingEntry& entry) = 0;
  // The entries that were appended since the last call hold `messages` messages.
  virtual void CountMessages(uint64_t messages) = 0;

  // Returns when all that was appended is where consumers find it.
  virtual absl::Status Flush() = 0;
  // Returns when it is kept.
  virtual absl::Status Sync() = 0;

  // Entries, and messages that were counted, that consumers will find.
  virtual uint64_t entries_written() const = 0;
  virtual uint64_t messages_written() const = 0;

 protected:
  TopicSink() = default;
  TopicSink(const TopicSink&) = delete;
  TopicSink& operator=(const TopicSink&) = delete;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_TOPIC_SINK_H_
