// SPDX-License-Identifier: Apache-2.0
#include "lib/parsed_keys.h"

#include <utility>

#include "lib/key_source.h"
#include "lib/status.h"

namespace pulseal {
namespace {

absl::Status Unusable(std::string_view message) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition, Reason::kKeyUnusable, message);
}

}  // namespace

ParsedKeys::ParsedKeys(LocalKeyPolicy policy) : policy_(std::move(policy)) {}

absl::StatusOr<std::shared_ptr<const crypto::PemKey>> ParsedKeys::Get(const std::string& key_name, bool want_private,
                                                                      std::string_view pem, uint64_t generation) {
  SharedEntry entry = Find(key_name, pem, generation);
  if (entry == nullptr || !StillHolds(*entry)) {
    bool for_good = false;
    entry = Read(key_name, pem, &for_good);
    if (for_good) Keep(entry, generation);
  }
  if (!entry->key.ok() || (*entry->key)->is_private == want_private) return entry->key;
  return Unusable(want_private ? "a public key where the private one is needed"
                               : "a private key where the public one is needed; don't hand it to senders");
}

ParsedKeys::SharedEntry ParsedKeys::Find(const std::string& key_name, std::string_view pem, uint64_t generation) {
  MutexLock lock(mutex_);
  if (generation != generation_) return nullptr;
  for (const SharedEntry& entry : entries_) {
    if (entry->IsFor(key_name, pem)) return entry;
  }
  return nullptr;
}

bool ParsedKeys::StillHolds(const Entry& entry) const {
  if (!entry.refused_passphrase.has_value()) return true;
  const absl::StatusOr<SecretBytes> passphrase = Passphrase(entry.key_name);
  return passphrase.ok() && passphrase->view() == entry.refused_passphrase->view();
}

void ParsedKeys::Keep(SharedEntry entry, uint64_t generation) {
  MutexLock lock(mutex_);
  if (generation != generation_) {
    entries_.clear();
    oldest_ = 0;
    generation_ = generation;
  }
  for (SharedEntry& known : entries_) {
    if (!known->IsFor(entry->key_name, entry->pem.view())) continue;
    known = std::move(entry);
    return;
  }
  if (entries_.size() < kCapacity) {
    entries_.push_back(std::move(entry));
    return;
  }
  entries_[oldest_] = std::move(entry);
  oldest_ = (oldest_ + 1) % kCapacity;
}

ParsedKeys::SharedEntry ParsedKeys::Read(const std::string& key_name, std::string_view pem, bool* for_good) const {
  std::optional<SecretBytes> used;
  bool has_passphrase = true;
  absl::StatusOr<crypto::PemKey> key = Parse(pem, [&] {
    absl::StatusOr<SecretBytes> passphrase = Passphrase(key_name);
    has_passphrase = passphrase.ok();
    if (has_passphrase) used = SecretBytes::CopyOf(passphrase->view());
    return passphrase;
  });
  *for_good = key.ok() || (absl::IsFailedPrecondition(key.status()) && has_passphrase);
  if (!key.ok()) {
    return std::make_shared<Entry>(Entry{key_name, SecretBytes::CopyOf(pem), key.status(), std::move(used)});
  }
  auto shared = std::make_shared<const crypto::PemKey>(*std::move(key));
  return std::make_shared<Entry>(Entry{key_name, SecretBytes::CopyOf(pem), std::move(shared), std::nullopt});
}

absl::StatusOr<crypto::PemKey> ParsedKeys::Parse(std::string_view pem,
                                                 const std::function<absl::StatusOr<SecretBytes>()>& passphrase) const {
  absl::StatusOr<crypto::PemKey> key =
      crypto::ReadPemKey(pem, passphrase, {policy_.openssl_context, policy_.openssl_properties});
  if (!key.ok()) return key.status();
  absl::Status status = crypto::CheckStrength(*key, policy_.min_rsa_bits, policy_.extra_curves);
  if (!status.ok()) return status;
  return key;
}

absl::StatusOr<SecretBytes> ParsedKeys::Passphrase(const std::string& key_name) const {
  if (policy_.passphrase == nullptr) {
    return Unusable("encrypted with a passphrase, and LocalKeyPolicy::passphrase is not set");
  }
  absl::StatusOr<SecretBytes> passphrase = AskKeySource<SecretBytes>([&] { return policy_.passphrase(key_name); });
  if (absl::IsNotFound(passphrase.status())) return Unusable("encrypted, and there is no passphrase for it");
  return passphrase;
}

}  // namespace pulseal
