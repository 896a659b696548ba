// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_SEALED_MESSAGE_H_
#define PULSEAL_TESTS_SUPPORT_SEALED_MESSAGE_H_

#include <string>
#include <vector>

#include "pulseal/message_encryptor.h"

namespace pulseal::testing {

// What somebody who holds FakeKeyWrapper's keys finds in an encrypted message.
struct OpenedMessage {
  std::vector<std::string> key_names;
  std::vector<KeyMetadata> key_metadata;
  std::string data_key, nonce, plaintext;
};

// Opens with OpenSSL's own calls; aborts the test program where the message can't be opened, or where its wrapped keys
// aren't all of one data key.
OpenedMessage OpenMessage(const Sealed& sealed);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_SEALED_MESSAGE_H_
