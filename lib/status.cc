// SPDX-License-Identifier: Apache-2.0
#include "lib/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"

namespace pulseal {
namespace {

constexpr char kOperationsPayload[] = "pulseal/operations";
constexpr size_t kMostShown = 120;

void SetNumber(absl::Status& status, const char* payload, int number) {
  status.SetPayload(payload, absl::Cord(absl::StrCat(number)));
}

void SetReason(absl::Status& status, Reason reason) { SetNumber(status, kReasonPayload, static_cast<int>(reason)); }

}  // namespace

std::optional<int> NumberIn(const absl::Status& status, const char* payload) {
  const auto found = status.GetPayload(payload);
  int number = 0;
  if (!found.has_value() || !absl::SimpleAtoi(std::string(*found), &number)) return std::nullopt;
  return number;
}

absl::Status MakeStatus(absl::StatusCode code, Reason reason, std::string_view message) {
  absl::Status status(code, AsAbsl(message));
  SetReason(status, reason);
  return status;
}

absl::Status Misuse(std::string_view message, absl::StatusCode code) {
  return MakeStatus(code, Reason::kMisuse, message);
}

const absl::Status& NoMemory() {
  static const absl::Status& status = *new absl::Status(absl::InternalError("there was not enough memory; ask again"));
  return status;
}

absl::Status WithReason(absl::Status status, Reason reason) {
  if (!status.ok() && ReasonOf(status) == Reason::kNone) SetReason(status, reason);
  return status;
}

absl::Status Prefixed(std::string_view prefix, const absl::Status& status) {
  absl::Status prefixed(status.code(), absl::StrCat(AsAbsl(prefix), ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { prefixed.SetPayload(url, payload); });
  return prefixed;
}

absl::Status WithOperations(absl::Status status, int operations) {
  SetNumber(status, kOperationsPayload, operations);
  return status;
}

std::optional<int> OperationsIn(const absl::Status& status) { return NumberIn(status, kOperationsPayload); }

std::string Escaped(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string escaped;
  for (const char c : text.substr(0, kMostShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e || c == '"' || c == '\\') {
      escaped += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      escaped += c;
    }
  }
  if (text.size() > kMostShown) escaped += "...";
  return escaped;
}

std::string Quoted(std::string_view text) { return absl::StrCat("\"", Escaped(text), "\""); }

}  // namespace pulseal
