// SPDX-License-Identifier: Apache-2.0
//
// The part of Pulsar's MessageMetadata that decryption needs, as bytes. Protocol Buffers' encoding (proto2):
//
// clang-format off
//   metadata          = *field                      ; any order; of a scalar that comes twice the last one counts
//   field             = producer-name / sequence-id / publish-time / compression / uncompressed-size / batch-size
//                       / encryption-keys / algorithm / nonce / chunk-uuid / num-chunks / total-size / chunk-id
//                       / other
//   producer-name     = %x0A string                 ;  1, required
//   sequence-id       = %x10 varint                 ;  2, required, uint64
//   publish-time      = %x18 varint                 ;  3, required, uint64, milliseconds since 1970
//   compression       = %x40 varint                 ;  8, NONE 0, LZ4 1, ZLIB 2, ZSTD 3, SNAPPY 4
//   uncompressed-size = %x48 varint                 ;  9, uint32
//   batch-size        = %x58 varint                 ; 11, int32: num_messages_in_batch
//   encryption-keys   = %x6A length key             ; 13, one for each key name; any: the message is encrypted
//   key               = name wrapped *pair
//   name              = %x0A string                 ;     the key name
//   wrapped           = %x12 string                 ;     the data key, wrapped
//   pair              = %x1A length %x0A string %x12 string  ; the key's metadata, in clear and unauthenticated
//   algorithm         = %x72 string                 ; 14, no client sets or reads it
//   nonce             = %x7A string                 ; 15, encryption_param: 12 bytes
//   chunk-uuid        = %xD2.01 string              ; 26
//   num-chunks        = %xD8.01 varint              ; 27, int32
//   total-size        = %xE0.01 varint              ; 28, int32: total_chunk_msg_size
//   chunk-id          = %xE8.01 varint              ; 29, int32
//   other             = tag (varint / string / fixed32 / fixed64 / group)  ; skipped, kept by ReplaceWrappedKeys
//   string            = length *OCTET
//   length            = varint                      ; of what follows, in bytes
//   varint            = *9(%x80-FF) %x00-7F         ; groups of seven bits, the least significant first; a negative
//                                                   ; int32 is extended to 64 bits
// clang-format on
#include "pulseal/encryption_metadata.h"

#include "absl/strings/str_cat.h"
#include "lib/metadata_fields.h"
#include "lib/status.h"
#include "lib/wire.h"

namespace pulseal {
namespace {

using wire::Tag;

void AppendInt32Field(uint32_t field, int32_t value, std::string* out) {
  wire::AppendVarintField(field, static_cast<uint64_t>(int64_t{value}), out);
}

void AppendUnlessEmpty(uint32_t field, std::string_view bytes, std::string* out) {
  if (!bytes.empty()) wire::AppendBytesField(field, bytes, out);
}

// What ScanMetadata, which accepted `metadata`, left aside.
void ReadRest(std::string_view metadata, EncryptionContext* context) {
  wire::FieldReader fields(metadata);
  while (fields.Next()) {
    switch (fields.tag()) {
      case Tag(1, wire::kBytes): context->producer_name = fields.Bytes(); break;
      case Tag(2, wire::kVarint): context->sequence_id = fields.Varint(); break;
      case Tag(3, wire::kVarint): context->publish_time = fields.Varint(); break;
      case Tag(8, wire::kVarint): context->compression = fields.Int32(); break;
      case Tag(9, wire::kVarint): context->uncompressed_size = static_cast<uint32_t>(fields.Varint()); break;
      case Tag(14, wire::kBytes): context->algorithm = fields.Bytes(); break;
      case Tag(26, wire::kBytes): context->chunk_uuid = fields.Bytes(); break;
      case Tag(28, wire::kVarint): context->total_chunk_size = fields.Int32(); break;
      default: fields.Skip();
    }
  }
}

absl::Status Error(Reason reason, std::string_view message) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, reason, message);
}

}  // namespace

std::string EncryptionContext::Serialize() const {
  std::string metadata;
  wire::AppendBytesField(1, producer_name, &metadata);
  wire::AppendVarintField(2, sequence_id, &metadata);
  wire::AppendVarintField(3, publish_time, &metadata);
  if (compression != 0) AppendInt32Field(8, compression, &metadata);
  // Always, because a Go consumer takes a message without it for an empty one.
  wire::AppendVarintField(9, uncompressed_size, &metadata);
  if (num_messages_in_batch.has_value()) AppendInt32Field(11, *num_messages_in_batch, &metadata);
  for (const WrappedKey& key : keys) AppendWrappedKey(key, &metadata);
  AppendUnlessEmpty(14, algorithm, &metadata);
  AppendUnlessEmpty(15, nonce, &metadata);
  AppendUnlessEmpty(26, chunk_uuid, &metadata);
  if (num_chunks != 0 || total_chunk_size != 0 || chunk_id != 0) {
    AppendInt32Field(27, num_chunks, &metadata);
    AppendInt32Field(28, total_chunk_size, &metadata);
    AppendInt32Field(29, chunk_id, &metadata);
  }
  return metadata;
}

absl::StatusOr<EncryptionContext> ParseEncryptionContext(std::string_view metadata) {
  ScannedMetadata scanned;
  if (!ScanMetadata(metadata, &scanned)) return ExplainMalformed(metadata);
  EncryptionContext context;
  for (const std::string_view encryption_keys : scanned.wrapped_keys()) {
    absl::StatusOr<WrappedKey> key = ParseWrappedKey(encryption_keys);
    if (!key.ok()) {
      return Prefixed(absl::StrCat("the bytes of field 13 at offset ", encryption_keys.data() - metadata.data()),
                      key.status());
    }
    context.keys.push_back(*std::move(key));
  }
  context.nonce = scanned.nonce;
  context.num_messages_in_batch = scanned.num_messages_in_batch;
  context.num_chunks = scanned.num_chunks;
  context.chunk_id = scanned.chunk_id;
  ReadRest(metadata, &context);
  return context;
}

absl::StatusOr<std::string> ReplaceWrappedKeys(std::string_view metadata, absl::Span<const WrappedKey> keys) {
  ScannedMetadata scanned;
  if (!ScanMetadata(metadata, &scanned)) return ExplainMalformed(metadata);
  // Keys beside a plaintext would make every consumer take it for ciphertext.
  if (!scanned.encrypted())
    return Error(Reason::kNotEncrypted, "no wrapped key to replace: the message isn't encrypted");
  absl::StatusOr<std::string> wrapped_keys = SerializeWrappedKeys(keys);
  if (!wrapped_keys.ok()) return wrapped_keys.status();

  std::string replaced;
  wire::FieldReader fields(metadata);
  while (fields.Next()) {
    fields.Skip();
    const bool is_key = fields.tag() == Tag(13, wire::kBytes);
    replaced.append(is_key ? std::string_view(*wrapped_keys) : fields.field());
    if (is_key) wrapped_keys->clear();  // all of them stand where the first one stood
  }
  if (replaced.size() > kMaxMetadataSize) return Error(Reason::kMisuse, "with these keys the metadata is over 5 MiB");
  return replaced;
}

}  // namespace pulseal
