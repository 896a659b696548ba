// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_EVENTS_TOLD_H_
#define PULSEAL_TESTS_SUPPORT_EVENTS_TOLD_H_

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/crypto_event.h"

namespace pulseal::testing {

// All of `events`, each as a word like `kKeyFailed orders NOT_FOUND`, with `+2` behind where so many were held back:
// to be compared as a whole, so that none is missing, doubled or too many. Empties `events`.
inline std::vector<std::string> Told(std::vector<CryptoEvent>& events) {
  static constexpr std::array<const char*, 6> kKinds = {"kRotated",     "kRotationFailed", "kHardLimit",
                                                        "kSentInClear", "kKeyFailed",      "kKeyUnavailable"};
  std::vector<std::string> told;
  for (const CryptoEvent& event : std::exchange(events, {})) {
    std::string text = kKinds.at(static_cast<size_t>(event.kind));
    if (!event.key_name.empty()) absl::StrAppend(&text, " ", event.key_name);
    if (!event.status.ok()) absl::StrAppend(&text, " ", absl::StatusCodeToString(event.status.code()));
    if (event.suppressed > 0) absl::StrAppend(&text, " +", event.suppressed);
    told.push_back(std::move(text));
  }
  return told;
}

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_EVENTS_TOLD_H_
