// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/manual.h"

#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "pulseal/version.h"
#include "tools/pulseal/command_line.h"

namespace pulseal::tools {
namespace {

std::vector<const CLI::App*> Commands(const CLI::App& command_line) {
  return command_line.get_subcommands([](const CLI::App*) { return true; });
}

// "-q", "--quiet"; none for a positional argument.
std::vector<std::string> NamesOf(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// Words as they are, whatever roff makes of their letters.
std::string Roff(const std::string& text) {
  const std::string escaped = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
  return absl::StartsWith(escaped, ".") || absl::StartsWith(escaped, "'") ? "\\&" + escaped : escaped;
}

std::string Bold(const std::string& text) { return absl::StrCat("\\fB", Roff(text), "\\fR"); }
std::string Italic(const std::string& text) { return absl::StrCat("\\fI", Roff(text), "\\fR"); }

// Paragraphs are filled; lines with room before them, and examples, stay as they are.
std::string Paragraphs(const std::string& text) {
  std::string out;
  bool is_kept = false, is_new = false;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    if (line.empty()) {
      is_new = true;
      continue;
    }
    const bool keep = absl::StartsWith(line, " ") || absl::StartsWith(line, "Example");
    if (is_kept && !keep) absl::StrAppend(&out, ".fi\n");
    if (!out.empty() && (is_new || keep != is_kept)) absl::StrAppend(&out, ".PP\n");
    if (keep && !is_kept) absl::StrAppend(&out, ".nf\n");
    absl::StrAppend(&out, Roff(line), "\n");
    is_kept = keep;
    is_new = false;
  }
  return absl::StrCat(out, is_kept ? ".fi\n" : "");
}

// What stands for the value of an option: "{fail|send}", "FILE".
std::string ValueName(const CLI::Option& option) {
  const std::vector<std::string> choices = ChoicesOf(option);
  if (!choices.empty()) return absl::StrCat("{", absl::StrJoin(choices, "|"), "}");
  const std::string type = option.get_type_name();
  return type.substr(0, type.find(':'));
}

std::string OptionEntry(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : NamesOf(option)) names.push_back(Bold(name));
  std::string head = names.empty() ? Italic(option.get_name(true)) : absl::StrJoin(names, ", ");
  if (!names.empty() && TakesValue(option)) absl::StrAppend(&head, " ", Italic(ValueName(option)));
  const std::string standard =
      option.get_default_str().empty() ? "" : absl::StrCat(" (default: ", Roff(option.get_default_str()), ")");
  return absl::StrCat(".TP\n", head, "\n", Roff(option.get_description()), standard, "\n");
}

std::string CommandSection(const CLI::App& command) {
  std::string out = absl::StrCat(".SS ", Roff(command.get_name()), "\n", Roff(command.get_description()), ".\n.PP\n",
                                 Bold("pulseal " + command.get_name()), " [", Italic("options"), "]");
  for (const CLI::Option* const option : command.get_options()) {
    if (!option->get_positional()) continue;
    const bool many = option->get_items_expected_max() > 1;
    absl::StrAppend(&out, " ", Italic(option->get_name(true)), many ? "..." : "");
  }
  absl::StrAppend(&out, "\n");
  for (const CLI::Option* const option : command.get_options()) absl::StrAppend(&out, OptionEntry(*option));
  // The exit status has a section of its own.
  const std::string footer = command.get_footer();
  return absl::StrCat(out, ".PP\n", Paragraphs(footer.substr(0, footer.rfind("\n\nExit status"))));
}

// A branch of the script for `command`: its options, and the values of those that take a few.
std::string CompletionBranch(const CLI::App& command) {
  std::vector<std::string> names;
  std::string values;
  for (const CLI::Option* const option : command.get_options()) {
    const std::vector<std::string> own = NamesOf(*option);
    names.insert(names.end(), own.begin(), own.end());
    if (own.empty() || !TakesValue(*option)) continue;
    absl::StrAppend(&values, "        ", absl::StrJoin(own, "|"), ") values='", absl::StrJoin(ChoicesOf(*option), " "),
                    "' takes_value=1 ;;\n");
  }
  return absl::StrCat("    ", command.get_name(), ")\n      options='", absl::StrJoin(names, " "),
                      "'\n      case $previous in\n", values, "        *) ;;\n      esac ;;\n");
}

constexpr char kCompletionHead[] = R"(# bash completion for pulseal, made from its table of commands
_pulseal() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' options='' values='' takes_value='' word
  [[ $current == '=' ]] && current=''
  [[ $previous == '=' ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || { command=$word; break; }
  done
  case $command in
)";

// With nothing to offer, bash completes the names of files.
constexpr char kCompletionTail[] = R"(    *) ;;
  esac
  [[ -n $takes_value || ($current != -* && -n $command) ]] && options=''
  COMPREPLY=($(compgen -W "$options $values" -- "$current"))
}
complete -o default -F _pulseal pulseal
)";

}  // namespace

std::string ManualPage(const CLI::App& command_line) {
  std::string out =
      absl::StrCat(".TH PULSEAL 1 \"\" \"pulseal ", Version(), "\" \"User Commands\"\n.SH NAME\npulseal \\- ",
                   Roff(command_line.get_description()), "\n.SH SYNOPSIS\n", Bold("pulseal"), " ", Italic("command"),
                   " [", Italic("argument"), "...]\n.SH OPTIONS\n");
  for (const CLI::Option* const option : command_line.get_options()) absl::StrAppend(&out, OptionEntry(*option));
  absl::StrAppend(&out, ".SH COMMANDS\n");
  for (const CLI::App* const command : Commands(command_line)) absl::StrAppend(&out, CommandSection(*command));
  const std::string footer = command_line.get_footer();
  const size_t exit_status = footer.rfind("Exit status: ");
  return absl::StrCat(
      out, ".SH EXIT STATUS\n", Paragraphs(footer.substr(exit_status + sizeof "Exit status: " - 1)), ".SH EXAMPLES\n",
      Paragraphs(footer.substr(0, exit_status)),
      ".SH ENVIRONMENT\n.TP\nPULSEAL_TOKEN\nThe token for the endpoint of a ws:// or wss:// topic, unless "
      "\\-\\-token\\-file names a file that holds it.\n");
}

std::string BashCompletion(const CLI::App& command_line) {
  std::vector<std::string> words;
  std::string branches;
  for (const CLI::App* const command : Commands(command_line)) {
    words.push_back(command->get_name());
    absl::StrAppend(&branches, CompletionBranch(*command));
  }
  for (const CLI::Option* const option : command_line.get_options()) {
    for (std::string& name : NamesOf(*option)) words.push_back(std::move(name));
  }
  return absl::StrCat(kCompletionHead, "    '') options='", absl::StrJoin(words, " "), "' ;;\n", branches,
                      kCompletionTail);
}

}  // namespace pulseal::tools
