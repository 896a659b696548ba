// SPDX-License-Identifier: Apache-2.0
#include "lib/data_key_cache.h"

#include <algorithm>
#include <utility>

namespace pulseal {
namespace {

// Unverified keys wait for the payload that brought them, which is usually at hand: a few are enough, and each that a
// flood of minted ones pushes out costs no more than to be unwrapped again.
constexpr size_t kMostUnverified = 128;

}  // namespace

class DataKeyCache::RememberedFailure {
 public:
  RememberedFailure(std::string identity, Failure failure, uint64_t generation, std::chrono::nanoseconds expires)
      : identity_(std::move(identity)), failure_(std::move(failure)), generation_(generation), expires_(expires) {}

  std::string_view identity() const { return identity_; }
  const Failure& failure() const { return failure_; }
  uint64_t generation() const { return generation_; }
  std::chrono::nanoseconds expires() const { return expires_; }

  void MarkUsed() { used_ = true; }
  bool TakeSecondChance() { return std::exchange(used_, false); }

 private:
  const std::string identity_;
  const Failure failure_;
  const uint64_t generation_;
  const std::chrono::nanoseconds expires_;
  bool used_ = false;
};

crypto::AeadResult CachedKey::OpenWithNewContext(size_t lane, const crypto::AeadBackend& backend, const char* nonce,
                                                 std::string_view payload, char* out) {
  absl::StatusOr<std::unique_ptr<crypto::AeadContext>> made = backend.NewContext(data_key_.view());
  if (!made.ok()) return crypto::AeadResult::kBackendFailed;
  const crypto::AeadResult result = (*made)->Open(nonce, {}, payload, out);
  if (lane < contexts_.size()) contexts_[lane] = *std::move(made);
  return result;
}

bool CachedKey::TakeSecondChance() {
  State expected = State::kUsed;
  return state_.compare_exchange_strong(expected, State::kIdle, std::memory_order_relaxed);
}

DataKeyCache::DataKeyCache(Limits limits, size_t lanes)
    : limits_(limits),
      lanes_(lanes),
      verified_(limits.keys),
      unverified_(std::min(limits.keys, kMostUnverified)),
      failures_(limits.failures) {}

DataKeyCache::~DataKeyCache() = default;

// Retires what a step drops out of the table of keys in use, also where memory runs out in the middle of it.
class DataKeyCache::Retiring {
 public:
  Retiring(const Dropped& keys, std::atomic<uint64_t>& retirements) : keys_(keys), retirements_(retirements) {}
  ~Retiring() {
    for (const std::shared_ptr<CachedKey>& key : keys_) key->Retire();
    if (!keys_.empty()) retirements_.fetch_add(1, std::memory_order_release);
  }
  Retiring(const Retiring&) = delete;
  Retiring& operator=(const Retiring&) = delete;

 private:
  const Dropped& keys_;
  std::atomic<uint64_t>& retirements_;
};

DataKeyCache::Known DataKeyCache::Find(absl::Span<const std::string_view> identities) {
  Known known;
  const Failure* failure = nullptr;
  size_t failed = 0;
  MutexLock lock(mutex_);
  for (size_t i = 0; i < identities.size(); ++i) {
    const size_t hash = BoundedTable<CachedKey>::Hash(identities[i]);
    CachedKey* key = verified_.Find(identities[i], hash);
    if (key == nullptr) key = unverified_.Find(identities[i], hash);
    if (key != nullptr) {
      known.key = key->shared_from_this();
      known.position = i;
      return known;
    }
    if (RememberedFailure* remembered = failures_.Find(identities[i], hash)) {
      remembered->MarkUsed();
      failure = failure == nullptr ? &remembered->failure() : &MoreTelling(*failure, remembered->failure());
      ++failed;
    }
  }
  if (failed > 0 && failed == identities.size()) known.failure = *failure;
  return known;
}

std::optional<Failure> DataKeyCache::FindFailure(std::string_view identity) {
  MutexLock lock(mutex_);
  const RememberedFailure* remembered = failures_.Find(identity, BoundedTable<RememberedFailure>::Hash(identity));
  if (remembered == nullptr) return std::nullopt;
  return remembered->failure();
}

std::shared_ptr<CachedKey> DataKeyCache::AddUnverified(std::string identity, SecretBytes data_key, uint64_t epoch,
                                                       std::chrono::nanoseconds now) {
  auto key = std::make_shared<CachedKey>(std::move(identity), std::move(data_key), lanes_, epoch);
  Dropped dropped;
  MutexLock lock(mutex_);
  if (limits_.key_ttl.count() == 0 || epoch != epoch_.load(std::memory_order_relaxed)) {
    key->Retire();
    return key;
  }
  key->expires_ = now + limits_.failure_ttl;
  unverified_.Add(key, &dropped);
  return key;
}

void DataKeyCache::Admit(const std::shared_ptr<CachedKey>& key, std::chrono::nanoseconds now) {
  Dropped no_longer_unverified, evicted;
  MutexLock lock(mutex_);
  if (!key->unverified()) return;
  if (key->epoch_ != epoch_.load(std::memory_order_relaxed)) return key->Retire();
  const Retiring retiring(evicted, retirements_);
  unverified_.Remove(key->identity(), &no_longer_unverified);
  verified_.Add(key, &evicted);
  key->state_.store(CachedKey::State::kIdle, std::memory_order_relaxed);
  key->expires_ = now + limits_.key_ttl;
}

void DataKeyCache::RememberFailure(std::string identity, Failure failure, uint64_t epoch, uint64_t generation,
                                   std::chrono::nanoseconds now) {
  auto remembered = std::make_shared<RememberedFailure>(std::move(identity), std::move(failure), generation,
                                                        now + limits_.failure_ttl);
  std::vector<std::shared_ptr<RememberedFailure>> dropped;
  MutexLock lock(mutex_);
  if (epoch == epoch_.load(std::memory_order_relaxed)) failures_.Add(std::move(remembered), &dropped);
}

void DataKeyCache::Forget() {
  Dropped dropped;
  std::vector<std::shared_ptr<RememberedFailure>> failures;
  MutexLock lock(mutex_);
  const Retiring retiring(dropped, retirements_);
  epoch_.fetch_add(1, std::memory_order_release);
  const auto all = [](const auto&) { return true; };
  verified_.RemoveIf(all, &dropped);
  unverified_.RemoveIf(all, &dropped);
  failures_.RemoveIf(all, &failures);
}

void DataKeyCache::ForgetFailuresBut(uint64_t generation) {
  std::vector<std::shared_ptr<RememberedFailure>> dropped;
  MutexLock lock(mutex_);
  failures_.RemoveIf([generation](const RememberedFailure& failure) { return failure.generation() != generation; },
                     &dropped);
}

void DataKeyCache::Expire(std::chrono::nanoseconds now) {
  Dropped retired, unverified;
  std::vector<std::shared_ptr<RememberedFailure>> failures;
  MutexLock lock(mutex_);
  const Retiring retiring(retired, retirements_);
  const auto key_is_due = [now](const CachedKey& key) { return key.expires_ <= now; };
  verified_.RemoveIf(key_is_due, &retired);
  unverified_.RemoveIf(key_is_due, &unverified);
  failures_.RemoveIf([now](const RememberedFailure& failure) { return failure.expires() <= now; }, &failures);
}

size_t DataKeyCache::keys() const {
  MutexLock lock(mutex_);
  return verified_.size();
}

size_t DataKeyCache::failures() const {
  MutexLock lock(mutex_);
  return failures_.size();
}

bool DataKeyCache::empty() const {
  MutexLock lock(mutex_);
  return verified_.size() + unverified_.size() + failures_.size() == 0;
}

}  // namespace pulseal
