// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_FRAMING_CRC32C_H_
#define PULSEAL_LIB_FRAMING_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace pulseal::framing {

// The checksum of RFC 3720 (appendix B.4), of `bytes` behind what gave `before`: Crc32c(b, Crc32c(a)) is that of a and
// b in a row.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

}  // namespace pulseal::framing

#endif  // PULSEAL_LIB_FRAMING_CRC32C_H_
