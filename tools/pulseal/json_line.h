// SPDX-License-Identifier: Apache-2.0
//
// What programs read: one JSON object to a line.
#ifndef PULSEAL_TOOLS_JSON_LINE_H_
#define PULSEAL_TOOLS_JSON_LINE_H_

#include <nlohmann/json.hpp>
#include <string>

namespace pulseal::tools {

using Json = nlohmann::ordered_json;

// `object` and a line feed, in ASCII: everything else is escaped, so that a terminal has nothing to obey. Bytes that are
// no UTF-8 (Pulsar's strings may hold any) become U+FFFD, one for each; where every byte counts, give them as base64 or
// hex. Never throws.
inline std::string JsonLine(const Json& object) {
  return object.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_JSON_LINE_H_
