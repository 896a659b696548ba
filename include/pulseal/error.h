// SPDX-License-Identifier: Apache-2.0
//
// Errors. Every function that can fail returns absl::Status, absl::StatusOr or a Decision; nothing here logs or exits, and
// nothing throws (but see Memory; what your own EntrySink throws, and a `done` that its contract lets be called inside the
// call, passes through).
// The status code says what a caller can do, the Reason says what happened, the message says both in words, names the
// thing (key name, file, field, offset) and what to do next. No message ever contains a secret or message content.
//
//   code                  what a caller can do
//   INVALID_ARGUMENT      fix the call or the bytes handed in; asking again is pointless
//   NOT_FOUND             supply the key
//   FAILED_PRECONDITION   the object is in a state that refuses this: forked, pin outdated, key unusable
//   OUT_OF_RANGE          give a larger buffer; the message names the size needed
//   UNAVAILABLE           ask again later
//   DEADLINE_EXCEEDED     ask again later; key_timeout ran out
//   RESOURCE_EXHAUSTED    a limit of this library was reached, or a codec got no memory; ask again later or rotate
//   UNAUTHENTICATED       wrong key, forged or damaged bytes
//   INTERNAL              the cryptographic library failed, or there was no memory for a key reader, a wrapper or the
//                         background
//
// Memory: std::bad_alloc out of operator new is no failure of this library's and passes through the call that met it.
// Objects can be used afterwards, names and data keys are the old ones or the new ones and never something between, and no
// message has gone out in clear or under a retired data key. Where it can't pass through, it is INTERNAL as above.
#ifndef PULSEAL_ERROR_H_
#define PULSEAL_ERROR_H_

#include "absl/status/status.h"
#include "pulseal/export.h"

namespace pulseal {

// The cause of a failure. Values are stable; new ones are only appended, so treat an unknown one as kNone.
enum class Reason {
  kNone = 0,                   // no cause recorded: success, OpenSSL or the random generator failed (INTERNAL), a codec
                               // got no memory, Decision::Action::kPending, or a status that is not Pulseal's
  kKeyNotFound = 1,            // no key of that name, or none of the wrapped keys is for a private key held here
  kKeyUnusable = 2,            // a key was found but can't serve: not PEM, wrong type, too weak, passphrase missing
  kKeyServiceUnavailable = 3,  // the reader or wrapper could not answer now, or timed out
  kUnwrapFailed = 4,           // the private key doesn't open the wrapped key. One reason on purpose for every failure
                               // inside the operation (padding, point, MAC, length): telling them apart is an oracle
  kAuthenticationFailed = 5,   // the data key opened, but the payload's tag doesn't match: forged or damaged
  kMalformed = 6,              // metadata, nonce, payload or key counts that no honest sender writes
  kLimitReached = 7,           // a hard limit of a data key, or a limit or budget of this library
  kNotEncrypted = 8,           // plaintext where DecryptorOptions::require_encryption is set, or where wrapped keys are
                               // to be replaced
  kForked = 9,                 // the object was made before a fork() and this is the child
  kMisuse = 10,                // the call breaks its contract: buffer too small, overlapping, wrong object
};

// The Reason inside `status`; kNone for OK and for statuses that Pulseal did not make. Thread-safe, never fails.
PULSEAL_EXPORT Reason ReasonOf(const absl::Status& status);

// A short lower-case name such as "key-not-found", for logs and counters; "unknown" for a value this library doesn't
// know. The text lives as long as the program.
PULSEAL_EXPORT const char* ReasonName(Reason reason);

}  // namespace pulseal

#endif  // PULSEAL_ERROR_H_
