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

void DecryptTally::Delivered(size_t plaintext_size) {
  decrypted_.Add(1);
  bytes_.Add(plaintext_size);
}

void DecryptTally::DeliveredPlain() { plain_.Add(1); }

void DecryptTally::Failed(Decision::Action action, Reason reason) {
  by_action_[static_cast<size_t>(action)].Add(1);
  by_reason_[static_cast<size_t>(reason)].Add(1);
}

void DecryptTally::AddTo(DecryptorCounters* counters) const {
  const auto action = [&](Decision::Action value) { return by_action_[static_cast<size_t>(value)].value(); };
  const auto reason = [&](Reason value) { return by_reason_[static_cast<size_t>(value)].value(); };
  counters->messages_decrypted += decrypted_.value();
  counters->bytes_decrypted += bytes_.value();
  counters->messages_plain += plain_.value();
  counters->messages_delivered_encrypted += action(Decision::Action::kDeliverEncrypted);
  counters->messages_discarded += action(Decision::Action::kDiscard);
  counters->messages_failed += action(Decision::Action::kFail);
  counters->key_not_found += reason(Reason::kKeyNotFound);
  counters->key_unusable += reason(Reason::kKeyUnusable);
  counters->key_unavailable += reason(Reason::kKeyServiceUnavailable);
  counters->unwrap_failed += reason(Reason::kUnwrapFailed);
  counters->authentication_failed += reason(Reason::kAuthenticationFailed);
  counters->malformed += reason(Reason::kMalformed);
  counters->limit_reached += reason(Reason::kLimitReached);
  counters->not_encrypted += reason(Reason::kNotEncrypted);
  counters->internal += reason(Reason::kNone);
}

const std::shared_ptr<CachedKey>* DecryptLane::RecentKeys::Find(absl::Span<const std::string_view> identities,
                                                                size_t* position) {
  for (size_t i = 0; i < recent_.size() && recent_[i].key != nullptr; ++i) {
    *position = PositionOf(recent_[i].key->identity(), identities, recent_[i].position);
    if (*position == kNowhere || !recent_[i].key->cached()) continue;
    recent_[i].key->MarkUsed();
    std::rotate(recent_.begin(), recent_.begin() + i, recent_.begin() + i + 1);
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
