// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/unwrap_failed.h"

#include "lib/status.h"

namespace pulseal::crypto {

const absl::Status& UnwrapFailed() {
  static const absl::Status& status =
      *new absl::Status(MakeStatus(absl::StatusCode::kUnauthenticated, Reason::kUnwrapFailed,
                                   "doesn't open the wrapped key: it was wrapped for another key, forged or damaged"));
  return status;
}

}  // namespace pulseal::crypto
