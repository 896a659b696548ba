// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/peek_headers.h"

#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/metadata_schema.h"
#include "tools/pulseal/wire_text.h"

namespace pulseal::tools {
namespace {

using Kind = FieldSchema::Kind;

constexpr char kPrefix[] = "X-Pulsar-", kPropertyPrefix[] = "PROPERTY-";
constexpr uint32_t kProperties = 4, kEncryptionKeys = 13;

struct Header {
  std::string name;  // without kPrefix
  std::string value;
};

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void AppendNumber(uint32_t field, uint64_t value, std::string& out) {
  AppendVarint(uint64_t{field} << 3, out);
  AppendVarint(value, out);
}

void AppendBytes(uint32_t field, const std::string& bytes, std::string& out) {
  AppendVarint(uint64_t{field} << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out += bytes;
}

void AppendProperty(const std::string& name, const std::string& value, std::string& out) {
  std::string property;
  AppendBytes(1, name, property);
  AppendBytes(2, value, property);
  AppendBytes(kProperties, property, out);
}

// False where `value` isn't of the field's kind.
bool AppendNumberField(const FieldSchema& field, const std::string& value, std::string& out) {
  int64_t number = 0;
  uint64_t large = 0;
  absl::Time time;
  switch (field.kind) {
    case Kind::kBool: number = absl::EqualsIgnoreCase(value, "true") ? 1 : 0; break;
    case Kind::kTime:
      if (!absl::ParseTime(absl::RFC3339_full, value, &time, nullptr)) return false;
      number = absl::ToUnixMillis(time);
      break;
    case Kind::kCompression:
      while (!absl::EqualsIgnoreCase(value, CompressionName(static_cast<int32_t>(number)))) {
        if (number++ == 16) return false;
      }
      break;
    default:
      // Java has no unsigned numbers: what is over its largest is written as a negative one.
      if (absl::SimpleAtoi(value, &number)) break;
      if (!absl::SimpleAtoi(value, &large)) return false;
      number = static_cast<int64_t>(large);
  }
  AppendNumber(field.number, static_cast<uint64_t>(number), out);
  return true;
}

// False as AppendNumberField.
bool AppendField(const FieldSchema& field, const std::string& value, std::string& out) {
  std::string bytes;
  switch (field.kind) {
    case Kind::kText: AppendBytes(field.number, value, out); return true;
    case Kind::kBytes:
      if (!absl::Base64Unescape(value, &bytes)) return false;
      AppendBytes(field.number, bytes, out);
      return true;
    case Kind::kMessage:
      // One header for each; whatever stands between the broker and us may join them.
      for (const absl::string_view each : absl::StrSplit(value, ',')) {
        if (!absl::Base64Unescape(each, &bytes)) return false;
        AppendBytes(field.number, bytes, out);
      }
      return true;
    default: return AppendNumberField(field, value, out);
  }
}

const FieldSchema* FieldOf(const std::string& header) {
  for (const FieldSchema& field : MetadataSchema()) {
    if (field.header != nullptr && absl::EqualsIgnoreCase(header, field.header)) return &field;
  }
  return nullptr;
}

// Newer brokers give all properties as one JSON object.
bool AppendProperties(const std::string& json, std::string& out) {
  const absl::StatusOr<Json> object = ParseJson(json);
  if (!object.ok()) return false;
  for (const auto& [name, value] : object->items()) {
    if (!value.is_string()) return false;
    AppendProperty(name, value.get<std::string>(), out);
  }
  return true;
}

// False where the header's value isn't what it should be. Headers that tell nothing of the metadata are passed over.
bool AppendHeader(const Header& header, std::string& out) {
  if (absl::EqualsIgnoreCase(header.name, "PROPERTY")) return AppendProperties(header.value, out);
  absl::string_view property = header.name;
  if (absl::StartsWithIgnoreCase(property, kPropertyPrefix)) {
    property.remove_prefix(sizeof kPropertyPrefix - 1);
    // The broker's own words about chunks, which aren't properties of the message.
    if (property == "TOTAL-CHUNKS" || property == "CHUNK-ID") return true;
    AppendProperty(std::string(property), header.value, out);
    return true;
  }
  const FieldSchema* const field = FieldOf(header.name);
  return field == nullptr || AppendField(*field, header.value, out);
}

// The X-Pulsar- headers of the last answer in `text`.
absl::StatusOr<std::vector<Header>> Headers(std::string_view text) {
  std::vector<Header> headers;
  bool is_at_start = true;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    absl::ConsumeSuffix(&line, "\r");
    const bool is_status_line = is_at_start && absl::StartsWith(line, "HTTP/");
    // Behind an empty line comes another answer, or the message's payload.
    if (is_at_start && !is_status_line && !headers.empty()) break;
    is_at_start = line.empty();
    if (is_status_line) {
      const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
      const absl::string_view code = words.size() > 1 ? words[1] : absl::string_view();
      const bool is_last_word = !absl::StartsWith(code, "1") && !absl::StartsWith(code, "3");
      if (is_last_word && !absl::StartsWith(code, "2")) {
        return absl::FailedPreconditionError(
            absl::StrCat("the broker gave no message but answered ", WireText({line.data(), line.size()})));
      }
      headers.clear();
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos || !absl::StartsWithIgnoreCase(line, kPrefix)) continue;
    headers.push_back({std::string(line.substr(sizeof kPrefix - 1, colon - (sizeof kPrefix - 1))),
                       std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)))});
  }
  return headers;
}

}  // namespace

absl::StatusOr<PeekedMessage> ParsePeekHeaders(std::string_view text) {
  const absl::StatusOr<std::vector<Header>> headers = Headers(text);
  if (!headers.ok()) return headers.status();
  PeekedMessage message;
  bool is_encrypted = false, has_keys = false;
  for (const Header& header : *headers) {
    if (absl::EqualsIgnoreCase(header.name, "Message-ID")) message.message_id = header.value;
    if (absl::EqualsIgnoreCase(header.name, "Is-Encrypted")) is_encrypted = header.value == "true";
    has_keys = has_keys || FieldOf(header.name) == FindField(MetadataSchema(), kEncryptionKeys);
    if (!AppendHeader(header, message.metadata)) {
      return absl::InvalidArgumentError(absl::StrCat("the header ", kPrefix, absl::CHexEscape(header.name),
                                                     " has a value that it can't have: ", WireText(header.value)));
    }
  }
  if (headers->empty()) {
    return absl::InvalidArgumentError(
        "no X-Pulsar- headers, so not the answer to a peek; \"curl -s -D FILE\" writes them");
  }
  if (is_encrypted && !has_keys) {
    return absl::FailedPreconditionError(
        "the message is encrypted, and this broker doesn't tell its wrapped keys "
        "(X-Pulsar-Base64-encryption-keys), as older ones don't; a consumer gets them");
  }
  return message;
}

}  // namespace pulseal::tools
