// SPDX-License-Identifier: Apache-2.0
//
// A message as one line of JSON says it.
#ifndef PULSEAL_TOOLS_JSON_MESSAGE_H_
#define PULSEAL_TOOLS_JSON_MESSAGE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "pulseal/framing/batch.h"

namespace pulseal::tools {

inline constexpr size_t kMaxMessageSize = 5 * 1024 * 1024;  // bytes of a payload

class JsonMessage {
 public:
  // Fills `message`, a new one, from `line`; what it points to lives until the next call. INVALID_ARGUMENT says what is
  // wrong with the line, with "it" before it.
  absl::Status Read(std::string_view line, framing::SingleMessage* message);

 private:
  std::string payload_, key_, ordering_key_;
  std::vector<std::pair<std::string, std::string>> properties_;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_JSON_MESSAGE_H_
