// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_KEPT_MESSAGE_H_
#define PULSEAL_TOOLS_KEPT_MESSAGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/leftovers.h"

namespace pulseal::tools {

// A ciphertext that was kept, with its entry's metadata and the place that it had in a topic.
struct KeptMessage {
  std::string metadata, payload;
  Place place;
};

// What `object`, a JSON object, is: a line of "pulseal consume" or a frame of Pulsar's WebSocket endpoint. INVALID_ARGUMENT says what is
// wrong with it.
absl::StatusOr<KeptMessage> ReadKeptMessage(const Json& object);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_KEPT_MESSAGE_H_
