// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_WIPE_PRIVATE_KEY_SECRETS_H_
#define PULSEAL_TESTS_WIPE_PRIVATE_KEY_SECRETS_H_

#include <string_view>

#include "tests/wipe/leftover_search.h"

namespace pulseal::testing {

// Makes `search` look for the secret numbers of a private key, as bytes and where they stand in its text. `pem`: one
// object, not encrypted.
void KeepPrivateKey(LeftoverSearch& search, std::string_view pem);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_WIPE_PRIVATE_KEY_SECRETS_H_
