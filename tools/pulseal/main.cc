// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstddef>
#include <functional>
#include <memory>

#include "tools/pulseal/command_line.h"
#include "tools/pulseal/exit_code.h"
#include "tools/pulseal/interrupt.h"

namespace pulseal::tools {
namespace {

// A standard stream that was closed before the start would leave its number, and with it what is written there, to the
// first file that is opened. /dev/null takes the number, opened so that using the stream fails.
void ClaimStandardStreams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) == -1) (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

// A write to a pipe that nobody reads, or over the limit on file sizes, is to fail like any other.
void IgnoreWriteSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

ExitCode Main(int argc, char** argv) {
  std::function<ExitCode()> run;
  const std::unique_ptr<CLI::App> command_line = MakeCommandLine(&run);
  try {
    command_line->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return AnswerParseError(*command_line, error);
  }
  return run();
}

// What calls that have returned left on the stack, messages among it: none goes as deep as this.
[[gnu::noinline]] void WipeStack() {
  constexpr size_t kDeepest = size_t{256} * 1024;
  char below[kDeepest];
  explicit_bzero(below, sizeof below);
}

}  // namespace
}  // namespace pulseal::tools

int main(int argc, char** argv) {
  using namespace pulseal::tools;
  ClaimStandardStreams();
  IgnoreWriteSignals();
  const ExitCode code = Main(argc, argv);
  WipeStack();
  if (Interrupted()) EndInterrupted();
  return static_cast<int>(code);
}
