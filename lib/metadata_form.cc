// SPDX-License-Identifier: Apache-2.0
#include "lib/metadata_form.h"

#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "lib/status.h"

namespace pulseal {
namespace {

template <typename T>
std::string_view MemoryOf(absl::Span<const T> array) {
  return {reinterpret_cast<const char*>(array.data()), array.size() * sizeof(T)};
}

bool OverlapsKey(std::string_view bytes, const WrappedKeyView& key) {
  return Overlaps(bytes, key.key_name) || Overlaps(bytes, key.bytes) || Overlaps(bytes, MemoryOf(key.metadata)) ||
         std::any_of(key.metadata.begin(), key.metadata.end(),
                     [bytes](const auto& pair) { return Overlaps(bytes, pair.first) || Overlaps(bytes, pair.second); });
}

}  // namespace

bool Scan(const MessageMetadataView& metadata, std::vector<std::string>* scratch, ScannedMetadata* scanned) {
  const size_t num_keys = std::min(metadata.keys.size(), kMostWrappedKeys);
  scanned->num_keys = num_keys;
  scanned->nonce = metadata.nonce;
  scanned->num_messages_in_batch = metadata.num_messages_in_batch;
  scanned->num_chunks = metadata.num_chunks;
  if (scratch->size() < num_keys) scratch->resize(num_keys);
  bool valid = metadata.keys.size() == num_keys;
  for (size_t i = 0; i < num_keys; ++i) {
    valid = valid && SerializeWrappedKey(metadata.keys[i], &(*scratch)[i]).ok();
    new (&scanned->keys[i]) std::string_view((*scratch)[i]);
  }
  return valid;
}

absl::Status Explain(std::string_view metadata) { return ExplainMalformed(metadata); }

absl::Status Explain(const MessageMetadataView& metadata) {
  std::string scratch;
  for (const WrappedKeyView& key : metadata.keys) {
    const absl::Status status = SerializeWrappedKey(key, &scratch);
    if (!status.ok()) return MakeStatus(status.code(), Reason::kMalformed, std::string(status.message()));
  }
  return MakeStatus(
      absl::StatusCode::kInvalidArgument, Reason::kMalformed,
      absl::StrCat("the message has ", metadata.keys.size(), " wrapped keys; ", kMostWrappedKeys, " is the most"));
}

bool Overlaps(std::string_view bytes, const MessageMetadataView& metadata) {
  return Overlaps(bytes, MemoryOf(absl::MakeConstSpan(&metadata, 1))) || Overlaps(bytes, metadata.nonce) ||
         Overlaps(bytes, MemoryOf(metadata.keys)) ||
         std::any_of(metadata.keys.begin(), metadata.keys.end(),
                     [bytes](const WrappedKeyView& key) { return OverlapsKey(bytes, key); });
}

}  // namespace pulseal
