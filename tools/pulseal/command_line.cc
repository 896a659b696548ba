// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/command_line.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "pulseal/version.h"
#include "tools/pulseal/command.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/nearest.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

constexpr const Command* kCommands[] = {&kKeygenCommand,  &kCheckCommand,   &kProduceCommand, &kInspectCommand,
                                        &kConsumeCommand, &kDecryptCommand, &kRewrapCommand,  &kBenchCommand};

constexpr char kTour[] =
    "A first message:\n"
    "  pulseal keygen orders                                     a key pair in keys/\n"
    "  echo hello | pulseal produce orders.topic --to orders     encrypts for the holder of the private key\n"
    "  pulseal consume orders.topic                              reads with whichever private key in keys/ fits\n"
    "  pulseal inspect orders.topic                              who can read what; needs no key\n"
    "  pulseal check keys/*.pem                                  what the keys are, and who can read them";

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string meant = Nearest(word, candidates);
  return meant.empty() ? "" : absl::StrCat("; did you mean ", meant, "?");
}

std::vector<std::string> CommandNames() {
  std::vector<std::string> names;
  for (const Command* const command : kCommands) names.emplace_back(command->name);
  return names;
}

std::vector<std::string> OptionNames(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* const option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// For an option that there isn't, or a value that an option doesn't take.
std::string Suggestion(const CLI::App& command) {
  for (const std::string& word : command.remaining()) {
    if (absl::StartsWith(word, "--")) return DidYouMean(word.substr(0, word.find('=')), OptionNames(command));
  }
  for (const CLI::Option* const option : command.get_options()) {
    const std::vector<std::string> choices = ChoicesOf(*option);
    for (const std::string& value : option->results()) {
      const bool is_choice = choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end();
      if (!is_choice) return DidYouMean(value, choices);
    }
  }
  return "";
}

// For what CLI11 has words that users wouldn't understand; its own otherwise.
std::string Problem(const CLI::App& command, const CLI::ParseError& error) {
  const std::string text = error.what();
  if (error.get_name() == "ArgumentMismatch") {
    const std::string name = text.substr(0, text.find(':'));
    const CLI::Option* const option = command.get_option_no_throw(name);
    const bool is_repeated = option != nullptr && option->results().size() > 1;
    return absl::StrCat(name, is_repeated ? " is given more than once" : " needs a value");
  }
  // "Could not convert: --json = maybe". Values of options are checked before, with words of their own.
  if (error.get_name() == "ConversionError") {
    const size_t name_at = text.find("--"), end = text.find(' ', name_at);
    return absl::StrCat(text.substr(name_at, end - name_at), " takes no value");
  }
  return text;
}

std::string WhichCommand(const CLI::App& command_line) {
  const std::vector<std::string> rest = command_line.remaining();
  if (rest.empty()) return "which command?";
  return absl::StrCat("\"", Shown(rest.front()), "\" is no command", DidYouMean(rest.front(), CommandNames()));
}

}  // namespace

std::unique_ptr<CLI::App> MakeCommandLine(std::function<ExitCode()>* run) {
  auto app = std::make_unique<CLI::App>("End-to-end encryption of messages in Apache Pulsar's wire format.", "pulseal");
  app->set_version_flag("--version", std::string("pulseal ") + Version());
  app->require_subcommand(1);
  app->footer(absl::StrCat(kTour, "\n\n", kExitCodeHelp));
  for (const Command* const command : kCommands) {
    CLI::App* const parser = app->add_subcommand(command->name, command->summary);
    parser->footer(absl::StrCat(command->details, "\n\n", kExitCodeHelp));
    parser->callback([run, selected = command->define(*parser)] { *run = selected; });
  }
  return app;
}

ExitCode AnswerParseError(const CLI::App& command_line, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    const bool is_version = error.get_name() == "CallForVersion";
    const absl::Status status = Print(is_version ? absl::StrCat(error.what(), "\n") : command_line.help());
    return status.ok() ? ExitCode::kDone : EnvironmentFailure(status);
  }
  const auto commands = command_line.get_subcommands();
  if (commands.empty()) {
    Report(absl::StrCat(WhichCommand(command_line), " (see: pulseal --help)"));
    return ExitCode::kUsage;
  }
  const CLI::App& command = *commands.front();
  Report(absl::StrCat(Problem(command, error), Suggestion(command), " (see: pulseal ", command.get_name(), " --help)"));
  return ExitCode::kUsage;
}

std::vector<std::string> ChoicesOf(const CLI::Option& option) {
  // CLI11 has them in the name of the type only: "TEXT:{fail,send}".
  const std::string type = option.get_type_name();
  const size_t open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return absl::StrSplit(type.substr(open + 1, close - open - 1), ',');
}

}  // namespace pulseal::tools
