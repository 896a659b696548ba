// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_ONE_PROCESSOR_H_
#define PULSEAL_TESTS_SUPPORT_ONE_PROCESSOR_H_

#include <gtest/gtest.h>
#include <sched.h>

#include <cstddef>

namespace pulseal::testing {

// While it lives, this thread stays on the processor that it runs on, and so in one lane: on another processor a key that is
// long in use costs what its first message does.
class OneProcessor {
 public:
  OneProcessor() {
    EXPECT_EQ(sched_getaffinity(0, sizeof before_, &before_), 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
    EXPECT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  }
  ~OneProcessor() { EXPECT_EQ(sched_setaffinity(0, sizeof before_, &before_), 0); }
  OneProcessor(const OneProcessor&) = delete;
  OneProcessor& operator=(const OneProcessor&) = delete;

 private:
  cpu_set_t before_;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_ONE_PROCESSOR_H_
