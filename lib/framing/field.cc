// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/field.h"

#include "lib/wire.h"

namespace pulseal::framing {

bool TakeField(std::string_view* rest, FieldView* field) {
  wire::FieldReader reader(*rest);
  if (!reader.Next()) return false;
  FieldView taken;
  taken.number = reader.tag() >> 3;
  taken.type = static_cast<FieldView::Type>(reader.tag() & 7);
  switch (taken.type) {
    case FieldView::Type::kVarint: taken.value = reader.Varint(); break;
    case FieldView::Type::kBytes: taken.content = reader.Bytes(); break;
    default: reader.Skip();
  }
  if (!reader.ok()) return false;
  taken.bytes = reader.field();
  *field = taken;
  rest->remove_prefix(taken.bytes.size());
  return true;
}

}  // namespace pulseal::framing
