// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_DECRYPT_LANE_H_
#define PULSEAL_LIB_DECRYPT_LANE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "lib/data_key_cache.h"
#include "lib/decrypt_tally.h"

namespace pulseal {

// What a lane (lib/lanes.h) of the decryptor's keeps for the messages that pass through it.
struct DecryptLane {
  // Some of the data keys that were used lately, so that a message whose key is among them needs no table.
  class RecentKeys {
   public:
    // Null where none of them is for one of `identities`; otherwise valid until the next call, and at `*position` of
    // them.
    const std::shared_ptr<CachedKey>* Find(absl::Span<const std::string_view> identities, size_t* position) {
      Recent& last = recent_[last_];
      if (last.key == nullptr || !last.IsExpectedIn(identities) || !last.key->cached()) {
        return FindAmongAll(identities, position);
      }
      last.key->MarkUsed();
      *position = last.position;
      return &last.key;
    }
    void Keep(std::shared_ptr<CachedKey> key, size_t position);
    // Lets go of what the cache has retired. `retirements` as the caller read it before.
    void DropRetired(uint64_t retirements);
    // The last value that DropRetired was given. Any thread may ask.
    uint64_t retirements_seen() const { return retirements_seen_.load(std::memory_order_relaxed); }

   private:
    struct Recent {
      std::shared_ptr<CachedKey> key;
      uint64_t tail = 0;    // TailOf its identity
      size_t position = 0;  // in the last message that it opened: most likely the same in the next

      bool IsExpectedIn(absl::Span<const std::string_view> identities) const {
        return position < identities.size() && Is(identities[position]);
      }
      bool FindElsewhereIn(absl::Span<const std::string_view> identities);
      bool Is(std::string_view identity) const { return TailOf(identity) == tail && identity == key->identity(); }
    };

    // The last eight bytes, which tell most wrapped keys apart without a look at the rest.
    static uint64_t TailOf(std::string_view identity) {
      uint64_t tail = 0;
      const size_t size = identity.size();
      if (size >= sizeof tail) std::memcpy(&tail, identity.data() + size - sizeof tail, sizeof tail);
      return tail;
    }

    const std::shared_ptr<CachedKey>* FindAmongAll(absl::Span<const std::string_view> identities, size_t* position);

    std::array<Recent, 4> recent_;
    size_t last_ = 0;  // which one was used last, and is looked at first
    std::atomic<uint64_t> retirements_seen_{0};
  };

  RecentKeys recent_keys;
  std::vector<std::string> scratch;  // identities of a message that came as a MessageMetadataView
  DecryptTally tally;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_DECRYPT_LANE_H_
