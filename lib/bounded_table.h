// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_BOUNDED_TABLE_H_
#define PULSEAL_LIB_BOUNDED_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "lib/as_absl.h"

namespace pulseal {

// Entries by their identity(), at most `capacity` of them and at most kBytesPerEntry * capacity bytes of identities, so
// that whoever chooses the identities can't choose the memory. Makes room by second chance (Corbató 1968): the oldest
// goes, unless TakeSecondChance() says that it was used since it was last the oldest. A lookup so writes nothing here.
// Entry: `std::string_view identity() const`, `bool TakeSecondChance()`. Not thread-safe.
template <typename Entry>
class BoundedTable {
 public:
  using Pointer = std::shared_ptr<Entry>;

  explicit BoundedTable(size_t capacity)
      : capacity_(capacity), most_bytes_(std::max(kFewestBytes, capacity * kBytesPerEntry)) {}

  static size_t Hash(std::string_view identity) { return ByIdentity()(identity); }

  // Null where there is none; otherwise valid until it is dropped. `hash` of the same identity: the same for every table.
  Entry* Find(std::string_view identity, size_t hash) const {
    const auto found = by_identity_.find(identity, hash);
    return found == by_identity_.end() ? nullptr : *found;
  }

  // Replaces one of the same identity. Appends to `dropped` what had to go, also where std::bad_alloc is thrown; `entry`
  // is then not in here.
  void Add(Pointer entry, std::vector<Pointer>* dropped) {
    Remove(entry->identity(), dropped);
    const size_t size = entry->identity().size();
    while (!by_age_.empty() && (by_age_.size() >= capacity_ || bytes_ + size > most_bytes_)) DropOne(dropped);
    if (capacity_ == 0) return dropped->push_back(std::move(entry));
    MakeRoomForOne();
    by_age_.push_back(std::move(entry));
    by_identity_.insert(by_age_.back().get());
    bytes_ += size;
  }

  void Remove(std::string_view identity, std::vector<Pointer>* dropped) {
    if (!by_identity_.contains(identity)) return;
    RemoveIf([identity](const Entry& entry) { return entry.identity() == identity; }, dropped);
  }

  template <typename Predicate>
  void RemoveIf(Predicate predicate, std::vector<Pointer>* dropped) {
    const auto kept = std::stable_partition(by_age_.begin(), by_age_.end(),
                                            [&](const Pointer& entry) { return !predicate(std::as_const(*entry)); });
    dropped->insert(dropped->end(), kept, by_age_.end());
    for (auto removed = kept; removed != by_age_.end(); ++removed) Unlist(**removed);
    by_age_.erase(kept, by_age_.end());
  }

  size_t size() const { return by_age_.size(); }

 private:
  // By pointers that own nothing, half as large as by_age_'s: in a table of many, the place where one stands is the memory
  // that a lookup waits for, the longer the more there is of it.
  struct ByIdentity {
    using is_transparent = void;
    size_t operator()(std::string_view identity) const { return absl::Hash<absl::string_view>()(AsAbsl(identity)); }
    size_t operator()(const Entry* entry) const { return (*this)(entry->identity()); }
    bool operator()(const Entry* a, const Entry* b) const { return a == b; }
    bool operator()(const Entry* entry, std::string_view identity) const {
      Prefetch(*entry);
      return entry->identity() == identity;
    }
  };

  // All lines at once that comparing identities and using the entry will wait for one after another.
  static void Prefetch(const Entry& entry) {
    constexpr size_t kLine = 64;
    for (size_t at = 0; at < sizeof entry; at += kLine) __builtin_prefetch(reinterpret_cast<const char*>(&entry) + at);
  }

  using Index = absl::flat_hash_set<Entry*, ByIdentity, ByIdentity>;

  // So that the insertion that follows asks for no memory. Where Abseil's tables get none for growing they are left broken, so
  // this one grows by being made anew, and always before Abseil would: from 32 places on, that is above 25/32 of them.
  void MakeRoomForOne() {
    if ((by_identity_.size() + 1) * 32 <= by_identity_.capacity() * 25) return;
    Index larger(std::max(kFewestPlaces, by_identity_.capacity() + 1));
    larger.insert(by_identity_.begin(), by_identity_.end());
    by_identity_.swap(larger);
  }

  static constexpr size_t kFewestPlaces = 32;
  static constexpr size_t kBytesPerEntry = 1024;  // an RSA-4096 wrapped key with its name has 600
  static constexpr size_t kFewestBytes = 64 * 1024;

  // Ends: each entry that gets its second chance has used it up.
  void DropOne(std::vector<Pointer>* dropped) {
    while (by_age_.front()->TakeSecondChance()) {
      by_age_.push_back(std::move(by_age_.front()));
      by_age_.pop_front();
    }
    dropped->push_back(by_age_.front());
    Unlist(*by_age_.front());
    by_age_.pop_front();
  }

  void Unlist(Entry& entry) {
    bytes_ -= entry.identity().size();
    by_identity_.erase(&entry);
  }

  const size_t capacity_;
  const size_t most_bytes_;
  size_t bytes_ = 0;
  Index by_identity_;
  std::deque<Pointer> by_age_;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_BOUNDED_TABLE_H_
