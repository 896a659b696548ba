// SPDX-License-Identifier: Apache-2.0
//
// Memory for plaintext, wiped before it is freed. Most of it is used for one message after another, and grows.
#ifndef PULSEAL_LIB_FRAMING_SCRATCH_H_
#define PULSEAL_LIB_FRAMING_SCRATCH_H_

#include <string.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "pulseal/secret_bytes.h"

namespace pulseal::framing {

// `size` bytes of `memory`, which is made larger where it has fewer and then holds nothing of what it held.
inline absl::Span<char> Room(size_t size, SecretBytes* memory) {
  if (memory->size() < size) *memory = SecretBytes::OfSize(std::max(size, memory->size() + memory->size() / 2));
  return memory->mutable_span().first(size);
}

inline void Wipe(std::string* text) {
  text->resize(text->capacity());
  explicit_bzero(&(*text)[0], text->size());
  text->clear();
}

// Room for `size` bytes in `text`, which is wiped and empty where it had less.
inline void MakeRoom(size_t size, std::string* text) {
  if (text->capacity() >= size) return;
  Wipe(text);
  text->reserve(size);
}

template <typename T>
struct WipingAllocator {
  using value_type = T;
  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, size_t count) noexcept {
    explicit_bzero(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  bool operator==(const WipingAllocator&) const { return true; }
  bool operator!=(const WipingAllocator&) const { return false; }
};

// For plaintext of which others choose how much there is, so that SecretBytes, whose pages are never given back and count
// against RLIMIT_MEMLOCK, aren't for it.
using WipedBytes = std::vector<char, WipingAllocator<char>>;

}  // namespace pulseal::framing

#endif  // PULSEAL_LIB_FRAMING_SCRATCH_H_
