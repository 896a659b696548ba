// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_DECRYPT_TALLY_H_
#define PULSEAL_LIB_DECRYPT_TALLY_H_

#include <array>
#include <cstddef>

#include "lib/counter.h"
#include "pulseal/error.h"
#include "pulseal/message_decryptor.h"

namespace pulseal {

// What came of the messages, by what was decided and by cause. Written by one thread at a time, read by any.
class DecryptTally {
 public:
  void Delivered(size_t plaintext_size) {
    decrypted_.Add(1);
    bytes_.Add(plaintext_size);
  }
  void DeliveredPlain();
  void Failed(Decision::Action action, Reason reason);
  void AddTo(DecryptorCounters* counters) const;

 private:
  Counter decrypted_, bytes_, plain_;
  std::array<Counter, static_cast<size_t>(Decision::Action::kPending)> by_action_;
  std::array<Counter, static_cast<size_t>(Reason::kMisuse) + 1> by_reason_;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_DECRYPT_TALLY_H_
