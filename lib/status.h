// SPDX-License-Identifier: Apache-2.0
//
// How the library makes its own statuses: a code, a Reason, words.
#ifndef PULSEAL_LIB_STATUS_H_
#define PULSEAL_LIB_STATUS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "pulseal/error.h"

namespace pulseal {

// Under this name a status keeps its Reason, as a decimal number.
inline constexpr char kReasonPayload[] = "pulseal/reason";

// The number that `status` keeps under `payload`, if it does.
std::optional<int> NumberIn(const absl::Status& status, const char* payload);

absl::Status MakeStatus(absl::StatusCode code, Reason reason, std::string_view message);

// What a caller did against a contract: kMisuse, and INVALID_ARGUMENT unless the contract says otherwise.
absl::Status Misuse(std::string_view message, absl::StatusCode code = absl::StatusCode::kInvalidArgument);

// INTERNAL: operator new threw where its exception can't pass, under a callback or in the background. Never UNAVAILABLE: it
// says nothing about a key, so a message must not go out in clear for it. A shared copy, which asks for no memory.
const absl::Status& NoMemory();

// The same code and words with `reason` where `status` has none yet.
absl::Status WithReason(absl::Status status, Reason reason);

// `status` with "prefix: " before its words; code and Reason stay.
absl::Status Prefixed(std::string_view prefix, const absl::Status& status);

// The same status, remembering how many private-key operations the failure took; and that number, where one is
// remembered. It stays inside the process: what a sender could learn from it, it knows from the candidates' number.
absl::Status WithOperations(absl::Status status, int operations);
std::optional<int> OperationsIn(const absl::Status& status);

// `text`, which somebody else chose, safe to show on a terminal or in a log: control characters, bytes over 126, quotes
// and backslashes as \xNN; cut after 120 bytes with "...".
std::string Escaped(std::string_view text);

// The same in quotes.
std::string Quoted(std::string_view text);

}  // namespace pulseal

#endif  // PULSEAL_LIB_STATUS_H_
