// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_EXIT_CODE_H_
#define PULSEAL_TOOLS_EXIT_CODE_H_

namespace pulseal::tools {

// How the program ends, the same for every command. An interrupted one ends by the signal itself, which a shell shows
// as 128 and the signal's number: 130 for SIGINT.
enum class ExitCode {
  kDone = 0,
  kMessagesLeft = 1,  // some message could not be read or written, the others were; or a key file can't serve
  kUsage = 2,
  kEnvironment = 3,  // a file, a key, the disk, an endpoint; what was still to do wasn't done
};

// For every command's help.
inline constexpr char kExitCodeHelp[] =
    "Exit status: 0 done, 1 some message could not be read or written or a key file can't serve, 2 usage,\n"
    "3 a file, key, disk or endpoint failed, 130 interrupted.";

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_EXIT_CODE_H_
