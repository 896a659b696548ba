// SPDX-License-Identifier: Apache-2.0
//
// Ready-made key readers. All are thread-safe and fail only when asked for a key, never when made, so that a reader can
// be made before its keys are there.
#ifndef PULSEAL_KEY_READERS_H_
#define PULSEAL_KEY_READERS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "pulseal/crypto_key_reader.h"
#include "pulseal/export.h"

namespace pulseal {

// A key file is at most this long; a longer one is FAILED_PRECONDITION and is not read.
inline constexpr size_t kMaxKeyFileSize = 64 * 1024;

// Of the keys in a NAME.private.d, so many are read: the newest ones.
inline constexpr size_t kMaxRolledKeys = 64;

// The longest key name that a KeyDirectory can have files for, in bytes: room for the longest ending (".private.pem")
// within the 255 bytes that a file name may have on Linux.
inline constexpr size_t kMaxKeyDirectoryNameSize = 200;

// Whether a KeyDirectory can have files for `key_name`: not empty, at most kMaxKeyDirectoryNameSize bytes, no leading dot, no
// slash, no NUL byte. Everything else is allowed, spaces and UTF-8 too. A file named so plus an ending lies directly in
// the folder it is opened in, and isn't hidden.
PULSEAL_EXPORT bool CanNameKeyFile(std::string_view key_name);

struct KeyDirectoryOptions {
  // A private key that users other than its owner can read is refused (FAILED_PRECONDITION, the message says which
  // chmod mends it) instead of being reported through on_warning.
  bool refuse_readable_by_others = false;
  // Told once for each version of a private key's file that is readable by others, or that is left out because it
  // can't be used while another key of the same name can. Called from GetPrivateKeys, on its thread; what it throws is
  // dropped.
  std::function<void(const std::string& key_name, const absl::Status& warning)> on_warning;
};

// Keys in a folder: NAME.public.pem, NAME.private.pem and, for pairs that were rolled, every *.pem in NAME.private.d/,
// newest modification first, after NAME.private.pem. A relative `path` is taken from the working directory of each call.
// Files are read at each call, and Generation() changes with them; replace a file by renaming a complete one over it, or a
// reader may meet half of it. Symbolic links work as long as they are relative and stay inside the folder (Kubernetes
// mounts secrets so); nothing outside it is ever opened, whatever the key name.
//   NOT_FOUND           no such file, or CanNameKeyFile is false for the name
//   FAILED_PRECONDITION empty, too long, a link that leads out, or a FIFO, device or socket, which is never waited for
//   UNAVAILABLE         the system refused or failed (permissions, descriptors), or there is no such folder: a volume
//                       that isn't mounted must not look as if its keys didn't exist
PULSEAL_EXPORT std::shared_ptr<CryptoKeyReader> KeyDirectory(std::string path, KeyDirectoryOptions options = {});

// Keys by URI, as Pulsar's Java client takes them: "file:///path", "file:relative/path" (both percent-encoded) or a
// plain path, and "data:application/x-pem-file;base64,..." (RFC 2397; percent-encoded without ";base64"). Names that
// are not in the map are NOT_FOUND, other URIs FAILED_PRECONDITION, files as above except that links may lead anywhere.
// Security: a data: URI is a key. The strings that are moved in here are wiped with the reader; copies that the caller
// keeps are the caller's to wipe.
PULSEAL_EXPORT std::shared_ptr<CryptoKeyReader> KeyUris(std::map<std::string, std::string> public_uris,
                                                        std::map<std::string, std::string> private_uris);

// Keys in memory: names to PEM text. A name has one public key, and one private key or, for pairs that were rolled, several,
// which are tried in the order in which they were put in. Other names are NOT_FOUND. Private keys are wiped with the reader.
PULSEAL_EXPORT std::shared_ptr<CryptoKeyReader> KeysInMemory(std::map<std::string, std::string> public_pems,
                                                             std::multimap<std::string, SecretBytes> private_pems);

}  // namespace pulseal

#endif  // PULSEAL_KEY_READERS_H_
