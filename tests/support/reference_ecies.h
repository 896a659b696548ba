// SPDX-License-Identifier: Apache-2.0
//
// ECIES once more, from the description in lib/crypto/ecies.h, with SHA-1 and HMAC called one by one.
#ifndef PULSEAL_TESTS_SUPPORT_REFERENCE_ECIES_H_
#define PULSEAL_TESTS_SUPPORT_REFERENCE_ECIES_H_

#include <cstddef>
#include <string>

namespace pulseal::testing {

std::string ReferenceKdf2(const std::string& secret, size_t size);
std::string ReferenceHmacSha1(const std::string& key, const std::string& message);

// The wrapped bytes of `data_key`, from V and Z.
std::string ReferenceEcies(const std::string& v, const std::string& z, const std::string& data_key);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_REFERENCE_ECIES_H_
