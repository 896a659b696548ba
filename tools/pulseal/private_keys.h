// SPDX-License-Identifier: Apache-2.0
//
// The private keys that a command reads with, as its arguments name them.
#ifndef PULSEAL_TOOLS_PRIVATE_KEYS_H_
#define PULSEAL_TOOLS_PRIVATE_KEYS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "pulseal/key_wrapper.h"

namespace CLI {
class App;
}

namespace pulseal::tools {

struct PrivateKeyArguments {
  std::string key_directory = "keys", passphrase_file;
};

// Adds --key-dir, a folder of `what`, and --passphrase-file.
void DefinePrivateKeys(CLI::App& app, PrivateKeyArguments& arguments,
                       const std::string& what = "the private keys (NAME.private.pem)");

// A LocalKeyWrapper over the folder; what it warns of is reported. NOT_FOUND where there is no such folder, and whatever
// is wrong with the passphrase's file.
absl::StatusOr<std::shared_ptr<KeyWrapper>> OpenPrivateKeys(const PrivateKeyArguments& arguments);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_PRIVATE_KEYS_H_
