// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_OPENSSL_END_H_
#define PULSEAL_LIB_CRYPTO_OPENSSL_END_H_

namespace pulseal::crypto {

// `handler` is called when OpenSSL takes itself down, which it does at exit, and before anything of it is gone. False where
// there is no memory for that.
bool CallBeforeOpenSslEnds(void (*handler)());

// Gives back what OpenSSL keeps for the calling thread, which comes to its end. OpenSSL would do so itself, but not where it
// takes itself down meanwhile.
void ReleaseThread();

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_OPENSSL_END_H_
