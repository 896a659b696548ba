// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_DECRYPTOR_OPTIONS_H_
#define PULSEAL_LIB_DECRYPTOR_OPTIONS_H_

#include "absl/status/status.h"
#include "pulseal/message_decryptor.h"

namespace pulseal {

// The rules of DecryptorOptions. INVALID_ARGUMENT (kMisuse), naming the option and what it should be.
absl::Status CheckOptions(const DecryptorOptions& options);

}  // namespace pulseal

#endif  // PULSEAL_LIB_DECRYPTOR_OPTIONS_H_
