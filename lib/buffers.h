// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_BUFFERS_H_
#define PULSEAL_LIB_BUFFERS_H_

#include <cstdint>
#include <string_view>

namespace pulseal {

// Whether two pieces of memory share a byte; empty ones never do. Compares addresses as numbers, since the language
// leaves the comparison of pointers into different objects undefined.
inline bool Overlaps(std::string_view a, std::string_view b) {
  const auto a_start = reinterpret_cast<uintptr_t>(a.data());
  const auto b_start = reinterpret_cast<uintptr_t>(b.data());
  return !a.empty() && !b.empty() && a_start < b_start + b.size() && b_start < a_start + a.size();
}

}  // namespace pulseal

#endif  // PULSEAL_LIB_BUFFERS_H_
