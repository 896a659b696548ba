// SPDX-License-Identifier: Apache-2.0
//
// Protocol Buffers' wire format: reading a message field by field where it stands, and writing fields.
#ifndef PULSEAL_LIB_WIRE_H_
#define PULSEAL_LIB_WIRE_H_

#include <endian.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace pulseal::wire {

enum Type : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kStartGroup = 3, kEndGroup = 4, kFixed32 = 5 };

constexpr uint32_t Tag(uint32_t field, Type type) { return field << 3 | type; }

// How deep protobuf's parsers follow messages and groups inside each other.
inline constexpr int kMostNested = 100;

// Walks over a message. After each Next() call exactly one of Varint(), Bytes() and Skip(). The first problem ends the
// walk, so a loop needs one look at ok() behind it:
//
//   FieldReader fields(message);
//   while (fields.Next()) {
//     switch (fields.tag()) {
//       case Tag(15, kBytes): nonce = fields.Bytes(); break;
//       default: fields.Skip();
//     }
//   }
//
// Accepts what protobuf's C++ parser accepts, but for tags over 32 bits: that one cuts them, this one refuses them.
class FieldReader {
 public:
  // `nested` messages around this one count against kMostNested.
  explicit FieldReader(std::string_view message, int nested = 0)
      : begin_(message.data()), end_(begin_ + message.size()), p_(begin_), start_(begin_), nested_(nested) {}

  // False at the end of the message and after a problem.
  bool Next() {
    if (p_ == end_) return false;
    start_ = p_;
    tag_ = Byte(*p_++);
    if (tag_ >= 0x80) ReadLongTag();
    if (tag_ >> 3 != 0) return true;
    Fail("its tag is cut off, over 32 bits, or names field 0");
    return false;
  }

  uint32_t tag() const { return tag_; }

  // Zero after a problem. Bits over 64 are cut, as protobuf does.
  uint64_t Varint() {
    if (p_ != end_ && Byte(*p_) < 0x80) return Byte(*p_++);
    const Number number = ReadNumber(p_, end_, kMostVarint);
    Advance(number.end, kBadNumber);
    return number.value;
  }

  // An int32 and an enum travel as 64 bits; protobuf cuts them, and so does this.
  int32_t Int32() { return static_cast<int32_t>(static_cast<uint32_t>(Varint())); }

  // Empty after a problem.
  std::string_view Bytes() {
    const size_t size = Length();
    if (size > static_cast<size_t>(end_ - p_)) {
      Fail("its length runs past the end");
      return {};
    }
    const std::string_view bytes(p_, size);
    p_ += size;
    return bytes;
  }

  // Over a field of any type, groups with all that is in them.
  void Skip() {
    const uint32_t type = tag_ & 7;
    if (type == kVarint) {
      SkipVarint();
    } else if (type == kBytes) {
      Bytes();
    } else {
      const Skipped skipped = SkipRare(p_, end_, tag_, nested_);
      Advance(skipped.end, skipped.problem);
    }
  }

  // Ends the walk; `problem` must outlive the reader.
  void Fail(const char* problem) {
    problem_ = problem_ != nullptr ? problem_ : problem;
    p_ = end_;
  }

  bool ok() const { return problem_ == nullptr; }
  // The present field's bytes, tag included, once it was read or skipped.
  std::string_view field() const { return {start_, static_cast<size_t>(p_ - start_)}; }
  // OK, or INVALID_ARGUMENT (kMalformed): `what` was read, the field, its offset and the problem.
  absl::Status status(std::string_view what) const;

 private:
  static constexpr int kMostVarint = 10;  // bytes
  static constexpr const char* kBadNumber = "its number is cut off or over ten bytes";

  struct Number {
    uint64_t value;
    const char* end;  // null where it is malformed
  };

  struct Skipped {
    const char* end;  // null where there is a problem
    const char* problem;
  };

  static uint32_t Byte(char c) { return static_cast<unsigned char>(c); }

  static uint64_t LittleEndian64(const char* p) {
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return le64toh(value);
  }

  static Number ReadNumber(const char* p, const char* end, int most_bytes) {
    uint64_t value = 0;
    for (int i = 0; i < most_bytes && p != end; ++i) {
      const uint64_t byte = Byte(*p++);
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return {value, p};
    }
    return {0, nullptr};
  }

  void SkipVarint() {
    // Where eight bytes can be looked at at once, the lowest top bit that isn't set is its last byte's.
    if (end_ - p_ >= static_cast<ptrdiff_t>(sizeof(uint64_t))) {
      const uint64_t ends = ~LittleEndian64(p_) & 0x8080808080808080;
      if (ends != 0) {
        p_ += __builtin_ctzll(ends) / 8 + 1;
        return;
      }
    }
    const char* const last = end_ - p_ > kMostVarint ? p_ + kMostVarint : end_;
    while (p_ != last) {
      if (Byte(*p_++) < 0x80) return;
    }
    Fail(kBadNumber);
  }

  // Types that Pulsar has no use for.
  static Skipped SkipRare(const char* p, const char* end, uint32_t tag, int nested);
  // Null where the group that `tag` begins doesn't end well.
  static const char* GroupEnd(const char* p, const char* end, uint32_t tag, int nested);

  void ReadLongTag() {
    const Number number = ReadNumber(start_, end_, 5);
    tag_ = number.end != nullptr && number.value <= UINT32_MAX ? static_cast<uint32_t>(number.value) : 0;
    p_ = number.end != nullptr ? number.end : end_;
  }

  size_t Length() {
    if (p_ != end_ && Byte(*p_) < 0x80) return Byte(*p_++);
    // Unlike other numbers a length has at most five bytes for protobuf.
    const Number number = ReadNumber(p_, end_, 5);
    Advance(number.end, "its length is cut off or over five bytes");
    return number.value;
  }

  void Advance(const char* to, const char* problem) { to == nullptr ? Fail(problem) : void(p_ = to); }

  const char* begin_;
  const char* end_;
  const char* p_;
  const char* start_;  // of the present field
  const char* problem_ = nullptr;
  uint32_t tag_ = 0;
  int nested_;
};

constexpr size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

void AppendVarint(uint64_t value, std::string* out);
void AppendVarintField(uint32_t field, uint64_t value, std::string* out);
void AppendBytesField(uint32_t field, std::string_view bytes, std::string* out);
size_t BytesFieldSize(uint32_t field, size_t size);  // of what AppendBytesField appends

}  // namespace pulseal::wire

#endif  // PULSEAL_LIB_WIRE_H_
