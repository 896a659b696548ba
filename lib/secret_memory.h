// SPDX-License-Identifier: Apache-2.0
//
// Memory for secrets: pages that hold nothing else, so that they can be kept out of core dumps and swap, which the kernel
// does by the page.
//
// The pages are the process's, not an object's: a page for each data key would be 64 times the memory, and RLIMIT_MEMLOCK,
// often 8 MiB, would be used up by 2,000 keys. OPENSSL_secure_malloc has such pages too, but only one program in a process
// can decide on their number, and that is the embedder's.
#ifndef PULSEAL_LIB_SECRET_MEMORY_H_
#define PULSEAL_LIB_SECRET_MEMORY_H_

#include <cstddef>

namespace pulseal {

// What is larger than this is hardly a key, but plaintext on its way, of which there may be much: it lies on the heap.
inline constexpr size_t kMostSecretMemory = (size_t{16} << 10) - 9;

// `size` zeroed bytes, aligned to 64 unless they lie on the heap. Throws std::bad_alloc. Neither function takes a lock, so
// that both work in a child that was forked while other threads were in them.
char* TakeSecretMemory(size_t size);

// Wipes it. `size` as it was taken. The pages stay for the next secret.
void ReturnSecretMemory(char* memory, size_t size) noexcept;

}  // namespace pulseal

#endif  // PULSEAL_LIB_SECRET_MEMORY_H_
