// SPDX-License-Identifier: Apache-2.0
//
// The program is a table of commands; each has a file of its own.
#ifndef PULSEAL_TOOLS_COMMAND_H_
#define PULSEAL_TOOLS_COMMAND_H_

#include <functional>

#include "tools/pulseal/exit_code.h"

namespace CLI {
class App;
}

namespace pulseal::tools {

struct Command {
  const char* name;
  const char* summary;
  const char* details;  // shown below the options: rules, examples
  // Adds the command's arguments to `app` and returns what runs once they are parsed.
  std::function<ExitCode()> (*define)(CLI::App& app);
};

extern const Command kCheckCommand;
extern const Command kInspectCommand;
extern const Command kKeygenCommand;
extern const Command kProduceCommand;
extern const Command kConsumeCommand;
extern const Command kDecryptCommand;
extern const Command kRewrapCommand;
extern const Command kBenchCommand;

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_COMMAND_H_
