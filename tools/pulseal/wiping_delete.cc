// SPDX-License-Identifier: Apache-2.0
//
// The program's operator delete, which wipes what it frees: messages go through lines, batches, JSON and the buffers of
// libraries, and no other place sees them all. The forms for arrays and those that don't throw call these.
#include <malloc.h>
#include <string.h>

#include <cstdlib>
#include <new>

namespace {

void WipeAndFree(void* memory, size_t size) noexcept {
  if (memory == nullptr) return;
  explicit_bzero(memory, size);
  std::free(memory);
}

}  // namespace

// operator new is the standard library's, which takes its memory from malloc. NOLINTBEGIN(cert-dcl54-cpp)
void operator delete(void* memory, size_t size) noexcept { WipeAndFree(memory, size); }
void operator delete(void* memory, size_t size, std::align_val_t) noexcept { WipeAndFree(memory, size); }
void operator delete(void* memory) noexcept { WipeAndFree(memory, malloc_usable_size(memory)); }
void operator delete(void* memory, std::align_val_t) noexcept { WipeAndFree(memory, malloc_usable_size(memory)); }
// NOLINTEND(cert-dcl54-cpp)
