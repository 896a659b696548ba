// SPDX-License-Identifier: Apache-2.0
//
// What can be told of a message from its metadata alone.
#ifndef PULSEAL_TOOLS_ENTRY_FACTS_H_
#define PULSEAL_TOOLS_ENTRY_FACTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace pulseal::tools {

// Pointing into the metadata.
struct EntryFacts {
  std::vector<std::string_view> wrapped_keys;  // each field 13, tag included
  std::string_view producer_name, nonce, chunk_uuid;
  uint64_t sequence_id = 0, publish_time = 0;
  std::optional<int32_t> num_messages_in_batch;
  int32_t num_chunks = 0, chunk_id = 0, compression = 0;
  uint32_t uncompressed_size = 0;

  bool encrypted() const { return !wrapped_keys.empty(); }
  bool is_chunk() const { return num_chunks > 1; }
  // Messages that begin with this entry: none with a later chunk.
  uint64_t messages() const;
};

// Fills `facts`, keeping its memory. False where the metadata is malformed; ParseEncryptionContext says why.
bool ReadFacts(std::string_view metadata, EntryFacts& facts);

// What is wrong with the encryption of a message whose metadata parses: OK where nothing is, or it isn't encrypted. Only
// the private key's holder can tell more.
absl::Status CheckEncryption(const EntryFacts& facts, uint64_t payload_size);

// How a data key was wrapped, as far as the result's size and first byte tell.
struct Wrapping {
  std::string scheme;    // "RSA-OAEP", "ECIES" or "unknown"
  std::string key_type;  // "rsa-2048", "p-256", ...; empty where it is unknown
};
Wrapping GuessWrapping(std::string_view wrapped_key);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_ENTRY_FACTS_H_
