// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_mappings.h"

#include <fstream>
#include <sstream>

namespace pulseal::testing {

std::vector<MemoryMapping> MemoryMappings() {
  std::vector<MemoryMapping> mappings;
  std::ifstream smaps("/proc/self/smaps");
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::string first, permissions, offset, device, inode;
    words >> first;
    if (first == "VmFlags:") {
      std::getline(words >> std::ws, mappings.back().flags);
      continue;
    }
    if (first.back() == ':') continue;  // Size:, Rss: and others
    MemoryMapping mapping;
    words >> permissions >> offset >> device >> inode >> mapping.name;
    mapping.begin = std::stoull(first, nullptr, 16);
    mapping.end = std::stoull(first.substr(first.find('-') + 1), nullptr, 16);
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

MemoryMapping MappingOf(const void* address) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  for (const MemoryMapping& mapping : MemoryMappings()) {
    if (mapping.begin <= at && at < mapping.end) return mapping;
  }
  return {};
}

}  // namespace pulseal::testing
