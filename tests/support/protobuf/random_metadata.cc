// SPDX-License-Identifier: Apache-2.0
#include "tests/support/protobuf/random_metadata.h"

#include "lib/wire.h"

namespace pulseal::testing {
namespace {

std::string RandomBytes(Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Up to `longest` bytes, more than the value needs: protobuf takes that too.
void AppendLongVarint(uint64_t value, size_t longest, Random& random, std::string* out) {
  const size_t start = out->size();
  wire::AppendVarint(value, out);
  while (out->size() - start < longest && Below(random, 8) == 0) {
    out->back() = static_cast<char>(out->back() | 0x80);
    out->push_back('\0');
  }
}

uint64_t RandomNumber(Random& random) { return random() >> Below(random, 64); }

std::string RandomMessage(Random& random, int depth);

void AppendBytes(uint32_t field, const std::string& bytes, Random& random, std::string* out) {
  AppendLongVarint(wire::Tag(field, wire::kBytes), 5, random, out);
  AppendLongVarint(bytes.size(), 5, random, out);
  *out += bytes;
}

void AppendField(uint32_t field, wire::Type type, Random& random, int depth, std::string* out) {
  if (type == wire::kBytes) {
    const bool nested = depth < 3 && Below(random, 2) == 0;
    return AppendBytes(field, nested ? RandomMessage(random, depth + 1) : RandomBytes(random, Below(random, 40)),
                       random, out);
  }
  AppendLongVarint(wire::Tag(field, type), 5, random, out);
  if (type == wire::kVarint) AppendLongVarint(RandomNumber(random), 10, random, out);
  if (type == wire::kFixed32) *out += RandomBytes(random, 4);
  if (type == wire::kFixed64) *out += RandomBytes(random, 8);
  if (type != wire::kStartGroup) return;
  if (depth < 3) *out += RandomMessage(random, depth + 1);
  AppendLongVarint(wire::Tag(field, wire::kEndGroup), 5, random, out);
}

uint32_t RandomField(Random& random) {
  if (Below(random, 4) != 0) return static_cast<uint32_t>(1 + Below(random, 34));
  return static_cast<uint32_t>(1 + (random() & ((uint64_t{1} << (1 + Below(random, 28))) - 1)));
}

std::string RandomMessage(Random& random, int depth) {
  constexpr wire::Type kTypes[] = {wire::kVarint, wire::kFixed64,    wire::kBytes,
                                   wire::kBytes,  wire::kStartGroup, wire::kFixed32};
  constexpr uint32_t kNumbers[] = {2, 3, 9, 11, 27, 29}, kStrings[] = {1, 13, 13, 13, 15};
  std::string out;
  for (uint64_t fields = Below(random, 6); fields > 0; --fields) {
    switch (Below(random, 4)) {
      case 0: AppendField(kNumbers[Below(random, std::size(kNumbers))], wire::kVarint, random, depth, &out); break;
      case 1: AppendField(kStrings[Below(random, std::size(kStrings))], wire::kBytes, random, depth, &out); break;
      case 2: AppendField(static_cast<uint32_t>(1 + Below(random, 3)), wire::kBytes, random, depth, &out); break;
      default: AppendField(RandomField(random), kTypes[Below(random, std::size(kTypes))], random, depth, &out);
    }
  }
  return out;
}

std::string RandomPair(Random& random) {
  std::string pair;
  AppendBytes(1, RandomBytes(random, Below(random, 4)), random, &pair);
  AppendBytes(2, RandomBytes(random, Below(random, 12)), random, &pair);
  return pair + (Below(random, 8) == 0 ? RandomMessage(random, 2) : "");
}

std::string RandomKey(Random& random) {
  std::string key = Below(random, 8) == 0 ? RandomMessage(random, 1) : "";
  AppendBytes(1, RandomBytes(random, Below(random, 20)), random, &key);
  AppendBytes(2, RandomBytes(random, Below(random, 300)), random, &key);
  for (uint64_t pairs = Below(random, 4); pairs > 0; --pairs) AppendBytes(3, RandomPair(random), random, &key);
  return key + (Below(random, 8) == 0 ? RandomMessage(random, 1) : "");
}

}  // namespace

uint64_t Below(Random& random, uint64_t limit) { return random() % limit; }

std::string RandomMetadata(Random& random) {
  std::string metadata = RandomMessage(random, 0);
  for (uint64_t keys = Below(random, 4); keys > 0; --keys) AppendBytes(13, RandomKey(random), random, &metadata);
  if (Below(random, 2) == 0) AppendBytes(15, RandomBytes(random, 12), random, &metadata);
  return metadata + RandomMessage(random, 0);
}

std::string Mutated(std::string bytes, Random& random) {
  for (uint64_t changes = 1 + Below(random, 3); changes > 0 && !bytes.empty(); --changes) {
    const size_t at = Below(random, bytes.size());
    switch (Below(random, 5)) {
      case 0: bytes.resize(at); break;
      case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(random, 8))); break;
      case 2: bytes[at] = static_cast<char>(random()); break;
      case 3: bytes.insert(at, 1, static_cast<char>(random())); break;
      default: bytes.erase(at, 1);
    }
  }
  return bytes;
}

}  // namespace pulseal::testing
