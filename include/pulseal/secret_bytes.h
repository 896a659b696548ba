// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_SECRET_BYTES_H_
#define PULSEAL_SECRET_BYTES_H_

#include <cstddef>
#include <string_view>

#include "absl/types/span.h"
#include "pulseal/export.h"

namespace pulseal {

// Bytes that must not outlive their use: private keys as PEM, data keys, passphrases. The memory is wiped before it is
// freed, by a call that the compiler can't drop. Move-only, so that copies are made by name.
//
// Security: only this object's own memory is wiped. Whatever the bytes were copied from is the caller's to wipe.
//
// Not thread-safe while being moved or assigned; any number of threads may read.
class PULSEAL_EXPORT SecretBytes {
 public:
  SecretBytes() = default;  // empty
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;  // wipes what it held
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  static SecretBytes CopyOf(std::string_view bytes);
  static SecretBytes OfSize(size_t size);  // zero-filled, for writing through mutable_span()

  // Valid until this object is destroyed, moved from or assigned to.
  std::string_view view() const { return std::string_view(data_, size_); }
  absl::Span<char> mutable_span() { return absl::Span<char>(data_, size_); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Forgets the bytes beyond `size`, wiping them. `size` above size() changes nothing.
  void Truncate(size_t size);

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace pulseal

#endif  // PULSEAL_SECRET_BYTES_H_
