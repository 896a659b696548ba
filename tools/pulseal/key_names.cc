// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/key_names.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/key_pair_files.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

bool HasComma(const std::string& name) { return name.find(',') != std::string::npos; }

// A comma may stand in a name, so that only a name without a key is one of several.
std::string CommaHint(const std::vector<std::string>& key_names) {
  if (std::none_of(key_names.begin(), key_names.end(), HasComma)) return "";
  const std::string all = absl::StrReplaceAll(absl::StrJoin(key_names, " --to "), {{",", " --to "}});
  return absl::StrCat("; commas don't separate names: --to ", Shown(all));
}

}  // namespace

void DefineKeyNames(CLI::App& app, std::vector<std::string>& key_names, const std::string& who) {
  app.add_option("--to", key_names, who + ": the name of a key; once for each")
      ->required()
      ->type_name("NAME")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check([](const std::string& name) { return std::string(CheckKeyName(name).message()); });
}

ExitCode RefusedRecipients(const std::vector<std::string>& key_names, const absl::Status& status) {
  const std::string problem = absl::StrCat(status.message(), CommaHint(key_names));
  if (!absl::IsInvalidArgument(status)) return EnvironmentFailure(absl::Status(status.code(), problem));
  Report(absl::StrCat("--to: ", problem));
  return ExitCode::kUsage;
}

}  // namespace pulseal::tools
