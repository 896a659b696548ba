// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_SECRET_BYTES_H_
#define PULSEAL_SECRET_BYTES_H_

#include <cstddef>
#include <string_view>

#include "absl/types/span.h"
#include "pulseal/export.h"

namespace pulseal {

// Bytes that must not outlive their use: private keys as PEM, data keys, passphrases. The memory is wiped before it is
// freed, by a call that the compiler can't drop. Move-only, so that copies are made by name; what was moved from is empty.
//
// Up to 16,000 bytes, which is nearly every key, lie in pages that hold nothing else, are left out of core dumps
// (MADV_DONTDUMP), and are locked into memory (mlock), so that they aren't swapped out. Where RLIMIT_MEMLOCK is used up the
// pages that come then are not locked, which is no error: 1 MiB of it is enough for 10,000 data keys. The pages are the
// process's, are used again and again, and are never given back; in them a key takes up to twice its bytes, and 64 at least.
// More than 16,000 bytes lie on the heap, and are wiped.
//
// Security: only this object's own memory is wiped and kept out of dumps. Whatever the bytes were copied from is the
// caller's to wipe, and what OpenSSL makes of them lies on its heap. A child after fork() has them too, not locked.
//
// Memory: throws std::bad_alloc where there is none, as operator new does.
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
