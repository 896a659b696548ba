// SPDX-License-Identifier: Apache-2.0
#include "lib/metadata_fields.h"

#include <new>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/status.h"
#include "lib/wire.h"

namespace pulseal {
namespace {

using wire::Tag;

// EncryptionKeys and KeyValue.
constexpr uint32_t kName = Tag(1, wire::kBytes), kValue = Tag(2, wire::kBytes), kKeyMetadata = Tag(3, wire::kBytes);

// The words of a FieldReader's problems have no numbers put into them.
static_assert(kMaxMetadataSize == size_t{5} << 20 && kMaxEncryptionKeysSize == size_t{16} << 10 &&
                  kMostWrappedKeys == 64 && kMaxKeyMetadataPairs == 32,
              "say the new limit in ReadFields, ParseWrappedKey and framing/");

using Pair = std::pair<std::string_view, std::string_view>;

void Clear(ScannedMetadata* scanned) {
  scanned->num_keys = 0;
  scanned->nonce = {};
  scanned->num_messages_in_batch.reset();
  scanned->num_chunks = scanned->chunk_id = 0;
}

// Inlined, so that the reader stays in registers: after the cipher this is most of what a consumer pays.
[[gnu::always_inline]] inline wire::FieldReader ReadFields(std::string_view metadata, ScannedMetadata* scanned) {
  Clear(scanned);
  wire::FieldReader fields(metadata);
  if (metadata.size() > kMaxMetadataSize) fields.Fail("the metadata is over 5 MiB");
  while (fields.Next()) {
    switch (fields.tag()) {
      case Tag(13, wire::kBytes): {
        const std::string_view key = fields.Bytes();
        if (key.size() > kMaxEncryptionKeysSize) fields.Fail("the wrapped key is over 16 KiB");
        if (scanned->num_keys == kMostWrappedKeys) fields.Fail("there are more than 64 wrapped keys");
        if (fields.ok()) new (&scanned->keys[scanned->num_keys++]) std::string_view(key);
        break;
      }
      case Tag(15, wire::kBytes): scanned->nonce = fields.Bytes(); break;
      case Tag(11, wire::kVarint): scanned->num_messages_in_batch = fields.Int32(); break;
      case Tag(27, wire::kVarint): scanned->num_chunks = fields.Int32(); break;
      case Tag(29, wire::kVarint): scanned->chunk_id = fields.Int32(); break;
      default: fields.Skip();
    }
  }
  return fields;
}

absl::StatusOr<Pair> ParsePair(std::string_view message) {
  std::optional<std::string_view> name, value;
  wire::FieldReader fields(message, 2);
  while (fields.Next()) {
    switch (fields.tag()) {
      case kName: name = fields.Bytes(); break;
      case kValue: value = fields.Bytes(); break;
      default: fields.Skip();
    }
  }
  if (!fields.ok()) return fields.status("a pair of a wrapped key's metadata");
  if (!name.has_value() || !value.has_value()) {
    return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                      "a pair of a wrapped key's metadata has no name or no value");
  }
  return Pair(*name, *value);
}

// Empty where the key is within the limits.
template <typename Pairs>
std::string OverLimit(std::string_view key_name, std::string_view bytes, const Pairs& metadata) {
  if (key_name.size() > kMaxKeyNameSize) return absl::StrCat("a key name is over ", kMaxKeyNameSize, " bytes");
  size_t size = 0;
  for (const auto& [name, value] : metadata) size += name.size() + value.size();
  std::string problem;
  if (bytes.size() > kMaxWrappedKeySize) problem = absl::StrCat("its bytes are over ", kMaxWrappedKeySize);
  if (metadata.size() > kMaxKeyMetadataPairs)
    problem = absl::StrCat("its metadata is over ", kMaxKeyMetadataPairs, " pairs");
  if (size > kMaxKeyMetadataSize) problem = absl::StrCat("its metadata is over ", kMaxKeyMetadataSize, " bytes");
  return problem.empty() ? problem : absl::StrCat("wrapped key for ", Quoted(key_name), ": ", problem);
}

template <typename Pairs>
void AppendEncryptionKeys(std::string_view key_name, std::string_view bytes, const Pairs& metadata, std::string* out) {
  wire::AppendBytesField(1, key_name, out);
  wire::AppendBytesField(2, bytes, out);
  for (const auto& [name, value] : metadata) {
    wire::AppendVarint(kKeyMetadata, out);
    wire::AppendVarint(wire::BytesFieldSize(1, name.size()) + wire::BytesFieldSize(2, value.size()), out);
    wire::AppendBytesField(1, name, out);
    wire::AppendBytesField(2, value, out);
  }
}

}  // namespace

bool ScanMetadata(std::string_view metadata, ScannedMetadata* scanned) {
  if (ReadFields(metadata, scanned).ok()) return true;
  Clear(scanned);
  return false;
}

absl::Status ExplainMalformed(std::string_view metadata) {
  ScannedMetadata scanned;
  return ReadFields(metadata, &scanned).status("message metadata");
}

std::string_view KeyNameOf(std::string_view encryption_keys) {
  std::string_view name;
  wire::FieldReader fields(encryption_keys, 1);
  while (fields.Next()) {
    if (fields.tag() == kName) {
      name = fields.Bytes();
      continue;
    }
    fields.Skip();
  }
  return fields.ok() ? name : std::string_view();
}

KeyNamePlace KeyNamePlaceIn(std::string_view encryption_keys) {
  const std::string_view name = KeyNameOf(encryption_keys);
  if (name.empty()) return {};
  return {static_cast<size_t>(name.data() - encryption_keys.data()), name.size()};
}

absl::StatusOr<WrappedKey> ParseWrappedKey(std::string_view encryption_keys) {
  std::optional<std::string_view> name, bytes;
  std::vector<Pair> metadata;
  wire::FieldReader fields(encryption_keys, 1);
  while (fields.Next()) {
    switch (fields.tag()) {
      case kName: name = fields.Bytes(); break;
      case kValue: bytes = fields.Bytes(); break;
      case kKeyMetadata: {
        if (metadata.size() == kMaxKeyMetadataPairs) fields.Fail("its metadata has more than 32 pairs");
        absl::StatusOr<Pair> pair = ParsePair(fields.Bytes());
        if (fields.ok() && !pair.ok()) return pair.status();
        if (pair.ok()) metadata.push_back(*pair);
        break;
      }
      default: fields.Skip();
    }
  }
  if (!fields.ok()) return fields.status("a wrapped key (field 13)");
  if (!name.has_value() || !bytes.has_value()) {
    return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                      "a wrapped key (field 13) has no key name or no bytes");
  }
  const std::string problem = OverLimit(*name, *bytes, metadata);
  if (!problem.empty()) return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed, problem);
  WrappedKey key{std::string(*name), std::string(*bytes), {}};
  // Where a name comes twice the last one counts, as in the official C++ client.
  for (const auto& [pair_name, value] : metadata) key.metadata[std::string(pair_name)] = std::string(value);
  return key;
}

absl::Status SerializeWrappedKey(const WrappedKeyView& key, std::string* out) {
  const std::string problem = OverLimit(key.key_name, key.bytes, key.metadata);
  if (!problem.empty()) return Misuse(problem);
  out->clear();  // keeps its capacity: a consumer does this for each message that comes as a view
  AppendEncryptionKeys(key.key_name, key.bytes, key.metadata, out);
  return absl::OkStatus();
}

void AppendWrappedKey(const WrappedKey& key, std::string* out) {
  std::string message;
  AppendEncryptionKeys(key.key_name, key.bytes, key.metadata, &message);
  wire::AppendBytesField(13, message, out);
}

absl::StatusOr<std::string> SerializeWrappedKeys(absl::Span<const WrappedKey> keys) {
  if (keys.empty() || keys.size() > kMostWrappedKeys) {
    return Misuse(absl::StrCat(keys.size(), " wrapped keys for a message; it takes 1 to ", kMostWrappedKeys));
  }
  std::string fields;
  for (const WrappedKey& key : keys) {
    const std::string problem = OverLimit(key.key_name, key.bytes, key.metadata);
    if (!problem.empty()) return Misuse(problem);
    AppendWrappedKey(key, &fields);
  }
  return fields;
}

absl::StatusOr<std::string> SerializeFieldsWithoutNonce(absl::Span<const WrappedKey> keys) {
  absl::StatusOr<std::string> fields = SerializeWrappedKeys(keys);
  if (fields.ok()) wire::AppendBytesField(15, std::string(kNonceSize, '\0'), &*fields);
  return fields;
}

}  // namespace pulseal
