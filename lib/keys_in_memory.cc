// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/status.h"
#include "pulseal/key_readers.h"

namespace pulseal {
namespace {

absl::Status NoSuchKey(const char* kind, const std::string& key_name) {
  return MakeStatus(absl::StatusCode::kNotFound, Reason::kKeyNotFound,
                    absl::StrCat(kind, " key ", Quoted(key_name), ": not among the keys given to KeysInMemory"));
}

class MemoryKeyReader final : public CryptoKeyReader {
 public:
  MemoryKeyReader(std::map<std::string, std::string> public_pems, std::multimap<std::string, SecretBytes> private_pems)
      : public_pems_(std::move(public_pems)), private_pems_(std::move(private_pems)) {}

  absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string& key_name) override {
    const auto found = public_pems_.find(key_name);
    if (found == public_pems_.end()) return NoSuchKey("public", key_name);
    return EncryptionKeyInfo{SecretBytes::CopyOf(found->second), {}};
  }

  absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string& key_name,
                                                                const KeyMetadata&) override {
    const auto [begin, end] = private_pems_.equal_range(key_name);
    if (begin == end) return NoSuchKey("private", key_name);
    std::vector<EncryptionKeyInfo> keys;
    for (auto pem = begin; pem != end; ++pem) keys.push_back({SecretBytes::CopyOf(pem->second.view()), {}});
    return keys;
  }

 private:
  const std::map<std::string, std::string> public_pems_;
  const std::multimap<std::string, SecretBytes> private_pems_;
};

}  // namespace

std::shared_ptr<CryptoKeyReader> KeysInMemory(std::map<std::string, std::string> public_pems,
                                              std::multimap<std::string, SecretBytes> private_pems) {
  return std::make_shared<MemoryKeyReader>(std::move(public_pems), std::move(private_pems));
}

}  // namespace pulseal
