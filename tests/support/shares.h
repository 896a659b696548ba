// SPDX-License-Identifier: Apache-2.0
//
// For tests that go through every order of some steps: the orders are dealt out to as many tests as can run side by side.
// Sanitizers, ten times slower, see every 16th order.
#ifndef PULSEAL_TESTS_SUPPORT_SHARES_H_
#define PULSEAL_TESTS_SUPPORT_SHARES_H_

#include <cstddef>

namespace pulseal::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr size_t kStride = 16;
#else
inline constexpr size_t kStride = 1;
#endif
inline constexpr size_t kShares = 8;

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_SHARES_H_
