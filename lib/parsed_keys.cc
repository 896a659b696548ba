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

// Asked for once in a call of Get, and only where it is needed.
class ParsedKeys::PassphraseOf {
 public:
  PassphraseOf(const ParsedKeys& keys, const std::string& key_name) : keys_(keys), key_name_(key_name) {}

  const absl::StatusOr<SecretBytes>& Get() {
    if (!answer_.has_value()) answer_ = keys_.AskForPassphrase(key_name_);
    return *answer_;
  }

 private:
  const ParsedKeys& keys_;
  const std::string& key_name_;
  std::optional<absl::StatusOr<SecretBytes>> answer_;
};

absl::StatusOr<std::shared_ptr<const crypto::PemKey>> ParsedKeys::Get(const std::string& key_name, bool want_private,
                                                                      std::string_view pem, uint64_t generation) {
  PassphraseOf passphrase(*this, key_name);
  SharedEntry entry = Find(key_name, pem, generation, passphrase);
  if (entry == nullptr) {
    bool for_good = false;
    entry = Read(key_name, pem, passphrase, &for_good);
    if (for_good) Keep(entry, generation);
  }
  if (!entry->key.ok() || (*entry->key)->is_private == want_private) return entry->key;
  return Unusable(want_private ? "a public key where the private one is needed"
                               : "a private key where the public one is needed; don't hand it to senders");
}

ParsedKeys::SharedEntry ParsedKeys::Find(const std::string& key_name, std::string_view pem, uint64_t generation,
                                         PassphraseOf& passphrase) const {
  const std::vector<SharedEntry> known = FindAll(pem, generation);
  for (const SharedEntry& entry : known) {
    if (!entry->passphrase.has_value() || (entry->key.ok() && entry->key_name == key_name)) return entry;
  }
  for (const SharedEntry& entry : known) {
    if (passphrase.Get().ok() && entry->HasPassphrase(*passphrase.Get())) return entry;
  }
  return nullptr;
}

std::vector<ParsedKeys::SharedEntry> ParsedKeys::FindAll(std::string_view pem, uint64_t generation) const {
  std::vector<SharedEntry> found;
  MutexLock lock(mutex_);
  if (generation != generation_) return found;
  for (const SharedEntry& entry : entries_) {
    if (entry->pem.view() == pem) found.push_back(entry);
  }
  return found;
}

void ParsedKeys::Keep(SharedEntry entry, uint64_t generation) {
  MutexLock lock(mutex_);
  if (generation != generation_) {
    entries_.clear();
    oldest_ = 0;
    generation_ = generation;
  }
  if (entries_.size() < kCapacity) {
    entries_.push_back(std::move(entry));
    return;
  }
  entries_[oldest_] = std::move(entry);
  oldest_ = (oldest_ + 1) % kCapacity;
}

void ParsedKeys::Clear() {
  MutexLock lock(mutex_);
  entries_.clear();
  oldest_ = 0;
}

ParsedKeys::SharedEntry ParsedKeys::Read(const std::string& key_name, std::string_view pem, PassphraseOf& passphrase,
                                         bool* for_good) const {
  std::optional<SecretBytes> used;
  bool has_passphrase = true;
  absl::StatusOr<crypto::PemKey> key = Parse(pem, [&]() -> absl::StatusOr<SecretBytes> {
    has_passphrase = passphrase.Get().ok();
    if (!has_passphrase) return passphrase.Get().status();
    used = SecretBytes::CopyOf(passphrase.Get()->view());
    return SecretBytes::CopyOf(used->view());
  });
  *for_good = key.ok() || (absl::IsFailedPrecondition(key.status()) && has_passphrase);
  if (!key.ok()) {
    return std::make_shared<Entry>(Entry{SecretBytes::CopyOf(pem), key.status(), std::move(used), key_name});
  }
  auto shared = std::make_shared<const crypto::PemKey>(*std::move(key));
  return std::make_shared<Entry>(Entry{SecretBytes::CopyOf(pem), std::move(shared), std::move(used), key_name});
}

absl::StatusOr<crypto::PemKey> ParsedKeys::Parse(std::string_view pem,
                                                 const std::function<absl::StatusOr<SecretBytes>()>& passphrase) const {
  absl::StatusOr<crypto::PemKey> key =
      crypto::ReadPemKey(pem, passphrase, {policy_.openssl.context, policy_.openssl.properties});
  if (!key.ok()) return key.status();
  absl::Status status = crypto::CheckStrength(*key, policy_.min_rsa_bits, policy_.extra_curves);
  if (!status.ok()) return status;
  return key;
}

absl::StatusOr<SecretBytes> ParsedKeys::AskForPassphrase(const std::string& key_name) const {
  if (policy_.passphrase == nullptr) {
    return Unusable("encrypted with a passphrase, and none was given (LocalKeyPolicy::passphrase, --passphrase-file)");
  }
  absl::StatusOr<SecretBytes> passphrase = AskKeySource<SecretBytes>([&] { return policy_.passphrase(key_name); });
  if (absl::IsNotFound(passphrase.status())) return Unusable("encrypted, and there is no passphrase for it");
  return passphrase;
}

}  // namespace pulseal
