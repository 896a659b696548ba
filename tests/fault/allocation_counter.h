// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_FAULT_ALLOCATION_COUNTER_H_
#define PULSEAL_TESTS_FAULT_ALLOCATION_COUNTER_H_

#include <cstddef>

namespace pulseal::testing {

// How often this thread has allocated so far, by operator new and by OpenSSL.
size_t Allocations();

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_FAULT_ALLOCATION_COUNTER_H_
