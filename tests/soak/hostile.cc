// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/hostile.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pulseal/encryption_metadata.h"
#include "tests/support/wire_fields.h"

namespace pulseal::soak {
namespace {

constexpr uint32_t kNumMessagesInBatch = 11, kEncryptionParam = 15;
constexpr size_t kNonceFieldSize = 2 + kNonceSize;  // an honest producer's last field

std::string Noise(size_t size, Random& random) {
  std::string noise(size, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  return noise;
}

void FlipBit(std::string& bytes, size_t from, Random& random) {
  bytes[from + Below(random, bytes.size() - from)] ^= static_cast<char>(1 << Below(random, 8));
}

template <typename Change>
void ChangeKeys(Entry& entry, Change change) {
  std::vector<WrappedKey> keys = ParseEncryptionContext(entry.metadata).value().keys;
  change(keys);
  entry.metadata = ReplaceWrappedKeys(entry.metadata, keys).value();
}

// A data key of the attacker's own, which the consumer unwraps: it costs a private-key operation and opens nothing.
void Mint(Entry& entry, KeyWrapper& wrapper, Random& random) {
  auto data_key = std::make_shared<const SecretBytes>(SecretBytes::CopyOf(Noise(32, random)));
  wrapper.Wrap("orders", std::move(data_key), [&entry](absl::StatusOr<WrappedKey> wrapped) {
    if (wrapped.ok()) ChangeKeys(entry, [&](std::vector<WrappedKey>& keys) { keys = {*std::move(wrapped)}; });
  });
  entry.payload = Noise(entry.payload.size(), random);
}

}  // namespace

Entry MakeHostile(const Entry& good, KeyWrapper& wrapper, Random& random) {
  Entry entry = good;
  switch (Below(random, 12)) {
    case 0:
      entry.hostile = "payload bit flipped";
      FlipBit(entry.payload, 0, random);
      break;
    case 1:
      entry.hostile = "nonce bit flipped";
      FlipBit(entry.metadata, entry.metadata.size() - kNonceSize, random);
      break;
    case 2:
      entry.hostile = "wrapped keys' bits flipped";
      ChangeKeys(entry, [&](std::vector<WrappedKey>& keys) {
        for (WrappedKey& key : keys) FlipBit(key.bytes, 0, random);
      });
      break;
    case 3:
      entry.hostile = "wrapped keys under other names";
      ChangeKeys(entry, [&](std::vector<WrappedKey>& keys) {
        for (WrappedKey& key : keys) key.key_name = absl::StrCat("nobody-", Below(random, 1000));
      });
      break;
    case 4:
      entry.hostile = "metadata cut off";
      entry.metadata.resize(Below(random, entry.metadata.size()));
      break;
    case 5:
      entry.hostile = "nonce of a wrong size";
      entry.metadata.resize(entry.metadata.size() - kNonceFieldSize);
      entry.metadata += testing::Bytes(kEncryptionParam, Noise(kNonceSize + 1 + Below(random, 200), random));
      break;
    case 6:
      entry.hostile = "nonce too short";
      entry.metadata.resize(entry.metadata.size() - kNonceFieldSize);
      entry.metadata += testing::Bytes(kEncryptionParam, Noise(Below(random, kNonceSize), random));
      break;
    case 7:
      entry.hostile = "minted, with a fresh data key";
      Mint(entry, wrapper, random);
      break;
    case 8:
      entry.hostile = "too many wrapped keys";
      for (int i = 0; i < 65; ++i) entry.metadata += ParseEncryptionContext(good.metadata)->Serialize();
      break;
    case 9:
      entry.hostile = "plaintext";
      entry.metadata = EncryptionContext().Serialize();
      break;
    case 10:
      entry.hostile = "a number of messages that lies";
      entry.metadata += testing::Varint(kNumMessagesInBatch, 1000 + Below(random, 1u << 30));
      break;
    default: entry.hostile = "payload cut off"; entry.payload.resize(Below(random, entry.payload.size()));
  }
  return entry;
}

}  // namespace pulseal::soak
