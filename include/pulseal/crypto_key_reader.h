// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_CRYPTO_KEY_READER_H_
#define PULSEAL_CRYPTO_KEY_READER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pulseal/export.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

// Travels beside the wrapped key in every message, in clear and unauthenticated. At most kMaxKeyMetadataPairs pairs and
// kMaxKeyMetadataSize bytes in all (encryption_metadata.h): a producer's key with more is kKeyUnusable.
// Security: on the consumer's side it is written by whoever sent the message; never use it as a path or a command.
using KeyMetadata = std::map<std::string, std::string>;

struct EncryptionKeyInfo {
  SecretBytes pem;       // one key; only the first PEM object counts, after an optional "EC PARAMETERS" block
  KeyMetadata metadata;  // producer: sent with the wrapped key (a version, say); consumer: ignored
};

// Pulsar's CryptoKeyReader: keys by name. Ready-made ones are in key_readers.h; write your own for other places, and
// see key_wrapper.h where the key itself never leaves a service.
//
// Implementations must be thread-safe, and bear being destroyed on any thread: background work that is late may hold the
// last reference. A call may block; it is never made while a message is being encrypted, and for
// consumers only by Decrypt, on the calling thread, and in the background. An exception thrown is caught and treated as
// UNAVAILABLE, std::bad_alloc as INTERNAL.
class PULSEAL_EXPORT CryptoKeyReader {
 public:
  CryptoKeyReader() = default;
  CryptoKeyReader(const CryptoKeyReader&) = delete;
  CryptoKeyReader& operator=(const CryptoKeyReader&) = delete;
  virtual ~CryptoKeyReader() = default;

  // The public key with which data keys are wrapped for `key_name`.
  //   NOT_FOUND           there is no such key
  //   FAILED_PRECONDITION there is one, and it can't be used
  //   UNAVAILABLE, or any other code: it could not be read now; ask again later
  virtual absl::StatusOr<EncryptionKeyInfo> GetPublicKey(const std::string& key_name) = 0;

  // Every private key that may fit `key_name`, best first: a key pair that was rolled has two. Errors as above; an
  // empty list is NOT_FOUND. `metadata` came with the message.
  // Security: `key_name` and `metadata` are the sender's; treat both as hostile.
  virtual absl::StatusOr<std::vector<EncryptionKeyInfo>> GetPrivateKeys(const std::string& key_name,
                                                                        const KeyMetadata& metadata) = 0;

  // A number that changes when the answers may have changed (a file was replaced). Parsed keys and remembered failures
  // are kept only while it stays the same. Called once for each data key or remembered failure, so it may cost
  // microseconds, not milliseconds. The default, always zero, is right for readers whose answers never change; failures
  // then expire by time alone.
  virtual uint64_t Generation() { return 0; }
};

}  // namespace pulseal

#endif  // PULSEAL_CRYPTO_KEY_READER_H_
