// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_NEAREST_H_
#define PULSEAL_TOOLS_NEAREST_H_

#include <string>
#include <string_view>
#include <vector>

namespace pulseal::tools {

// The candidate that a mistyped `word` was meant to be: at most every third letter is wrong, missing or too much. Empty
// where none is that near.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_NEAREST_H_
