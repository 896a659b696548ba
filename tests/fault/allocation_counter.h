// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_FAULT_ALLOCATION_COUNTER_H_
#define PULSEAL_TESTS_FAULT_ALLOCATION_COUNTER_H_

#include <cstddef>

namespace pulseal::testing {

// How often this thread has allocated so far, by operator new and by OpenSSL.
size_t Allocations();

// What an AEAD's keyed context lives in and is not freed yet, of all threads: OpenSSL's allocations, and those of operator
// new that ask for an alignment of their own.
long LiveContextAllocations();  // NOLINT(google-runtime-int)

// Whether OpenSSL gets memory when it asks for some on this thread.
void LetOpenSslAllocate(bool allowed);

// Lets operator new succeed `successes` times more on this thread and fail once after that: throw std::bad_alloc, or
// return null where it is the one that doesn't throw.
void FailOneAllocation(size_t successes);
// Whether that has happened; ends the wait for it otherwise.
bool AllocationHasFailed();

// The same of OpenSSL's allocations on this thread, which then get null: once, or every time until the second function
// is called.
enum class Shortage { kOnce, kLasting };
void FailOpenSslAllocation(size_t successes, Shortage shortage);
bool OpenSslAllocationHasFailed();

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_FAULT_ALLOCATION_COUNTER_H_
