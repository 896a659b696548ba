// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "pulseal/version.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/exit_code.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

constexpr const Command* kCommands[] = {&kKeygenCommand, &kProduceCommand, &kConsumeCommand, &kRewrapCommand};

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

ExitCode ParseFailure(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    const std::string text = error.get_name() == "CallForVersion" ? absl::StrCat(error.what(), "\n") : app.help();
    const absl::Status status = Print(text);
    return status.ok() ? ExitCode::kDone : EnvironmentFailure(status);
  }
  const auto commands = app.get_subcommands();
  if (commands.empty()) {
    const auto rest = app.remaining();
    Report(absl::StrCat(rest.empty() ? "which command?" : absl::StrCat("\"", Shown(rest.front()), "\" is no command"),
                        " (see: pulseal --help)"));
    return ExitCode::kUsage;
  }
  Report(absl::StrCat(error.what(), " (see: pulseal ", commands.front()->get_name(), " --help)"));
  return ExitCode::kUsage;
}

ExitCode Main(int argc, char** argv) {
  CLI::App app("End-to-end encryption of messages in Apache Pulsar's wire format.", "pulseal");
  app.set_version_flag("--version", std::string("pulseal ") + Version());
  app.require_subcommand(1);
  app.footer(kExitCodeHelp);
  std::function<ExitCode()> run;
  for (const Command* const command : kCommands) {
    CLI::App* const parser = app.add_subcommand(command->name, command->summary);
    parser->footer(absl::StrCat(command->details, "\n\n", kExitCodeHelp));
    parser->callback([&run, selected = command->define(*parser)] { run = selected; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ParseFailure(app, error);
  }
  return run();
}

}  // namespace
}  // namespace pulseal::tools

int main(int argc, char** argv) {
  using namespace pulseal::tools;
  ClaimStandardStreams();
  IgnoreWriteSignals();
  const ExitCode code = Main(argc, argv);
  if (Interrupted()) EndInterrupted();
  return static_cast<int>(code);
}
