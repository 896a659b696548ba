// SPDX-License-Identifier: Apache-2.0
//
// The two forms in which a client hands a message's metadata over, each with the same functions: serialised, or as a
// view of its own class.
#ifndef PULSEAL_LIB_METADATA_FORM_H_
#define PULSEAL_LIB_METADATA_FORM_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/buffers.h"
#include "lib/metadata_fields.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal {

// ScanMetadata for either form. `scanned` may point into `scratch`, which is only grown, so that it allocates nothing
// once warm. Where it is false the counts in `scanned` are what is known of them, and nothing else is of use.
inline bool Scan(std::string_view metadata, std::vector<std::string>* /*scratch*/, ScannedMetadata* scanned) {
  return ScanMetadata(metadata, scanned);
}
bool Scan(const MessageMetadataView& metadata, std::vector<std::string>* scratch, ScannedMetadata* scanned);

// Why Scan refused it: INVALID_ARGUMENT (kMalformed).
absl::Status Explain(std::string_view metadata);
absl::Status Explain(const MessageMetadataView& metadata);

// The key name of wrapped key `position`, in the caller's memory. `scanned` is what Scan made of it, and `place` where
// the name is inside that wrapped key.
inline std::string_view KeyNameAt(std::string_view /*metadata*/, const ScannedMetadata& scanned, size_t position,
                                  KeyNamePlace place) {
  return scanned.keys[position].substr(place.offset, place.size);
}
inline std::string_view KeyNameAt(const MessageMetadataView& metadata, const ScannedMetadata& /*scanned*/,
                                  size_t position, KeyNamePlace /*place*/) {
  return metadata.keys[position].key_name;
}

// Overlaps of buffers.h for all that the caller handed over.
bool Overlaps(std::string_view bytes, const MessageMetadataView& metadata);

}  // namespace pulseal

#endif  // PULSEAL_LIB_METADATA_FORM_H_
