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
  std::shared_ptr<const crypto::PemKey> key = Find(key_name, pem, generation);
  if (key == nullptr) {
    absl::StatusOr<crypto::PemKey> read = Read(key_name, pem);
    if (!read.ok()) return read.status();
    key = std::make_shared<const crypto::PemKey>(*std::move(read));
    Keep({key_name, SecretBytes::CopyOf(pem), key}, generation);
  }
  if (key->is_private == want_private) return key;
  return Unusable(want_private ? "a public key where the private one is needed"
                               : "a private key where the public one is needed; don't hand it to senders");
}

std::shared_ptr<const crypto::PemKey> ParsedKeys::Find(const std::string& key_name, std::string_view pem,
                                                       uint64_t generation) {
  MutexLock lock(mutex_);
  if (generation != generation_) return nullptr;
  for (const Entry& entry : entries_) {
    if (entry.key_name == key_name && entry.pem.view() == pem) return entry.key;
  }
  return nullptr;
}

void ParsedKeys::Keep(Entry entry, uint64_t generation) {
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

absl::StatusOr<crypto::PemKey> ParsedKeys::Read(const std::string& key_name, std::string_view pem) const {
  absl::StatusOr<crypto::PemKey> key = crypto::ReadPemKey(pem, [&] { return Passphrase(key_name); },
                                                          {policy_.openssl_context, policy_.openssl_properties});
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
