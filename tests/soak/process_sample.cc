// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/process_sample.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace pulseal::soak {
namespace {

// Threads may end and files be closed during the count.
size_t CountIn(const char* folder) {
  std::error_code error;
  size_t count = 0;
  for (auto entry = std::filesystem::directory_iterator(folder, error); entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

ProcessSample TakeSample() {
  ProcessSample sample;
  size_t pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident_pages;
  sample.resident_kib = resident_pages * static_cast<size_t>(sysconf(_SC_PAGESIZE)) / 1024;
  sample.descriptors = CountIn("/proc/self/fd");
  sample.threads = CountIn("/proc/self/task");
  return sample;
}

ProcessSample Largest(const std::vector<ProcessSample>& samples, size_t begin, size_t end) {
  ProcessSample largest;
  for (size_t i = begin; i < end; ++i) {
    largest.resident_kib = std::max(largest.resident_kib, samples[i].resident_kib);
    largest.descriptors = std::max(largest.descriptors, samples[i].descriptors);
    largest.threads = std::max(largest.threads, samples[i].threads);
  }
  return largest;
}

}  // namespace pulseal::soak
