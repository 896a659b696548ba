// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_COUNTED_H_
#define PULSEAL_TESTS_SUPPORT_COUNTED_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/message_decryptor.h"
#include "pulseal/message_encryptor.h"

namespace pulseal::testing {

// Every counter that isn't zero, as in "messages_failed 1, key_not_found 1": to be compared as a whole, so that none
// that should stand still moves unseen.
using NamedCounters = std::initializer_list<std::pair<const char*, uint64_t>>;
inline std::string Counted(NamedCounters counters) {
  std::string text;
  for (const auto& [name, count] : counters) {
    if (count > 0) absl::StrAppend(&text, text.empty() ? "" : ", ", name, " ", count);
  }
  return text;
}

inline std::string Counted(const EncryptorCounters& counters) {
  return Counted({{"messages_encrypted", counters.messages_encrypted},
                  {"bytes_encrypted", counters.bytes_encrypted},
                  {"messages_sent_in_clear", counters.messages_sent_in_clear},
                  {"messages_refused", counters.messages_refused},
                  {"rotations", counters.rotations},
                  {"rotations_failed", counters.rotations_failed}});
}

inline std::string Counted(const DecryptorCounters& counters) {
  return Counted({{"messages_decrypted", counters.messages_decrypted},
                  {"bytes_decrypted", counters.bytes_decrypted},
                  {"messages_plain", counters.messages_plain},
                  {"messages_delivered_encrypted", counters.messages_delivered_encrypted},
                  {"messages_discarded", counters.messages_discarded},
                  {"messages_failed", counters.messages_failed},
                  {"pending", counters.pending},
                  {"key_not_found", counters.key_not_found},
                  {"key_unusable", counters.key_unusable},
                  {"key_unavailable", counters.key_unavailable},
                  {"unwrap_failed", counters.unwrap_failed},
                  {"authentication_failed", counters.authentication_failed},
                  {"malformed", counters.malformed},
                  {"limit_reached", counters.limit_reached},
                  {"not_encrypted", counters.not_encrypted},
                  {"internal", counters.internal},
                  {"unwraps", counters.unwraps},
                  {"keys_cached", counters.keys_cached},
                  {"failures_remembered", counters.failures_remembered}});
}

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_COUNTED_H_
