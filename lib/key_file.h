// SPDX-License-Identifier: Apache-2.0
//
// Reading key files safely: nothing is waited for, nothing but a regular file is read, and nothing outside a folder is
// reached through a name.
#ifndef PULSEAL_LIB_KEY_FILE_H_
#define PULSEAL_LIB_KEY_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

struct KeyFile {
  SecretBytes pem;
  bool readable_by_others = false;  // by its permission bits
};

// All of these: messages begin with the path, and
//   NOT_FOUND           there is no such file
//   FAILED_PRECONDITION it is no regular file, empty, longer than kMaxKeyFileSize, or a link that leads out of the folder
//   UNAVAILABLE         the system refused or failed for now: permissions, descriptors, a file that changed meanwhile, or
//                       the folder isn't there, so that nobody can say which keys are in it

// The file at `path`, which the program's owner chose: symbolic links are followed wherever they lead.
absl::StatusOr<KeyFile> ReadKeyFile(const std::string& path);

// `relative_path` under `folder`. Symbolic links work as long as they stay in the folder and are relative; where the
// kernel can't promise that (no openat2, Linux before 5.6) every link is refused.
absl::StatusOr<KeyFile> ReadKeyFileIn(const std::string& folder, const std::string& relative_path);

// The names of all *.pem in `folder`/`sub_folder` that don't start with a dot: newest modification first, of the same
// age by name from the end, at most `most`. None where there is no such sub-folder.
absl::StatusOr<std::vector<std::string>> ListKeyFiles(const std::string& folder, const std::string& sub_folder,
                                                      size_t most);

// How ReadKeyFileIn opens: with openat2, or else with OpenWithoutLinks. A descriptor, or -1 and errno.
int OpenBeneath(int folder, const std::string& relative_path, int flags);
int OpenWithoutLinks(int folder, const std::string& relative_path, int flags);

}  // namespace pulseal

#endif  // PULSEAL_LIB_KEY_FILE_H_
