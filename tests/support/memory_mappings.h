// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_MEMORY_MAPPINGS_H_
#define PULSEAL_TESTS_SUPPORT_MEMORY_MAPPINGS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pulseal::testing {

// A piece of this process's memory as the kernel has it (/proc/self/smaps).
struct MemoryMapping {
  uintptr_t begin = 0, end = 0;
  std::string name;   // empty: memory of nobody's file
  std::string flags;  // VmFlags, as "rd wr mr mw me lo dd"

  bool Has(std::string_view flag) const {
    return (" " + flags + " ").find(" " + std::string(flag) + " ") != std::string::npos;
  }
  bool IsLeftOutOfDumps() const { return Has("dd"); }
  bool IsLocked() const { return Has("lo"); }
};

std::vector<MemoryMapping> MemoryMappings();

// Where `address` is.
MemoryMapping MappingOf(const void* address);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_MEMORY_MAPPINGS_H_
