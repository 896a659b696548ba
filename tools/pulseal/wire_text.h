// SPDX-License-Identifier: Apache-2.0
//
// Bytes that somebody else chose, as a terminal may see them.
#ifndef PULSEAL_TOOLS_WIRE_TEXT_H_
#define PULSEAL_TOOLS_WIRE_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace pulseal::tools {

// "text" in quotes: quotes, backslashes, and whatever isn't printable ASCII, as C escapes; over `most` bytes cut, with
// the size behind it.
std::string WireText(std::string_view bytes, size_t most = 120);

// Two hex digits for each byte, cut in the same way.
std::string WireHex(std::string_view bytes, size_t most = 32);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_WIRE_TEXT_H_
