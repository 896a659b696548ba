// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_BUFFERS_H_
#define PULSEAL_LIB_BUFFERS_H_

#include <cstddef>
#include <cstdint>

namespace pulseal {

// Whether two pieces of memory share a byte; empty ones never do. Compares addresses as numbers, since the language
// leaves the comparison of pointers into different objects undefined.
inline bool Overlap(const char* a, size_t a_size, const char* b, size_t b_size) {
  const auto a_start = reinterpret_cast<uintptr_t>(a);
  const auto b_start = reinterpret_cast<uintptr_t>(b);
  return a_size > 0 && b_size > 0 && a_start < b_start + b_size && b_start < a_start + a_size;
}

}  // namespace pulseal

#endif  // PULSEAL_LIB_BUFFERS_H_
