// SPDX-License-Identifier: Apache-2.0
#include "lib/wire.h"

#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/status.h"

namespace pulseal::wire {

absl::Status FieldReader::status(std::string_view what) const {
  if (ok()) return absl::OkStatus();
  const std::string field = tag_ >> 3 == 0 ? "a field" : absl::StrCat("field ", tag_ >> 3);
  return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                    absl::StrCat(AsAbsl(what), " is malformed: ", field, " at offset ", start_ - begin_, " of ",
                                 end_ - begin_, ": ", problem_));
}

FieldReader::Skipped FieldReader::SkipRare(const char* p, const char* end, uint32_t tag, int nested) {
  const auto fixed = [&](size_t size) {
    return Skipped{size > static_cast<size_t>(end - p) ? nullptr : p + size, "it is cut off"};
  };
  switch (tag & 7) {
    case kFixed64: return fixed(8);
    case kFixed32: return fixed(4);
    case kStartGroup:
      return {GroupEnd(p, end, tag, nested), "its group has no end, or is malformed or nested too deep"};
    default: return {nullptr, "its wire type doesn't exist, or ends a group that was never begun"};
  }
}

// A loop with the open groups' numbers in an array: the nesting is the sender's choice, so it must not use up our
// stack.
const char* FieldReader::GroupEnd(const char* p, const char* end, uint32_t tag, int nested) {
  uint32_t open[kMostNested];
  int depth = 0;
  const int most = kMostNested - nested;
  if (most < 1) return nullptr;
  open[depth++] = tag >> 3;
  FieldReader fields(std::string_view(p, static_cast<size_t>(end - p)));
  while (fields.Next()) {
    switch (fields.tag() & 7) {
      case kStartGroup:
        if (depth == most) return nullptr;
        open[depth++] = fields.tag() >> 3;
        break;
      case kEndGroup:
        if (open[--depth] != fields.tag() >> 3) return nullptr;
        if (depth == 0) return fields.p_;
        break;
      default: fields.Skip();
    }
  }
  return nullptr;
}

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void AppendVarintField(uint32_t field, uint64_t value, std::string* out) {
  AppendVarint(Tag(field, kVarint), out);
  AppendVarint(value, out);
}

void AppendBytesField(uint32_t field, std::string_view bytes, std::string* out) {
  AppendVarint(Tag(field, kBytes), out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

size_t BytesFieldSize(uint32_t field, size_t size) { return VarintSize(Tag(field, kBytes)) + VarintSize(size) + size; }

}  // namespace pulseal::wire
