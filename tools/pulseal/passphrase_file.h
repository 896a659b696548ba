// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_PASSPHRASE_FILE_H_
#define PULSEAL_TOOLS_PASSPHRASE_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "pulseal/secret_bytes.h"

namespace pulseal::tools {

// The first line of the file, which may be a FIFO; FAILED_PRECONDITION where it is empty or longer than 1024 bytes.
absl::StatusOr<SecretBytes> ReadPassphraseFile(const std::string& path);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_PASSPHRASE_FILE_H_
