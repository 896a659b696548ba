// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_REPORT_H_
#define PULSEAL_TOOLS_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tools/pulseal/exit_code.h"

namespace pulseal::tools {

// One line on standard error: "pulseal: text", control characters escaped.
void Report(std::string_view text);

// Writes to standard output. A reader that has gone away (EPIPE) ends the program as it ends any filter: by SIGPIPE.
absl::Status Print(std::string_view text);

// Reports what failed: a file, a key, the disk.
ExitCode EnvironmentFailure(const absl::Status& status);

// "1 message", "2 messages".
std::string Count(uint64_t number, std::string_view noun);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_REPORT_H_
