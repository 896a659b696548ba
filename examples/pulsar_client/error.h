// SPDX-License-Identifier: Apache-2.0
//
// How this client makes its errors, and shows what others wrote.
#ifndef EXAMPLES_PULSAR_CLIENT_ERROR_H_
#define EXAMPLES_PULSAR_CLIENT_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace pulsar_client {

template <typename... Parts>
absl::Status Error(absl::StatusCode code, const Parts&... parts) {
  return absl::Status(code, absl::StrCat(parts...));
}

// `text`, which a broker or a file chose, safe to show on a terminal.
inline std::string Quoted(const std::string& text) {
  constexpr size_t kLongest = 300;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kLongest)), text.size() > kLongest ? "...\"" : "\"");
}

// An error as a broker reports it: Pulsar's number (ServerError) and words.
inline absl::Status BrokerError(int number, const std::string& message) {
  constexpr int kAuthenticationError = 3, kAuthorizationError = 4;
  if (number == kAuthenticationError) {
    return Error(absl::StatusCode::kUnauthenticated, "not authenticated: ", Quoted(message), " (is the token right?)");
  }
  if (number == kAuthorizationError) {
    return Error(absl::StatusCode::kPermissionDenied, "not authorised: ", Quoted(message));
  }
  return Error(absl::StatusCode::kFailedPrecondition, "the broker refuses: ", Quoted(message), " (error ", number, ")");
}

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_ERROR_H_
