// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_FRAMING_BIG_ENDIAN_H_
#define PULSEAL_LIB_FRAMING_BIG_ENDIAN_H_

#include <cstdint>
#include <string_view>

namespace pulseal::framing {

// Writes 4 bytes.
inline void StoreBigEndian(uint32_t value, char* out) {
  for (int shift = 24; shift >= 0; shift -= 8) *out++ = static_cast<char>(value >> shift);
}

// Of the first 4 bytes, which must be there.
inline uint32_t LoadBigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace pulseal::framing

#endif  // PULSEAL_LIB_FRAMING_BIG_ENDIAN_H_
