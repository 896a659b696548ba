// SPDX-License-Identifier: Apache-2.0
//
// A key pair's two files, as KeyDirectory reads them.
#ifndef PULSEAL_TOOLS_KEY_PAIR_FILES_H_
#define PULSEAL_TOOLS_KEY_PAIR_FILES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "pulseal/key_pair.h"

namespace pulseal::tools {

struct KeyPairFiles {
  KeyPairFiles(const std::string& directory, const std::string& key_name);

  std::string directory;
  std::string public_path, private_path;
};

// Whether KeyDirectory finds keys of this name; the message says what is wrong with it.
absl::Status CheckKeyName(std::string_view key_name);

// NOT_FOUND where there is no such folder; other errors where it is no folder.
absl::Status CheckKeyDirectory(const std::string& path);

// ALREADY_EXISTS where either file is there.
absl::Status CheckNotThere(const KeyPairFiles& files);

// Writes both files, or neither: each is written aside (the private one readable by its owner alone from its first
// byte), flushed to the disk and only then given its name. Without `replace`, a file that is there is never touched,
// not even one that somebody makes at the same moment (ALREADY_EXISTS). With it, a failure leaves the old pair or,
// where the system refuses even that, the old private key aside, and the message says where. Of two programs that write into
// one folder, one waits for the other (CANCELLED where a signal comes first). Makes the folder where there is none, and none
// of those that it lies in (NOT_FOUND).
absl::Status WriteKeyPair(const KeyPairFiles& files, const KeyPair& pair, bool replace);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_KEY_PAIR_FILES_H_
