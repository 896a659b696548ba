// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/entry_facts.h"

#include "absl/strings/str_cat.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/field.h"

namespace pulseal::tools {
namespace {

using framing::FieldView;

void ReadBytes(const FieldView& field, EntryFacts& facts) {
  switch (field.number) {
    case 1: facts.producer_name = field.content; break;
    case 13: facts.wrapped_keys.push_back(field.bytes); break;
    case 15: facts.nonce = field.content; break;
    case 26: facts.chunk_uuid = field.content; break;
    default: break;
  }
}

void ReadNumber(const FieldView& field, EntryFacts& facts) {
  // An int32 travels as 64 bits; protobuf cuts them.
  const auto int32 = static_cast<int32_t>(static_cast<uint32_t>(field.value));
  switch (field.number) {
    case 2: facts.sequence_id = field.value; break;
    case 3: facts.publish_time = field.value; break;
    case 8: facts.compression = int32; break;
    case 9: facts.uncompressed_size = static_cast<uint32_t>(field.value); break;
    case 11: facts.num_messages_in_batch = int32; break;
    case 27: facts.num_chunks = int32; break;
    case 29: facts.chunk_id = int32; break;
    default: break;
  }
}

// A point of `field_size` on its curve, a data key of 16, 24 or 32 bytes, a tag of HMAC-SHA-1.
bool IsEcies(std::string_view wrapped_key, size_t field_size, size_t data_key_size) {
  const char form = wrapped_key.empty() ? '\0' : wrapped_key[0];
  const bool is_compressed = form == 2 || form == 3;
  if (!is_compressed && form != 4 && form != 6 && form != 7) return false;
  return wrapped_key.size() == 1 + (is_compressed ? 1 : 2) * field_size + data_key_size + 20;
}

}  // namespace

uint64_t EntryFacts::messages() const {
  if (is_chunk()) return chunk_id == 0 ? 1 : 0;
  return num_messages_in_batch.value_or(1) > 1 ? static_cast<uint64_t>(*num_messages_in_batch) : 1;
}

bool ReadFacts(std::string_view metadata, EntryFacts& facts) {
  std::vector<std::string_view> memory = std::move(facts.wrapped_keys);
  memory.clear();
  facts = EntryFacts();
  facts.wrapped_keys = std::move(memory);
  FieldView field;
  while (framing::TakeField(&metadata, &field)) {
    if (field.type == FieldView::Type::kBytes) ReadBytes(field, facts);
    if (field.type == FieldView::Type::kVarint) ReadNumber(field, facts);
  }
  return metadata.empty();
}

absl::Status CheckEncryption(const EntryFacts& facts, uint64_t payload_size) {
  if (!facts.encrypted()) return absl::OkStatus();
  if (facts.nonce.size() != kNonceSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("its nonce (field 15) has ", facts.nonce.size(), " bytes instead of ", kNonceSize));
  }
  if (payload_size < kTagSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("its payload has ", payload_size, " bytes, fewer than the tag alone (", kTagSize, ")"));
  }
  return absl::OkStatus();
}

Wrapping GuessWrapping(std::string_view wrapped_key) {
  static constexpr struct {
    const char* key_type;
    size_t field_size;
  } kCurves[] = {{"p-256", 32}, {"p-384", 48}, {"p-521", 66}};
  for (const size_t data_key_size : {32, 24, 16}) {
    for (const auto& curve : kCurves) {
      if (IsEcies(wrapped_key, curve.field_size, data_key_size)) return {"ECIES", curve.key_type};
    }
  }
  // As long as the modulus, of which every usual one has a multiple of 64 bits.
  const size_t size = wrapped_key.size();
  if (size >= 128 && size % 8 == 0) return {"RSA-OAEP", absl::StrCat("rsa-", size * 8)};
  return {"unknown", ""};
}

}  // namespace pulseal::tools
