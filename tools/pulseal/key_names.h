// SPDX-License-Identifier: Apache-2.0
//
// The recipients that a command encrypts for, as its arguments name them.
#ifndef PULSEAL_TOOLS_KEY_NAMES_H_
#define PULSEAL_TOOLS_KEY_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/pulseal/exit_code.h"

namespace CLI {
class App;
}

namespace pulseal::tools {

// Adds --to, which is required and takes only what CheckKeyName allows. `who` says what its names are.
void DefineKeyNames(CLI::App& app, std::vector<std::string>& key_names, const std::string& who);

// Reports why no data key could be had for the recipients: a usage error where their names are at fault.
ExitCode RefusedRecipients(const std::vector<std::string>& key_names, const absl::Status& status);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_KEY_NAMES_H_
