// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_PARSED_KEYS_H_
#define PULSEAL_LIB_PARSED_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/crypto/pem_key.h"
#include "lib/mutex.h"
#include "pulseal/key_wrapper.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

// Keys already read from PEM, since reading one takes as long as using it, and finding that an encrypted one can't be
// read takes far longer: failures for good are kept too, one of a passphrase for as long as the callback gives the same
// one. Kept by their text, whatever name they come for: a sender chooses names, and a reader may have one key for all.
// At most kCapacity altogether, and none longer than a generation of their reader. Thread-safe; no lock is held while a
// key is read or the passphrase callback runs.
class ParsedKeys {
 public:
  static constexpr size_t kCapacity = 256;

  explicit ParsedKeys(LocalKeyPolicy policy);

  // The key in `pem`, good for what the policy asks. `generation` is the reader's, from before it was asked for `pem`.
  // FAILED_PRECONDITION (kKeyUnusable) where it can't be used, also where it isn't the half that is wanted; UNAVAILABLE
  // where the passphrase can't be had now.
  absl::StatusOr<std::shared_ptr<const crypto::PemKey>> Get(const std::string& key_name, bool want_private,
                                                            std::string_view pem, uint64_t generation);

  // Lets go of every key: the next Get reads it anew.
  void Clear();

 private:
  struct Entry {
    bool HasPassphrase(const SecretBytes& other) const {
      return passphrase.has_value() && passphrase->view() == other.view();
    }

    SecretBytes pem;
    absl::StatusOr<std::shared_ptr<const crypto::PemKey>> key;
    std::optional<SecretBytes> passphrase;  // of an encrypted one: with which it was read, or tried in vain
    std::string key_name;                   // whose passphrase that was
  };
  using SharedEntry = std::shared_ptr<const Entry>;
  class PassphraseOf;

  // Null where it isn't known with the passphrase that `key_name` has now.
  SharedEntry Find(const std::string& key_name, std::string_view pem, uint64_t generation,
                   PassphraseOf& passphrase) const;
  std::vector<SharedEntry> FindAll(std::string_view pem, uint64_t generation) const;
  void Keep(SharedEntry entry, uint64_t generation);
  // `*for_good`: whether asking again would give the same.
  SharedEntry Read(const std::string& key_name, std::string_view pem, PassphraseOf& passphrase, bool* for_good) const;
  absl::StatusOr<crypto::PemKey> Parse(std::string_view pem,
                                       const std::function<absl::StatusOr<SecretBytes>()>& passphrase) const;
  absl::StatusOr<SecretBytes> AskForPassphrase(const std::string& key_name) const;

  const LocalKeyPolicy policy_;
  mutable Mutex mutex_;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<SharedEntry> entries_ ABSL_GUARDED_BY(mutex_);
  size_t oldest_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_PARSED_KEYS_H_
