// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/private_keys.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pulseal/key_readers.h"
#include "tools/pulseal/key_pair_files.h"
#include "tools/pulseal/passphrase_file.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {

void DefinePrivateKeys(CLI::App& app, PrivateKeyArguments& arguments, const std::string& what) {
  app.add_option("--key-dir", arguments.key_directory, "Folder of " + what)->capture_default_str();
  app.add_option("--passphrase-file", arguments.passphrase_file,
                 "Private keys are encrypted with the first line of this file");
}

absl::StatusOr<std::shared_ptr<KeyWrapper>> OpenPrivateKeys(const PrivateKeyArguments& arguments) {
  if (absl::Status status = CheckKeyDirectory(arguments.key_directory); !status.ok()) return status;
  KeyDirectoryOptions options;
  options.on_warning = [](const std::string&, const absl::Status& warning) {
    Report(absl::StrCat("warning: ", warning.message()));
  };
  LocalKeyPolicy policy;
  if (!arguments.passphrase_file.empty()) {
    absl::StatusOr<SecretBytes> passphrase = ReadPassphraseFile(arguments.passphrase_file);
    if (!passphrase.ok()) return passphrase.status();
    policy.passphrase = [shared = std::make_shared<SecretBytes>(*std::move(passphrase))](const std::string&) {
      return SecretBytes::CopyOf(shared->view());
    };
  }
  return LocalKeyWrapper(KeyDirectory(arguments.key_directory, options), policy);
}

}  // namespace pulseal::tools
