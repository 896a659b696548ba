// SPDX-License-Identifier: Apache-2.0
//
// The program's command line, made from the table of commands.
#ifndef PULSEAL_TOOLS_COMMAND_LINE_H_
#define PULSEAL_TOOLS_COMMAND_LINE_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/pulseal/exit_code.h"

namespace pulseal::tools {

// Parsing puts what the command line asks for into `run`, which must outlive the result.
std::unique_ptr<CLI::App> MakeCommandLine(std::function<ExitCode()>* run);

// Help, the version, or what was wrong, with what was probably meant and where to look.
ExitCode AnswerParseError(const CLI::App& command_line, const CLI::ParseError& error);

// The values that `option` takes; empty where it takes any.
std::vector<std::string> ChoicesOf(const CLI::Option& option);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_COMMAND_LINE_H_
