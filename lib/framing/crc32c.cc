// SPDX-License-Identifier: Apache-2.0
#include "lib/framing/crc32c.h"

#include <isa-l/crc.h>

namespace pulseal::framing {

uint32_t Crc32c(std::string_view bytes, uint32_t before) {
  constexpr size_t kMost = size_t{1} << 30;  // ISA-L takes an int
  uint32_t crc = ~before;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kMost);
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(part.data()));  // it only reads
    crc = crc32_iscsi(data, static_cast<int>(part.size()), crc);
    bytes.remove_prefix(part.size());
  }
  return ~crc;
}

}  // namespace pulseal::framing
