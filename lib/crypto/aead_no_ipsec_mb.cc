// SPDX-License-Identifier: Apache-2.0
//
// In place of aead_ipsec_mb.cc where the build is without PULSEAL_WITH_IPSEC_MB.
#include "lib/crypto/aead.h"
#include "lib/status.h"

namespace pulseal::crypto {

absl::StatusOr<std::shared_ptr<const AeadBackend>> IpsecMbAead(const AeadBackend&) {
  return Misuse("this build of Pulseal is without libipsec-mb: build it for x86-64 with -DPULSEAL_WITH_IPSEC_MB=ON",
                absl::StatusCode::kFailedPrecondition);
}

}  // namespace pulseal::crypto
