// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/openssl_end.h"

#include <openssl/crypto.h>

namespace pulseal::crypto {

bool CallBeforeOpenSslEnds(void (*handler)()) { return OPENSSL_atexit(handler) == 1; }

void ReleaseThread() { OPENSSL_thread_stop(); }

}  // namespace pulseal::crypto
