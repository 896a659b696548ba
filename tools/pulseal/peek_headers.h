// SPDX-License-Identifier: Apache-2.0
//
// What Pulsar's admin REST interface tells of a message: the headers of its answer to
//   GET /admin/v2/persistent/TENANT/NAMESPACE/TOPIC/subscription/SUBSCRIPTION/position/N
// as the broker's PersistentTopicsBase.generateResponseWithEntry writes them.
#ifndef PULSEAL_TOOLS_PEEK_HEADERS_H_
#define PULSEAL_TOOLS_PEEK_HEADERS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace pulseal::tools {

struct PeekedMessage {
  std::string message_id;  // "LEDGER:ENTRY"
  std::string metadata;    // a serialised MessageMetadata with what the headers have of it
};

// `text`: the lines of an HTTP answer up to its first empty line, as "curl -s -D FILE" and "curl -i" write them; of
// several answers, as a redirection makes them, the last. Headers of others are passed over.
//   FAILED_PRECONDITION  the broker answered with an error, or didn't tell the wrapped keys of an encrypted message
//   INVALID_ARGUMENT     no headers of a peek, or a value that isn't what it should be; the message names the header
absl::StatusOr<PeekedMessage> ParsePeekHeaders(std::string_view text);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_PEEK_HEADERS_H_
