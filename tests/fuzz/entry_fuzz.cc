// SPDX-License-Identifier: Apache-2.0
//
// A stored entry, once as it comes and once with its checksum made right: what parses is built again to the same bytes,
// and its metadata survives rewriting.
#include "lib/framing/crc32c.h"
#include "pulseal/framing/entry.h"
#include "pulseal/framing/message_metadata.h"
#include "tests/fuzz/fuzz.h"

namespace pulseal::framing {
namespace {

std::string WithRightChecksum(std::string entry) {
  if (entry.size() < kEntryHeaderSize) return entry;
  const uint32_t checksum = Crc32c(std::string_view(entry).substr(6));
  for (size_t i = 0; i < 4; ++i) entry[2 + i] = static_cast<char>(checksum >> (24 - 8 * i));
  return entry;
}

void CheckMetadata(std::string_view bytes) {
  const absl::StatusOr<MessageMetadata> metadata = ParseMessageMetadata(bytes);
  if (!metadata.ok()) return;
  const std::string rewritten = metadata->Serialize();
  const absl::StatusOr<MessageMetadata> again = ParseMessageMetadata(rewritten);
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->properties == metadata->properties);
  FUZZ_CHECK(again->other_fields == metadata->other_fields);
  FUZZ_CHECK(again->Serialize() == rewritten);
}

void CheckEntry(std::string_view entry) {
  const absl::StatusOr<EntryView> view = ParseEntry(entry);
  if (!view.ok()) return;
  std::string built;
  FUZZ_CHECK(AppendEntry(view->metadata, "", view->payload, &built).ok());
  FUZZ_CHECK(built == entry);
  CheckMetadata(view->metadata);
}

}  // namespace
}  // namespace pulseal::framing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view entry(reinterpret_cast<const char*>(data), size);
  pulseal::framing::CheckEntry(entry);
  pulseal::framing::CheckEntry(pulseal::framing::WithRightChecksum(std::string(entry)));
  return 0;
}
