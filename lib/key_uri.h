// SPDX-License-Identifier: Apache-2.0
//
// The URIs that name keys, as Pulsar's Java client takes them:
//
//   uri      = data-uri / file-uri / path
//   data-uri = "data:application/x-pem-file" *( ";" parameter ) [ ";base64" ] "," data  ; RFC 2397
//   file-uri = "file:" [ "//" [ "localhost" ] ] path      ; RFC 8089, relative paths too
//   path     = anything else without "://"
//
// Data without ;base64 and paths in a file-uri are percent-encoded; a plain path is taken as it is.
#ifndef PULSEAL_LIB_KEY_URI_H_
#define PULSEAL_LIB_KEY_URI_H_

#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "pulseal/secret_bytes.h"

namespace pulseal {

struct KeyPath {
  std::string path;  // not empty, without NUL
};

// Where the key is, or the key itself: not empty, at most kMaxKeyFileSize.
using PathOrKey = std::variant<KeyPath, SecretBytes>;

// FAILED_PRECONDITION (kKeyUnusable) where
// `uri` is none of the above; the message doesn't repeat data.
absl::StatusOr<PathOrKey> ParseKeyUri(std::string_view uri);

}  // namespace pulseal

#endif  // PULSEAL_LIB_KEY_URI_H_
