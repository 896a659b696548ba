// SPDX-License-Identifier: Apache-2.0
//
// Messages in: from standard input, a line each, as plain text or as a JSON object.
#ifndef PULSEAL_TOOLS_MESSAGE_INPUT_H_
#define PULSEAL_TOOLS_MESSAGE_INPUT_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pulseal/framing/batch.h"
#include "tools/pulseal/json_message.h"
#include "tools/pulseal/line_errors.h"
#include "tools/pulseal/line_reader.h"

namespace pulseal::tools {

enum class MessageFormat { kLines, kJsonLines };

class MessageInput {
 public:
  // What it doesn't return OK for is left out; the message says why, with "it" before it.
  using Check = std::function<absl::Status(const framing::SingleMessage&)>;

  // `before_waiting` as LineReader has it.
  MessageInput(MessageFormat format, Check check, std::function<absl::Status()> before_waiting);

  // False at the end of the input and once the program was interrupted. What `message` points to lives until the next
  // call. A line that can't be a message is left out and reported, as LineErrors does.
  absl::StatusOr<bool> Next(framing::SingleMessage* message);

  uint64_t left_out() const { return errors_.count(); }
  uint64_t position() const { return lines_.position(); }  // in the input, in bytes

 private:
  const MessageFormat format_;
  const Check check_;
  LineReader lines_;
  LineErrors errors_{"standard input", "left out"};
  JsonMessage json_;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_MESSAGE_INPUT_H_
