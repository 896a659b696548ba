// SPDX-License-Identifier: Apache-2.0
#include "pulseal/secret_bytes.h"

#include <string.h>

#include <utility>

#include "lib/secret_memory.h"

namespace pulseal {

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  SecretBytes taken(std::move(other));
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  std::swap(capacity_, taken.capacity_);
  return *this;
}

SecretBytes::~SecretBytes() {
  if (data_ != nullptr) ReturnSecretMemory(data_, capacity_);
}

SecretBytes SecretBytes::CopyOf(std::string_view bytes) {
  SecretBytes copy = OfSize(bytes.size());
  bytes.copy(copy.data_, bytes.size());
  return copy;
}

SecretBytes SecretBytes::OfSize(size_t size) {
  SecretBytes bytes;
  if (size == 0) return bytes;
  bytes.data_ = TakeSecretMemory(size);
  bytes.size_ = bytes.capacity_ = size;
  return bytes;
}

void SecretBytes::Truncate(size_t size) {
  if (size >= size_) return;
  explicit_bzero(data_ + size, size_ - size);
  size_ = size;
}

}  // namespace pulseal
