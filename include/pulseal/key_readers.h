// SPDX-License-Identifier: Apache-2.0
//
// Ready-made key readers. All are thread-safe and fail only when asked for a key, never when made, so that a reader can
// be made before its keys are there.
#ifndef PULSEAL_KEY_READERS_H_
#define PULSEAL_KEY_READERS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "pulseal/crypto_key_reader.h"
#include "pulseal/export.h"

namespace pulseal {

// A key file is at most this long; a longer one is FAILED_PRECONDITION and is not read.
inline constexpr size_t kMaxKeyFileSize = 64 * 1024;

struct KeyDirectoryOptions {
  // A private key that users other than its owner can read is refused (FAILED_PRECONDITION, the message says which chmod
  // mends it) instead of being reported through on_warning.
  bool refuse_readable_by_others = false;
  // Told once for each version of a file that is readable by others. Called from GetPrivateKeys, on its thread.
  std::function<void(const std::string& key_name, const absl::Status& warning)> on_warning;
};

// Keys in a folder: NAME.public.pem, NAME.private.pem and, for pairs that were rolled, every *.pem in NAME.private.d/,
// newest modification first, after NAME.private.pem. Files are read again when they change. Symbolic links work as long
// as they stay inside the folder (Kubernetes mounts secrets so); nothing outside it is ever opened, whatever the key
// name: a name that is empty, longer than 200 bytes, starts with a dot, or holds a slash or a NUL byte is NOT_FOUND.
// FIFOs, devices and sockets are FAILED_PRECONDITION and are never waited for.
PULSEAL_EXPORT std::shared_ptr<CryptoKeyReader> KeyDirectory(std::string path, KeyDirectoryOptions options = {});

// Keys by URI, as Pulsar's Java client takes them: "file:///path" or a plain path, and
// "data:application/x-pem-file;base64,..." (RFC 2397). Names that are not in the map are NOT_FOUND.
// Security: a private key in a data: URI sits in the caller's own strings, which this library can't wipe.
PULSEAL_EXPORT std::shared_ptr<CryptoKeyReader> KeyUris(std::map<std::string, std::string> public_uris,
                                                        std::map<std::string, std::string> private_uris);

// Keys in memory, copied: names to PEM text.
PULSEAL_EXPORT std::shared_ptr<CryptoKeyReader> KeysInMemory(std::map<std::string, std::string> public_pems,
                                                             std::map<std::string, SecretBytes> private_pems);

}  // namespace pulseal

#endif  // PULSEAL_KEY_READERS_H_
