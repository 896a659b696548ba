// SPDX-License-Identifier: Apache-2.0
//
// Key names come with messages, from whoever sent them. This decides which may become the name of a file.
#ifndef PULSEAL_LIB_KEY_NAME_H_
#define PULSEAL_LIB_KEY_NAME_H_

#include <cstddef>
#include <string_view>

namespace pulseal {

// Room for the longest ending (".private.pem") within the 255 bytes that a file name may have on Linux.
inline constexpr size_t kMaxKeyFileNameSize = 200;

// True where a file named `key_name` plus an ending lies directly in the folder it is opened in, and isn't hidden: not
// empty, at most kMaxKeyFileNameSize bytes, no leading dot, no slash, no NUL byte. Everything else is allowed, spaces
// and UTF-8 too.
bool CanNameKeyFile(std::string_view key_name);

}  // namespace pulseal

#endif  // PULSEAL_LIB_KEY_NAME_H_
