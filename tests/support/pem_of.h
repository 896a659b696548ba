// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_PEM_OF_H_
#define PULSEAL_TESTS_SUPPORT_PEM_OF_H_

#include <string>

namespace pulseal::testing {

// `der` as a PEM block with that label.
std::string PemOf(const std::string& label, const std::string& der);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_PEM_OF_H_
