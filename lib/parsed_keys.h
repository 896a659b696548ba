// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_PARSED_KEYS_H_
#define PULSEAL_LIB_PARSED_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/crypto/pem_key.h"
#include "lib/mutex.h"
#include "pulseal/key_wrapper.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

// Keys already read from PEM, since reading one takes as long as using it. Keeps at most kCapacity of them, and none
// longer than a generation of their reader. Thread-safe; no lock is held while a key is read or the passphrase callback
// runs.
class ParsedKeys {
 public:
  static constexpr size_t kCapacity = 256;

  explicit ParsedKeys(LocalKeyPolicy policy);

  // The key in `pem`, good for what the policy asks. `generation` is the reader's, from before it was asked for `pem`.
  // FAILED_PRECONDITION (kKeyUnusable) where it can't be used, also where it isn't the half that is wanted; UNAVAILABLE
  // where the passphrase can't be had now.
  absl::StatusOr<std::shared_ptr<const crypto::PemKey>> Get(const std::string& key_name, bool want_private,
                                                            std::string_view pem, uint64_t generation);

 private:
  struct Entry {
    std::string key_name;  // also decides the passphrase
    SecretBytes pem;
    std::shared_ptr<const crypto::PemKey> key;
  };

  std::shared_ptr<const crypto::PemKey> Find(const std::string& key_name, std::string_view pem, uint64_t generation);
  void Keep(Entry entry, uint64_t generation);
  absl::StatusOr<crypto::PemKey> Read(const std::string& key_name, std::string_view pem) const;
  absl::StatusOr<SecretBytes> Passphrase(const std::string& key_name) const;

  const LocalKeyPolicy policy_;
  Mutex mutex_;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  size_t oldest_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_PARSED_KEYS_H_
