// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_UNWRAP_FAILED_H_
#define PULSEAL_LIB_CRYPTO_UNWRAP_FAILED_H_

#include "absl/status/status.h"

namespace pulseal::crypto {

// UNAUTHENTICATED (kUnwrapFailed): the one answer to every wrapped key that doesn't open, RSA or EC, whatever is wrong
// with it. A second answer would be a padding oracle (Manger, CRYPTO 2001). A shared copy.
const absl::Status& UnwrapFailed();

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_UNWRAP_FAILED_H_
