// SPDX-License-Identifier: Apache-2.0
#include "tests/support/metadata_mutator.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "lib/wire.h"

namespace pulseal::testing {
namespace {

constexpr uint32_t kMostField = 36;  // no field of MessageMetadata has a larger number
// Around each limit that anything in metadata has.
constexpr size_t kSizes[] = {0, 1, 11, 12, 13, 15, 16, 17, 32, 127, 128, 1024, 1025, 4096, 4097, 16384, 16385};
constexpr uint64_t kNumbers[] = {0,           1, 2, 0x7f, 0x80, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
                                 ~uint64_t{0}};

struct Field {
  uint32_t number;
  uint32_t type;
  uint64_t value;       // of a varint
  std::string content;  // behind the tag and, of bytes, the length

  std::string Serialized() const {
    std::string out;
    if (type == wire::kVarint) {
      wire::AppendVarintField(number, value, &out);
    } else if (type == wire::kBytes) {
      wire::AppendBytesField(number, content, &out);
    } else {
      wire::AppendVarint(wire::Tag(number, static_cast<wire::Type>(type)), &out);
      out += content;
    }
    return out;
  }
};

class Mutation {
 public:
  Mutation(size_t most, MutateBytes mutate_bytes, std::minstd_rand& random)
      : most_(most), mutate_bytes_(mutate_bytes), random_(random) {}

  std::string Of(std::string_view message) {
    std::vector<std::string> fields;
    const std::string_view rest = Split(message, &fields);
    if (fields.empty() || Below(8) == 0) return MutatedBytes(std::string(message));
    ChangeOne(&fields);
    std::string changed;
    for (const std::string& field : fields) changed += field;
    return (changed += rest).substr(0, most_);
  }

 private:
  size_t Below(size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random_); }

  template <typename T, size_t n>
  T OneOf(const T (&values)[n]) {
    return values[Below(n)];
  }

  // The fields of `message`; what is left of it behind them.
  static std::string_view Split(std::string_view message, std::vector<std::string>* fields) {
    size_t taken = 0;
    wire::FieldReader reader(message);
    while (reader.Next()) {
      reader.Skip();
      if (!reader.ok()) break;
      fields->emplace_back(reader.field());
      taken += reader.field().size();
    }
    return message.substr(taken);
  }

  static Field Parsed(std::string_view bytes) {
    wire::FieldReader reader(bytes);
    reader.Next();
    Field field = {reader.tag() >> 3, reader.tag() & 7, 0, {}};
    if (field.type == wire::kVarint) field.value = reader.Varint();
    if (field.type == wire::kBytes) field.content = reader.Bytes();
    if (field.type != wire::kVarint && field.type != wire::kBytes) field.content = bytes.substr(TagSize(bytes));
    return field;
  }

  static size_t TagSize(std::string_view field) {
    size_t size = 0;
    while (field[size++] & 0x80) {
    }
    return size;
  }

  void ChangeOne(std::vector<std::string>* fields) {
    const size_t at = Below(fields->size()), other = Below(fields->size());
    std::string& field = (*fields)[at];
    switch (Below(8)) {
      case 0: fields->insert(fields->begin() + static_cast<ptrdiff_t>(other), std::string(field)); break;
      case 1: fields->erase(fields->begin() + static_cast<ptrdiff_t>(at)); break;
      case 2: std::swap(field, (*fields)[other]); break;
      case 3: field = Longer(field); break;
      default: field = Changed(Parsed(field)).Serialized();
    }
  }

  // The same tag with one byte more.
  static std::string Longer(std::string field) {
    const size_t size = TagSize(field);
    field[size - 1] = static_cast<char>(field[size - 1] | 0x80);
    return field.insert(size, 1, '\0');
  }

  Field Changed(Field field) {
    switch (Below(6)) {
      case 0: field.number = 1 + static_cast<uint32_t>(Below(kMostField)); break;
      case 1: return Retyped(std::move(field));
      case 2: field.content.resize(std::min(OneOf(kSizes), most_), '\x01'); break;
      default:
        field.value = Below(2) == 0 ? OneOf(kNumbers) : field.value + Below(5) - 2;
        field.content = field.type == wire::kBytes && Below(2) == 0 ? Of(field.content) : MutatedBytes(field.content);
    }
    return field;
  }

  Field Retyped(Field field) {
    constexpr uint32_t kTypes[] = {wire::kVarint, wire::kFixed64, wire::kBytes, wire::kStartGroup, wire::kFixed32};
    field.value = field.type == wire::kVarint ? field.value : field.content.size();
    field.type = OneOf(kTypes);
    if (field.type == wire::kFixed64) field.content.resize(8);
    if (field.type == wire::kFixed32) field.content.resize(4);
    if (field.type == wire::kStartGroup) wire::AppendVarint(wire::Tag(field.number, wire::kEndGroup), &field.content);
    return field;
  }

  std::string MutatedBytes(std::string bytes) {
    if (most_ == 0) return {};
    const size_t size = std::min(bytes.size(), most_);
    bytes.resize(std::min(most_, size + 64));
    bytes.resize(mutate_bytes_(reinterpret_cast<uint8_t*>(bytes.data()), size, bytes.size()));
    return bytes;
  }

  const size_t most_;
  const MutateBytes mutate_bytes_;
  std::minstd_rand& random_;
};

}  // namespace

std::string MutateMetadata(std::string_view message, size_t most, MutateBytes mutate_bytes, std::minstd_rand& random) {
  return Mutation(most, mutate_bytes, random).Of(message);
}

}  // namespace pulseal::testing
