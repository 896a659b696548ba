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

// Where standard error is a terminal, shows how far long work has come: "pulseal: text" on a line that the next such call
// replaces and the next Report, or EndProgress, clears.
void ShowProgress(std::string_view text);
void EndProgress();

// Writes to standard output. A reader that has gone away (EPIPE) ends the program as it ends any filter: by SIGPIPE.
absl::Status Print(std::string_view text);

// Writes a program's part of the output, whole lines, to standard error.
absl::Status PrintToStandardError(std::string_view text);

// Reports what failed: a file, a key, the disk.
ExitCode EnvironmentFailure(const absl::Status& status);

// Reports what is wrong with the arguments.
ExitCode Misused(const absl::Status& status);

// "1 message", "2 messages".
std::string Count(uint64_t number, std::string_view noun);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_REPORT_H_
