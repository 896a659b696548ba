// SPDX-License-Identifier: Apache-2.0
#include "lib/decrypt_lane.h"

#include <algorithm>
#include <utility>

namespace pulseal {

bool DecryptLane::RecentKeys::Recent::FindElsewhereIn(absl::Span<const std::string_view> identities) {
  if (identities.size() == 1 && position == 0) return false;
  const auto found =
      std::find_if(identities.begin(), identities.end(), [this](std::string_view identity) { return Is(identity); });
  if (found == identities.end()) return false;
  position = static_cast<size_t>(found - identities.begin());
  return true;
}

const std::shared_ptr<CachedKey>* DecryptLane::RecentKeys::FindAmongAll(absl::Span<const std::string_view> identities,
                                                                        size_t* position) {
  for (size_t i = 0; i < recent_.size(); ++i) {
    const size_t place = (last_ + i) % recent_.size();
    Recent& recent = recent_[place];
    if (recent.key == nullptr) continue;
    if (!recent.IsExpectedIn(identities) && !recent.FindElsewhereIn(identities)) continue;
    if (!recent.key->cached()) continue;
    recent.key->MarkUsed();
    last_ = place;
    *position = recent.position;
    return &recent.key;
  }
  return nullptr;
}

void DecryptLane::RecentKeys::Keep(std::shared_ptr<CachedKey> key, size_t position) {
  const auto old =
      std::find_if(recent_.begin(), recent_.end(), [&key](const Recent& recent) { return recent.key == key; });
  last_ = old != recent_.end() ? static_cast<size_t>(old - recent_.begin()) : (last_ + 1) % recent_.size();
  const uint64_t tail = TailOf(key->identity());
  recent_[last_] = Recent{std::move(key), tail, position};
}

void DecryptLane::RecentKeys::DropRetired(uint64_t retirements) {
  for (Recent& recent : recent_) {
    if (recent.key != nullptr && !recent.key->cached()) recent = Recent();
  }
  retirements_seen_.store(retirements, std::memory_order_relaxed);
}

}  // namespace pulseal
