// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_WIRE_FIELDS_H_
#define PULSEAL_TESTS_SUPPORT_WIRE_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/wire.h"

namespace pulseal::testing {

// One protobuf field, serialised.
inline std::string Varint(uint32_t field, uint64_t value) {
  std::string out;
  wire::AppendVarintField(field, value, &out);
  return out;
}

inline std::string Bytes(uint32_t field, std::string_view bytes) {
  std::string out;
  wire::AppendBytesField(field, bytes, &out);
  return out;
}

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_WIRE_FIELDS_H_
