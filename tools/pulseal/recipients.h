// SPDX-License-Identifier: Apache-2.0
//
// Who can read an entry.
#ifndef PULSEAL_TOOLS_RECIPIENTS_H_
#define PULSEAL_TOOLS_RECIPIENTS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "pulseal/key_wrapper.h"
#include "tools/pulseal/entry_facts.h"

namespace pulseal::tools {

struct Recipient {
  WrappedKey key;
  Wrapping wrapping;
};

// Reads the wrapped keys of one entry after another; a list that is the same as the last one's isn't parsed again.
class Recipients {
 public:
  // INVALID_ARGUMENT where the wrapped keys are malformed or over a limit of Pulseal's; there are none then. `facts` is
  // what ReadFacts made of `metadata`.
  absl::Status Read(std::string_view metadata, const EntryFacts& facts);

  const std::vector<Recipient>& all() const { return all_; }
  // Of the entry read last, as one string: the same for all messages of a data key from one producer.
  const std::string& bytes() const { return bytes_; }

 private:
  bool IsTheSame(const EntryFacts& facts) const;

  std::string bytes_;
  std::vector<Recipient> all_;
  absl::Status status_;
};

// "rsa-2048 (RSA-OAEP)", "unknown (77 bytes)".
std::string WrappingText(const Recipient& recipient);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_RECIPIENTS_H_
