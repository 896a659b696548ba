// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_MADE_MESSAGE_H_
#define PULSEAL_TESTS_SUPPORT_MADE_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pulseal/encryption_metadata.h"
#include "pulseal/key_wrapper.h"

namespace pulseal::testing {

// A message as a producer would make it, field by field, so that a test can make it wrong in one of them.
struct MadeMessage {
  std::vector<WrappedKey> keys;
  std::string nonce = "twelve bytes";
  std::string payload;  // ciphertext and tag
  std::optional<int32_t> num_messages_in_batch;
  int32_t num_chunks = 0, chunk_id = 0;

  // Serialised as the official clients do, with the fields that they require.
  std::string metadata() const;
};

// `plaintext` as ciphertext and tag, under a data key of 16, 24 or 32 bytes and a nonce of 12.
std::string SealPayload(std::string_view plaintext, std::string_view data_key, std::string_view nonce);

// The same by somebody who knows the first of the data keys that FakeKeyWrapper has wrapped in `metadata`, as all do who have
// a public key; nothing where that, or the nonce, is of no use.
std::optional<std::string> SealPayloadFor(std::string_view metadata, std::string_view plaintext);

// `plaintext` sealed with `data_key` (16, 24 or 32 bytes) and wrapped for each of `key_names` as FakeKeyWrapper does.
MadeMessage Seal(std::string_view plaintext, const std::vector<std::string>& key_names,
                 std::string_view data_key = "a data key that has 32 bytes ...");

// A MadeMessage's metadata as a client's own class would hand it over; points into it.
class ViewOf {
 public:
  explicit ViewOf(const MadeMessage& message);
  const MessageMetadataView& view() const { return view_; }

 private:
  std::vector<std::vector<std::pair<std::string_view, std::string_view>>> key_metadata_;
  std::vector<WrappedKeyView> keys_;
  MessageMetadataView view_;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_MADE_MESSAGE_H_
