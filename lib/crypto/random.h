// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_CRYPTO_RANDOM_H_
#define PULSEAL_LIB_CRYPTO_RANDOM_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pulseal/secret_bytes.h"

struct ossl_lib_ctx_st;

namespace pulseal::crypto {

inline constexpr size_t kDataKeySize = 32;  // bytes: AES-256

// A fresh data key of kDataKeySize: the bytes of OpenSSL's private generator (NIST SP 800-90A) xored with as many from
// getrandom(2). Each source alone would do; together they hold where one repeats. OpenSSL 3.0 notices a fork only by a
// changed process id, so in the child of a container's pid 1, cloned into a new pid namespace, its generator repeats
// the parent's bytes. INTERNAL where either fails.
absl::StatusOr<SecretBytes> NewDataKey(ossl_lib_ctx_st* openssl_context);

// Feeds this thread's generators of `openssl_context` with bytes from getrandom(2), for the randomness that OpenSSL
// draws by itself: OAEP seeds, ephemeral keys. Call it before a wrap. INTERNAL on failure.
absl::Status ReseedGenerator(ossl_lib_ctx_st* openssl_context);

// Fills `out` from getrandom(2). INTERNAL where the kernel refuses.
absl::Status FillFromKernel(absl::Span<char> out);

}  // namespace pulseal::crypto

#endif  // PULSEAL_LIB_CRYPTO_RANDOM_H_
