// SPDX-License-Identifier: Apache-2.0
#include "lib/decrypt_lane.h"

#include <algorithm>
#include <utility>

namespace pulseal {
namespace {

constexpr size_t kNowhere = ~size_t{0};

size_t PositionOf(const std::string& identity, absl::Span<const std::string_view> identities, size_t likely) {
  if (likely < identities.size() && identities[likely] == identity) return likely;
  const auto found = std::find(identities.begin(), identities.end(), identity);
  return found == identities.end() ? kNowhere : static_cast<size_t>(found - identities.begin());
}

}  // namespace

const std::shared_ptr<CachedKey>* DecryptLane::RecentKeys::Find(absl::Span<const std::string_view> identities,
                                                                size_t* position) {
  for (size_t i = 0; i < recent_.size() && recent_[i].key != nullptr; ++i) {
    *position = PositionOf(recent_[i].key->identity(), identities, recent_[i].position);
    if (*position == kNowhere || !recent_[i].key->cached()) continue;
    recent_[i].key->MarkUsed();
    if (i > 0) std::rotate(recent_.begin(), recent_.begin() + i, recent_.begin() + i + 1);
    return &recent_[0].key;
  }
  return nullptr;
}

void DecryptLane::RecentKeys::Keep(std::shared_ptr<CachedKey> key, size_t position) {
  const auto old =
      std::find_if(recent_.begin(), recent_.end() - 1, [&key](const Recent& recent) { return recent.key == key; });
  std::rotate(recent_.begin(), old, old + 1);
  recent_[0] = Recent{std::move(key), position};
}

void DecryptLane::RecentKeys::DropRetired(uint64_t retirements) {
  const auto kept = std::remove_if(recent_.begin(), recent_.end(),
                                   [](const Recent& recent) { return recent.key == nullptr || !recent.key->cached(); });
  std::fill(kept, recent_.end(), Recent());
  retirements_seen_.store(retirements, std::memory_order_relaxed);
}

}  // namespace pulseal
