// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_RAW_RSA_H_
#define PULSEAL_TESTS_SUPPORT_RAW_RSA_H_

#include <string>

#include "lib/crypto/pem_key.h"

namespace pulseal::testing {

// RSA without padding, in either direction: `input`, as long as the modulus and below it, as a number. Aborts the test
// program where OpenSSL refuses.
std::string RawRsa(const crypto::PemKey& key, bool with_private_key, const std::string& input);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_RAW_RSA_H_
