// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_CIPHER_BACKEND_H_
#define PULSEAL_CIPHER_BACKEND_H_

namespace pulseal {

// Which library's AES-GCM encrypts and decrypts payloads. All give the same bytes for the same key and nonce.
enum class CipherBackend {
  // kIpsecMb where this build has it, OpenSSL is older than 3.2, the processor has AES-NI, PCLMULQDQ and AVX2 (VAES and
  // AVX-512 are used where they are), libipsec-mb's self-test passed, and it agreed with OpenSSL on messages of many
  // sizes just now; otherwise, and under an OpenSSL library context of the embedder's own, a property string or FIPS
  // defaults, kOpenSsl. From 3.2 on OpenSSL has VAES code of its own.
  kAutomatic,
  kOpenSsl,
  // Where it can't be had, Create fails: FAILED_PRECONDITION (kMisuse), or INTERNAL where it failed its tests. With an
  // OpenSSL library context or property string INVALID_ARGUMENT (kMisuse): it would be neither's.
  // Each call of libipsec-mb 1.3's writes to a word that all threads of the process share. With many threads on messages
  // of less than 1 KiB, measure whether kOpenSsl does more of them.
  kIpsecMb,
};

}  // namespace pulseal

#endif  // PULSEAL_CIPHER_BACKEND_H_
