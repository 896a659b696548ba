// SPDX-License-Identifier: Apache-2.0
//
// The one seam behind which local keys and every key service sit: wrap a data key for a recipient, unwrap it again.
#ifndef PULSEAL_KEY_WRAPPER_H_
#define PULSEAL_KEY_WRAPPER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pulseal/crypto_key_reader.h"
#include "pulseal/export.h"
#include "pulseal/openssl_options.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

// A data key as it travels: who can open it, and the wrapped bytes.
struct WrappedKey {
  std::string key_name;
  std::string bytes;
  KeyMetadata metadata;
};

struct Unwrapped {
  SecretBytes data_key;
  int operations = 1;  // private-key operations that it took, for the price ceiling per message
};

// By completion, so that a key service never blocks a thread of the client's. `done` is to be called exactly once, on
// any thread, maybe inside the call. A second call of it is ignored; one that never comes ends in DEADLINE_EXCEEDED
// after key_timeout. `done` may be called after the encryptor or decryptor is gone, and then does nothing.
//
// Implementations must be thread-safe, and bear being destroyed on any thread: background work that is late may hold the
// last reference. An exception thrown is caught and treated as UNAVAILABLE, std::bad_alloc as INTERNAL.
class PULSEAL_EXPORT KeyWrapper {
 public:
  KeyWrapper() = default;
  KeyWrapper(const KeyWrapper&) = delete;
  KeyWrapper& operator=(const KeyWrapper&) = delete;
  virtual ~KeyWrapper() = default;

  // Wraps `data_key` (32 bytes) for `key_name`. The answer has that same name, bytes that aren't empty, and no more of
  // anything than encryption_metadata.h allows; another one is FAILED_PRECONDITION (kKeyUnusable). Status codes as in
  // CryptoKeyReader::GetPublicKey, but for INTERNAL: the cryptographic library failed. It is asked again later too;
  // ProducerCryptoFailureAction::kSend doesn't apply to it. Don't keep `data_key` beyond the answer: it is wiped when the
  // last reference is gone.
  virtual void Wrap(std::string key_name, std::shared_ptr<const SecretBytes> data_key,
                    std::function<void(absl::StatusOr<WrappedKey>)> done) = 0;

  // Unwraps, with at most `max_operations` private-key operations. A data key that isn't 16, 24 or 32 bytes makes the
  // message malformed.
  //   NOT_FOUND           not mine: the next wrapped key of the message is tried
  //   UNAUTHENTICATED     mine, but it doesn't open: wrong key or forged bytes
  //   FAILED_PRECONDITION mine, but the private key can't be used
  //   RESOURCE_EXHAUSTED  max_operations did not suffice, or the service throttles: ask again later
  //   UNAVAILABLE, DEADLINE_EXCEEDED or any other code: ask again later
  // Security: everything in `wrapped` is the sender's. All failures inside the private-key operation must give the same
  // status, or they become an oracle.
  virtual void Unwrap(WrappedKey wrapped, int max_operations, std::function<void(absl::StatusOr<Unwrapped>)> done) = 0;

  // As CryptoKeyReader::Generation.
  virtual uint64_t Generation() { return 0; }
};

// What LocalKeyWrapper accepts.
struct LocalKeyPolicy {
  // Security: 2048 is the least that current guidance allows (NIST SP 800-131A). Lower it only to read old topics.
  int min_rsa_bits = 2048;
  // Curves besides P-256, P-384 and P-521, by OpenSSL's names ("secp256k1").
  std::vector<std::string> extra_curves;
  // Asked when a private key is encrypted (PKCS#8 with PBES2), and again for each use while it gives the wrong one, or
  // while the key was read for another name. Each passphrase is tried once on the same key, and kept (and wiped) with
  // it. Empty: encrypted keys are unusable. Nothing ever prompts. Errors as CryptoKeyReader::GetPublicKey's, where NOT_FOUND
  // makes the key unusable. Called as the key reader is, from several threads at a time.
  std::function<absl::StatusOr<SecretBytes>(const std::string& key_name)> passphrase;
  OpenSslOptions openssl;  // EncryptorOptions and DecryptorOptions with a key_reader give theirs
};

// Wraps with RSAES-OAEP (RFC 8017 section 7.1; SHA-1, MGF1 with SHA-1, empty label) for RSA keys and with ECIES (ECDH,
// KDF2 with SHA-1, XOR, HMAC-SHA-1; docs/wire-format.md) for EC keys, as Pulsar's official clients do. Runs the reader
// and the operation inside the call, on the calling thread. `reader` must not be null. Parsed keys are kept while
// reader->Generation() stays the same.
PULSEAL_EXPORT std::shared_ptr<KeyWrapper> LocalKeyWrapper(std::shared_ptr<CryptoKeyReader> reader,
                                                           LocalKeyPolicy policy = {});

}  // namespace pulseal

#endif  // PULSEAL_KEY_WRAPPER_H_
