// SPDX-License-Identifier: Apache-2.0
//
// A property, on the wire a KeyValue message, which MessageMetadata and SingleMessageMetadata both have.
#ifndef PULSEAL_LIB_FRAMING_KEY_VALUE_H_
#define PULSEAL_LIB_FRAMING_KEY_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/wire.h"

namespace pulseal::framing {

using KeyValueView = std::pair<std::string_view, std::string_view>;

// The present field of `fields`, which is of type kBytes, as a KeyValue. Ends the walk where it isn't one.
inline KeyValueView ReadKeyValue(wire::FieldReader* fields) {
  std::optional<std::string_view> name, value;
  wire::FieldReader pair(fields->Bytes(), 1);
  while (pair.Next()) {
    switch (pair.tag()) {
      case wire::Tag(1, wire::kBytes): name = pair.Bytes(); break;
      case wire::Tag(2, wire::kBytes): value = pair.Bytes(); break;
      default: pair.Skip();
    }
  }
  if (!pair.ok()) fields->Fail("its property is malformed");
  if (!name.has_value() || !value.has_value()) fields->Fail("its property has no name or no value");
  return {name.value_or(""), value.value_or("")};
}

inline size_t KeyValueSize(std::string_view name, std::string_view value) {
  return wire::BytesFieldSize(1, name.size()) + wire::BytesFieldSize(2, value.size());
}

inline void AppendKeyValueField(uint32_t field, std::string_view name, std::string_view value, std::string* out) {
  wire::AppendVarint(wire::Tag(field, wire::kBytes), out);
  wire::AppendVarint(KeyValueSize(name, value), out);
  wire::AppendBytesField(1, name, out);
  wire::AppendBytesField(2, value, out);
}

}  // namespace pulseal::framing

#endif  // PULSEAL_LIB_FRAMING_KEY_VALUE_H_
