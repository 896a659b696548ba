// SPDX-License-Identifier: Apache-2.0
//
// An encryption context is protobuf's view of the metadata, survives a round trip, and replacing its keys changes
// nothing else.
#include <algorithm>
#include <tuple>

#include "proto/pulsar_metadata.pb.h"
#include "pulseal/encryption_metadata.h"
#include "tests/fuzz/fuzz.h"

namespace pulseal {
namespace {

auto WithoutKeys(const EncryptionContext& context) {
  return std::tie(context.nonce, context.algorithm, context.producer_name, context.chunk_uuid, context.sequence_id,
                  context.publish_time, context.num_messages_in_batch, context.num_chunks, context.chunk_id,
                  context.total_chunk_size, context.compression, context.uncompressed_size);
}

bool SameKeys(const std::vector<WrappedKey>& a, const std::vector<WrappedKey>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const WrappedKey& x, const WrappedKey& y) {
    return std::tie(x.key_name, x.bytes, x.metadata) == std::tie(y.key_name, y.bytes, y.metadata);
  });
}

void CheckAgainstProtobuf(std::string_view metadata, const EncryptionContext& context) {
  proto::MessageMetadata message;
  // It looks into properties too, which the context doesn't.
  if (!message.ParsePartialFromArray(metadata.data(), static_cast<int>(metadata.size()))) return;
  FUZZ_CHECK(context.keys.size() == static_cast<size_t>(message.encryption_keys_size()));
  FUZZ_CHECK(context.nonce == message.encryption_param());
  FUZZ_CHECK(context.algorithm == message.encryption_algo());
  FUZZ_CHECK(context.producer_name == message.producer_name());
  FUZZ_CHECK(context.chunk_uuid == message.uuid());
  FUZZ_CHECK(context.sequence_id == message.sequence_id());
  FUZZ_CHECK(context.publish_time == message.publish_time());
  FUZZ_CHECK(context.num_messages_in_batch.has_value() == message.has_num_messages_in_batch());
  FUZZ_CHECK(context.num_messages_in_batch.value_or(1) == message.num_messages_in_batch());
  FUZZ_CHECK(context.num_chunks == message.num_chunks_from_msg());
  FUZZ_CHECK(context.chunk_id == message.chunk_id());
  FUZZ_CHECK(context.total_chunk_size == message.total_chunk_msg_size());
  FUZZ_CHECK(context.compression == message.compression());
  FUZZ_CHECK(context.uncompressed_size == message.uncompressed_size());
}

void CheckReplacement(std::string_view metadata, const EncryptionContext& context) {
  const std::vector<WrappedKey> keys = {{"new", "wrapped", {{"version", "2"}}}};
  const absl::StatusOr<std::string> replaced = ReplaceWrappedKeys(metadata, keys);
  FUZZ_CHECK(replaced.ok() == !context.keys.empty());
  if (!replaced.ok()) return;
  const absl::StatusOr<EncryptionContext> again = ParseEncryptionContext(*replaced);
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(SameKeys(again->keys, keys));
  FUZZ_CHECK(WithoutKeys(*again) == WithoutKeys(context));
}

}  // namespace
}  // namespace pulseal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view metadata(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<pulseal::EncryptionContext> context = pulseal::ParseEncryptionContext(metadata);
  if (!context.ok()) return 0;
  const absl::StatusOr<pulseal::EncryptionContext> again = pulseal::ParseEncryptionContext(context->Serialize());
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(pulseal::WithoutKeys(*again) == pulseal::WithoutKeys(*context));
  FUZZ_CHECK(pulseal::SameKeys(again->keys, context->keys));
  pulseal::CheckAgainstProtobuf(metadata, *context);
  pulseal::CheckReplacement(metadata, *context);
  return 0;
}
