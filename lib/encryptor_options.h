// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_ENCRYPTOR_OPTIONS_H_
#define PULSEAL_LIB_ENCRYPTOR_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "pulseal/message_encryptor.h"

namespace pulseal {

// The rules of EncryptorOptions. INVALID_ARGUMENT (kMisuse), naming the option and what it should be.
absl::Status CheckOptions(const EncryptorOptions& options);

// The rules of EncryptorOptions::key_names.
absl::Status CheckKeyNames(const std::vector<std::string>& key_names);

}  // namespace pulseal

#endif  // PULSEAL_LIB_ENCRYPTOR_OPTIONS_H_
