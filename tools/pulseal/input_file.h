// SPDX-License-Identifier: Apache-2.0
//
// Small files read whole, with bounded memory.
#ifndef PULSEAL_TOOLS_INPUT_FILE_H_
#define PULSEAL_TOOLS_INPUT_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "pulseal/secret_bytes.h"
#include "tools/pulseal/file.h"

namespace pulseal::tools {

struct KeyFileContents {
  SecretBytes pem;
  mode_t permissions = 0;  // the nine bits
};

// A key file. FAILED_PRECONDITION where it isn't a regular file (nothing is waited for) or is over 64 KiB, which no key
// is; otherwise whatever code the system's error has. Messages name the file.
absl::StatusOr<KeyFileContents> ReadKeyFile(const std::string& path);

// What a user names as input: a file, a FIFO, or "-" for standard input.
class InputFile {
 public:
  // The message of an error names the file; FAILED_PRECONDITION for a folder.
  static absl::StatusOr<InputFile> Open(const std::string& path);

  // All of it. RESOURCE_EXHAUSTED where it has more than `most` bytes, of which no more are read.
  absl::StatusOr<std::string> ReadAll(size_t most);

  // How many bytes it has, holding none of them.
  absl::StatusOr<uint64_t> CountBytes();

  const FileDescriptor& file() const { return file_; }
  const std::string& name() const { return name_; }

 private:
  InputFile(FileDescriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  absl::StatusOr<size_t> Read(char* to, size_t size);

  FileDescriptor file_;
  std::string name_;  // as it may be shown
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_INPUT_FILE_H_
