// SPDX-License-Identifier: Apache-2.0
//
// Memory for plaintext that is used for one message after another: it grows, and is wiped before it is freed.
#ifndef PULSEAL_LIB_FRAMING_SCRATCH_H_
#define PULSEAL_LIB_FRAMING_SCRATCH_H_

#include <string.h>

#include <algorithm>
#include <cstddef>
#include <string>

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

}  // namespace pulseal::framing

#endif  // PULSEAL_LIB_FRAMING_SCRATCH_H_
