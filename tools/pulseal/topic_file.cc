// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/topic_file.h"

#include <endian.h>
#include <isa-l/crc.h>

#include <algorithm>
#include <cstring>

namespace pulseal::tools {
namespace {

constexpr size_t kLengthAt = 4, kChecksumAt = 8;

uint32_t Read32(const char* at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return be32toh(value);
}

void Write32(uint32_t value, char* at) {
  value = htobe32(value);
  memcpy(at, &value, sizeof value);
}

// With the offset, a head is good in one place only: neither bytes of a message that look like a record nor a block
// that the file system put back in the wrong place can pass for one.
uint32_t HeadChecksum(uint64_t offset, const char* head) {
  unsigned char covered[kChecksumAt + sizeof offset];
  memcpy(covered, head, kChecksumAt);
  offset = htobe64(offset);
  memcpy(covered + kChecksumAt, &offset, sizeof offset);
  return crc32_iscsi(covered, sizeof covered, 0xffffffff) ^ 0xffffffff;
}

bool IsEntrySize(uint32_t size) { return size >= 1 && size <= kMaxStoredEntrySize; }

}  // namespace

void WriteRecordHead(uint64_t offset, size_t entry_size, char* head) {
  memcpy(head, kRecordMarker.data(), kRecordMarker.size());
  Write32(static_cast<uint32_t>(entry_size), head + kLengthAt);
  Write32(HeadChecksum(offset, head), head + kChecksumAt);
}

std::optional<size_t> ReadRecordHead(uint64_t offset, std::string_view bytes) {
  if (bytes.size() < kRecordHeadSize || bytes.substr(0, kRecordMarker.size()) != kRecordMarker) return std::nullopt;
  const uint32_t size = Read32(bytes.data() + kLengthAt);
  if (!IsEntrySize(size) || Read32(bytes.data() + kChecksumAt) != HeadChecksum(offset, bytes.data()))
    return std::nullopt;
  return size;
}

bool MayBeginRecordHead(std::string_view bytes) {
  const size_t marker_size = std::min(bytes.size(), kRecordMarker.size());
  if (bytes.substr(0, marker_size) != kRecordMarker.substr(0, marker_size)) return false;
  return bytes.size() < kChecksumAt || IsEntrySize(Read32(bytes.data() + kLengthAt));
}

}  // namespace pulseal::tools
