// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SOAK_PROCESS_SAMPLE_H_
#define PULSEAL_TESTS_SOAK_PROCESS_SAMPLE_H_

#include <cstddef>
#include <vector>

namespace pulseal::soak {

// What this process holds now, from /proc/self.
struct ProcessSample {
  size_t resident_kib = 0, descriptors = 0, threads = 0;
};
ProcessSample TakeSample();

// The largest of each among samples [begin, end).
ProcessSample Largest(const std::vector<ProcessSample>& samples, size_t begin, size_t end);

}  // namespace pulseal::soak

#endif  // PULSEAL_TESTS_SOAK_PROCESS_SAMPLE_H_
