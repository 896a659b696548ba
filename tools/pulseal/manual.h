// SPDX-License-Identifier: Apache-2.0
//
// The program's manual page and its completion, made from its command line, so that they can't fall behind it.
#ifndef PULSEAL_TOOLS_MANUAL_H_
#define PULSEAL_TOOLS_MANUAL_H_

#include <CLI/CLI.hpp>
#include <string>

namespace pulseal::tools {

// For man(1), in its macros.
std::string ManualPage(const CLI::App& command_line);

// A script for bash, which needs nothing but bash.
std::string BashCompletion(const CLI::App& command_line);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_MANUAL_H_
