// SPDX-License-Identifier: Apache-2.0
//
// What programs read: one JSON object to a line.
#ifndef PULSEAL_TOOLS_JSON_LINE_H_
#define PULSEAL_TOOLS_JSON_LINE_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace pulseal::tools {

using Json = nlohmann::ordered_json;

// `object` in one line, in ASCII: everything else is escaped, so that a terminal has nothing to obey. Bytes that are no
// UTF-8 (Pulsar's strings may hold any) become U+FFFD, one for each; where every byte counts, give them as base64 or
// hex. Never throws.
inline std::string JsonText(const Json& object) {
  return object.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}
// The same and a line feed.
inline std::string JsonLine(const Json& object) { return JsonText(object) + "\n"; }

// Of one text: as many members and elements as a message with all its properties and wrapped keys has, and more. Each name
// is looked for among those of its object, and a value takes many times the memory of its text.
inline constexpr int kMostJsonValues = 4096;
inline constexpr int kDeepestJson = 64;

// `text` as a JSON object; what isn't one is INVALID_ARGUMENT, and what is over the limits above RESOURCE_EXHAUSTED as soon
// as it is, before anything is made of it. ALREADY_EXISTS where an object has a name twice, other than in the member
// "properties": those are of anybody's choice, what "pulseal consume" writes has them as they came, and the last counts.
// Never throws.
absl::StatusOr<Json> ParseJson(std::string_view text);

// For a member of an object that isn't what was expected.
inline absl::Status WrongMember(std::string_view member, const char* expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::string_view(member.data(), member.size()), "\" has to be ", expected));
}

inline std::string Base64(std::string_view bytes) {
  return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
}

// The bytes that `value`, a member of an object, stands for.
inline absl::Status TakeBase64(std::string_view member, const Json& value, std::string* bytes) {
  if (value.is_string() && absl::Base64Unescape(value.get_ref<const std::string&>(), bytes)) return absl::OkStatus();
  return WrongMember(member, "base64");
}

// The longest beginning of `bytes` that has no more than `most` of them, 4 or more, and doesn't end inside a character.
inline std::string_view Beginning(std::string_view bytes, size_t most) {
  if (bytes.size() <= most) return bytes;
  const auto is_inside = [bytes](size_t at) { return (static_cast<unsigned char>(bytes[at]) & 0xC0) == 0x80; };
  const size_t least = most - 3;
  while (most > least && is_inside(most)) --most;
  return bytes.substr(0, most);
}

// Whether `bytes` can be a JSON text.
inline bool IsUtf8(std::string_view bytes) {
  constexpr size_t kPieceSize = 4096;  // what is looked at is copied
  try {
    while (!bytes.empty()) {
      const std::string_view piece = Beginning(bytes, kPieceSize);
      (void)Json(piece).dump();
      bytes.remove_prefix(piece.size());
    }
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_JSON_LINE_H_
