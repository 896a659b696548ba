// SPDX-License-Identifier: Apache-2.0
//
// The topic file: an append-only log of stored entries. docs/topic-file.md has the whole of it; in short:
//
//   topic-file = file-header record*
//   file-header = "pulseal-topic 1" LF                    (16 bytes)
//   record      = marker length checksum entry
//   marker      = F5 50 54 52
//   length      = uint32, big-endian                      (bytes of entry, 1 to kMaxStoredEntrySize)
//   checksum    = uint32, big-endian                      (CRC32C of marker, length and the record's offset as uint64)
//   entry       = a stored entry, which has a checksum of its own
//
// A record's head vouches for its length and place by itself. So a whole head with too little behind it is an append
// that was cut short, and anything that isn't a head where one should be is damage: one can't pass for the other.
#ifndef PULSEAL_TOOLS_TOPIC_FILE_H_
#define PULSEAL_TOOLS_TOPIC_FILE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pulseal::tools {

inline constexpr std::string_view kTopicFileHeader = "pulseal-topic 1\n";
inline constexpr std::string_view kRecordMarker = "\xF5PTR";
inline constexpr size_t kRecordHeadSize = 12;
inline constexpr size_t kMaxStoredEntrySize = 64 * 1024 * 1024;

// Writes the head of the record at `offset`, whose entry has `entry_size` bytes, to the kRecordHeadSize bytes at
// `head`.
void WriteRecordHead(uint64_t offset, size_t entry_size, char* head);

// The entry's size where `bytes` begins with the head of a record at `offset`; nothing otherwise, nor where there are
// fewer than kRecordHeadSize bytes.
std::optional<size_t> ReadRecordHead(uint64_t offset, std::string_view bytes);

// Whether `bytes`, fewer than kRecordHeadSize, may be the beginning of a head.
bool MayBeginRecordHead(std::string_view bytes);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_TOPIC_FILE_H_
