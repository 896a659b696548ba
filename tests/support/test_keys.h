// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_TEST_KEYS_H_
#define PULSEAL_TESTS_SUPPORT_TEST_KEYS_H_

#include <string>

namespace pulseal::testing {

// The text of tests/vectors/keys/NAME; aborts the test program where there is none.
std::string TestKey(const std::string& file_name);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_TEST_KEYS_H_
