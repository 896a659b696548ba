// SPDX-License-Identifier: Apache-2.0
#include "tests/support/protobuf/metadata_oracle.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "lib/metadata_fields.h"
#include "lib/wire.h"
#include "tests/support/protobuf/metadata_shell.pb.h"

namespace pulseal::testing {
namespace {

constexpr uint64_t kKeyMetadata = 3;  // of EncryptionKeys: its field of messages

enum Type : uint64_t { kVarint, kFixed64, kBytes, kStartGroup, kEndGroup, kFixed32 };

// Whether a field of `message`, which protobuf parses, has a tag over 32 bits, in groups too; and in the messages that
// are its fields `nested`. Protobuf cuts such a tag, wherever it reads fields, and the library refuses it.
bool HasTagOver32Bits(std::string_view message, uint64_t nested = 0) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(message.data()),
                                            static_cast<int>(message.size()));
  int groups = 0;
  for (uint64_t tag = 0, ignored = 0; in.ReadVarint64(&tag);) {
    if (tag > UINT32_MAX) return true;
    uint32_t size = 0;
    switch (tag & 7) {
      case kVarint: in.ReadVarint64(&ignored); break;
      case kFixed64: in.Skip(8); break;
      case kFixed32: in.Skip(4); break;
      case kStartGroup: ++groups; break;
      case kEndGroup: --groups; break;
      case kBytes:
        in.ReadVarint32(&size);
        const std::string_view content = message.substr(static_cast<size_t>(in.CurrentPosition()), size);
        if (groups == 0 && tag >> 3 == nested && HasTagOver32Bits(content)) return true;
        in.Skip(static_cast<int>(size));
    }
  }
  return false;
}

bool WithinScanLimits(std::string_view metadata, const MetadataShell& shell) {
  const auto& keys = shell.encryption_keys();
  return metadata.size() <= kMaxMetadataSize && static_cast<size_t>(keys.size()) <= kMostWrappedKeys &&
         std::all_of(keys.begin(), keys.end(),
                     [](const std::string& key) { return key.size() <= kMaxEncryptionKeysSize; });
}

bool WithinKeyLimits(const WrappedKeyShell::EncryptionKeys& key) {
  size_t metadata_size = 0;
  for (const auto& pair : key.metadata()) metadata_size += pair.key().size() + pair.value().size();
  return key.key().size() <= kMaxKeyNameSize && key.value().size() <= kMaxWrappedKeySize &&
         static_cast<size_t>(key.metadata_size()) <= kMaxKeyMetadataPairs && metadata_size <= kMaxKeyMetadataSize;
}

bool Complete(const WrappedKeyShell::EncryptionKeys& key) {
  return key.has_key() && key.has_value() &&
         std::all_of(key.metadata().begin(), key.metadata().end(),
                     [](const auto& pair) { return pair.has_key() && pair.has_value(); });
}

std::string DifferenceInKey(std::string_view encryption_keys) {
  // Inside a message, because what surrounds a group counts against its depth.
  std::string around;
  wire::AppendBytesField(13, encryption_keys, &around);
  WrappedKeyShell shell;
  const bool parses = shell.ParseFromString(around);
  const WrappedKeyShell::EncryptionKeys& expected = shell.encryption_keys();
  const absl::StatusOr<WrappedKey> key = ParseWrappedKey(encryption_keys);
  if (key.ok() !=
      (parses && Complete(expected) && WithinKeyLimits(expected) && !HasTagOver32Bits(encryption_keys, kKeyMetadata))) {
    return absl::StrCat("ParseWrappedKey: ", key.status().ToString(), ", protobuf: ", parses);
  }
  if (!key.ok()) return "";
  KeyMetadata metadata;
  for (const auto& pair : expected.metadata()) metadata[pair.key()] = pair.value();
  if (key->key_name != expected.key() || KeyNameOf(encryption_keys) != expected.key()) return "key names differ";
  if (key->bytes != expected.value()) return "wrapped bytes differ";
  return key->metadata == metadata ? "" : "key metadata differs";
}

std::string DifferenceInValues(const ScannedMetadata& scanned, const MetadataShell& expected) {
  if (scanned.num_messages_in_batch.has_value() != expected.has_num_messages_in_batch())
    return "batch presence differs";
  if (scanned.num_messages_in_batch.value_or(1) !=
      (expected.has_num_messages_in_batch() ? expected.num_messages_in_batch() : 1)) {
    return "num_messages_in_batch differs";
  }
  if (scanned.num_chunks != expected.num_chunks_from_msg()) return "num_chunks differs";
  if (scanned.chunk_id != expected.chunk_id()) return "chunk_id differs";
  if (scanned.nonce != expected.encryption_param()) return "nonce differs";
  const auto keys = scanned.wrapped_keys();
  const bool same =
      std::equal(keys.begin(), keys.end(), expected.encryption_keys().begin(), expected.encryption_keys().end());
  return same ? "" : "wrapped keys differ";
}

}  // namespace

std::string DifferenceFromProtobuf(std::string_view metadata) {
  // On the heap and exactly as large, so that a sanitizer sees a read past the end.
  const std::unique_ptr<char[]> copy(new char[metadata.size()]);
  std::copy(metadata.begin(), metadata.end(), copy.get());
  metadata = std::string_view(copy.get(), metadata.size());

  MetadataShell shell;
  const bool parses = shell.ParseFromArray(metadata.data(), static_cast<int>(metadata.size()));
  ScannedMetadata scanned;
  const bool accepted = ScanMetadata(metadata, &scanned);
  const absl::Status explained = ExplainMalformed(metadata);
  if (accepted != explained.ok())
    return absl::StrCat("ScanMetadata and ExplainMalformed differ: ", explained.ToString());
  if (accepted != (parses && WithinScanLimits(metadata, shell) && !HasTagOver32Bits(metadata)))
    return absl::StrCat("ScanMetadata: ", explained.ToString(), ", protobuf: ", parses);
  if (!accepted) return "";
  std::string difference = DifferenceInValues(scanned, shell);
  for (const std::string_view key : scanned.wrapped_keys()) {
    if (difference.empty()) difference = DifferenceInKey(key);
  }
  return difference;
}

}  // namespace pulseal::testing
