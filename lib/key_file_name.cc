// SPDX-License-Identifier: Apache-2.0
#include "pulseal/key_readers.h"

namespace pulseal {

bool CanNameKeyFile(std::string_view key_name) {
  constexpr std::string_view kSlashAndNul("/\0", 2);
  return !key_name.empty() && key_name.size() <= kMaxKeyDirectoryNameSize && key_name.front() != '.' &&
         key_name.find_first_of(kSlashAndNul) == std::string_view::npos;
}

}  // namespace pulseal
