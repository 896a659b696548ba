// SPDX-License-Identifier: Apache-2.0
//
// The fields of Pulsar's MessageMetadata, by number, name and HTTP header.
#ifndef PULSEAL_TOOLS_METADATA_SCHEMA_H_
#define PULSEAL_TOOLS_METADATA_SCHEMA_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace pulseal::tools {

struct FieldSchema {
  enum class Kind { kText, kBytes, kNumber, kSigned, kBool, kTime, kCompression, kMessage };

  uint32_t number;
  const char* name;
  Kind kind;
  const char* header;                    // behind "X-Pulsar-" in the answer to a peek; null: it isn't there
  absl::Span<const FieldSchema> nested;  // kMessage: its own fields
};

absl::Span<const FieldSchema> MetadataSchema();

// Null where `fields` has no such number.
const FieldSchema* FindField(absl::Span<const FieldSchema> fields, uint32_t number);

// "none", "lz4", ...; "unknown" for a number that Pulsar has not.
const char* CompressionName(int32_t compression);

inline constexpr uint64_t kLatestTime = 253'402'300'799'999;  // the end of the year 9999, in milliseconds since 1970

// "2026-11-22T04:00:00.000Z"; empty for a time after the latest.
std::string TimeText(uint64_t milliseconds_since_1970);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_METADATA_SCHEMA_H_
