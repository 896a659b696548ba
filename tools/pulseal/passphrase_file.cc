// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/passphrase_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "pulseal/key_pair.h"
#include "tools/pulseal/file.h"

namespace pulseal::tools {

absl::StatusOr<SecretBytes> ReadPassphraseFile(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file.valid()) return ErrnoStatus(Shown(path));
  SecretBytes text = SecretBytes::OfSize(kMaxPassphraseSize + 2);
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = read(file.get(), text.mutable_span().data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(Shown(path));
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  text.Truncate(std::min(size, text.view().find('\n')));
  if (!text.empty() && text.view().back() == '\r') text.Truncate(text.size() - 1);
  if (text.empty())
    return absl::FailedPreconditionError(absl::StrCat(Shown(path), ": has no passphrase in its first line"));
  if (text.size() > kMaxPassphraseSize) {
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(path), ": the passphrase in its first line is longer than ", kMaxPassphraseSize, " bytes"));
  }
  return text;
}

}  // namespace pulseal::tools
