// SPDX-License-Identifier: Apache-2.0
//
// Messages out: to standard output, a line each, as plain text or as a JSON object.
#ifndef PULSEAL_TOOLS_MESSAGE_OUTPUT_H_
#define PULSEAL_TOOLS_MESSAGE_OUTPUT_H_

#include <string_view>

#include "absl/status/status.h"
#include "pulseal/framing/entry_consumer.h"
#include "tools/pulseal/leftovers.h"
#include "tools/pulseal/line_writer.h"
#include "tools/pulseal/message_input.h"

namespace pulseal::tools {

// What was written and not flushed is lost when this is destroyed. Statuses are Print's.
class MessageOutput {
 public:
  explicit MessageOutput(MessageFormat format) : format_(format) {}

  // A message of `outcome`, from the entry at `place`; its number is 0 where that isn't known. `batch_index` is -1 where
  // there is no batch.
  absl::Status Write(const Place& place, const framing::Outcome& outcome, const framing::SingleMessage& message,
                     int32_t batch_index);

  // A payload that could not be decrypted, in base64; as JSON with the reason and with the context that "pulseal decrypt"
  // takes. `metadata` is the entry's.
  absl::Status WriteCiphertext(const Place& place, const Decision& decision, std::string_view metadata);

  absl::Status Flush() { return lines_.Flush(); }

 private:
  const MessageFormat format_;
  LineWriter lines_;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_MESSAGE_OUTPUT_H_
