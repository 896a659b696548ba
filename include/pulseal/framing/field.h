// SPDX-License-Identifier: Apache-2.0
//
// The fields of a serialised MessageMetadata, or of any other message of Protocol Buffers, as they stand on the wire:
// for programs that show, count or copy them without knowing them all.
//
// Plain functions over the caller's bytes; thread-safe; nothing is allocated.
#ifndef PULSEAL_FRAMING_FIELD_H_
#define PULSEAL_FRAMING_FIELD_H_

#include <cstdint>
#include <string_view>

#include "pulseal/export.h"

namespace pulseal::framing {

// One field, pointing into the caller's bytes.
struct FieldView {
  enum class Type { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroup = 3, kFixed32 = 5 };

  uint32_t number = 0;
  Type type = Type::kVarint;
  uint64_t value = 0;        // kVarint; zero otherwise. A negative int32 has its sign in all 64 bits
  std::string_view content;  // kBytes: what stands behind the length; empty otherwise
  std::string_view bytes;    // all of the field, its tag included
};

// Takes the field at the front of `*rest` off. False at the end, where `*rest` is empty, and where the bytes are no
// field, or one that is cut off: `*rest` and `*field` are then as they were, and ParseEncryptionContext of the whole
// metadata says what is wrong.
PULSEAL_EXPORT bool TakeField(std::string_view* rest, FieldView* field);

}  // namespace pulseal::framing

#endif  // PULSEAL_FRAMING_FIELD_H_
