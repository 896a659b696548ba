// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/allocation_counter.h"

#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

namespace {

using pulseal::testing::Shortage;

thread_local size_t allocations = 0;
thread_local bool openssl_may_allocate = true;
thread_local size_t until_failure = 0;          // zero: none
thread_local size_t openssl_until_failure = 0;  // zero: none
thread_local Shortage openssl_shortage = Shortage::kOnce;
std::atomic<long> live_for_contexts{0};

void* Counted(void* memory) {
  ++allocations;
  return memory;
}

bool Fails() { return until_failure > 0 && --until_failure == 0; }

void* Allocate(size_t size, size_t alignment) {
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment < sizeof(void*) ? sizeof(void*) : alignment, size) != 0) std::abort();
  return Counted(memory);
}

void* AllocateAligned(size_t size, std::align_val_t alignment) {
  if (Fails()) throw std::bad_alloc();
  ++live_for_contexts;
  return Allocate(size, static_cast<size_t>(alignment));
}

void FreeAligned(void* memory) {
  if (memory != nullptr) --live_for_contexts;
  std::free(memory);
}

bool OpenSslGetsMemory() {
  const bool fails = openssl_until_failure > 0 && --openssl_until_failure == 0;
  if (fails && openssl_shortage == Shortage::kLasting) openssl_may_allocate = false;
  return openssl_may_allocate && !fails;
}

// OpenSSL takes them only before its first allocation.
[[maybe_unused]] const bool hooked = [] {
  const auto allocate = [](size_t size, const char*, int) -> void* {
    if (!OpenSslGetsMemory()) return nullptr;
    ++live_for_contexts;
    return Counted(std::malloc(size));
  };
  const auto reallocate = [](void* memory, size_t size, const char*, int) -> void* {
    if (!OpenSslGetsMemory()) return nullptr;
    if (memory == nullptr) ++live_for_contexts;
    return Counted(std::realloc(memory, size));
  };
  const auto release = [](void* memory, const char*, int) {
    if (memory != nullptr) --live_for_contexts;
    std::free(memory);
  };
  if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1) std::abort();
  return true;
}();

}  // namespace

void* operator new(size_t size) {
  if (Fails()) throw std::bad_alloc();
  return Allocate(size, 0);
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, std::align_val_t alignment) { return AllocateAligned(size, alignment); }
void* operator new[](size_t size, std::align_val_t alignment) { return AllocateAligned(size, alignment); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Fails() ? nullptr : Allocate(size, 0); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return Fails() ? nullptr : Allocate(size, 0); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { FreeAligned(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { FreeAligned(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { FreeAligned(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { FreeAligned(memory); }

namespace pulseal::testing {

size_t Allocations() { return allocations; }

void LetOpenSslAllocate(bool allowed) { openssl_may_allocate = allowed; }

void FailOneAllocation(size_t successes) { until_failure = successes + 1; }

bool AllocationHasFailed() { return std::exchange(until_failure, 0) == 0; }

void FailOpenSslAllocation(size_t successes, Shortage shortage) {
  openssl_until_failure = successes + 1;
  openssl_shortage = shortage;
}

bool OpenSslAllocationHasFailed() {
  openssl_may_allocate = true;
  return std::exchange(openssl_until_failure, 0) == 0;
}

long LiveContextAllocations() { return live_for_contexts; }

}  // namespace pulseal::testing
