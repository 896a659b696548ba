// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_GUARDED_BUFFER_H_
#define PULSEAL_TESTS_SUPPORT_GUARDED_BUFFER_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace pulseal::testing {

// Bytes that end where a page begins that nobody may touch, which catches what reads or writes behind them, assembly
// included.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t size) : size_(size) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t usable = (size + page - 1) / page * page;
    mapped_size_ = usable + page;
    void* mapped = mmap(nullptr, mapped_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) abort();
    mapped_ = static_cast<char*>(mapped);
    if (mprotect(mapped_ + usable, page, PROT_NONE) != 0) abort();
    data_ = mapped_ + usable - size;
  }
  explicit GuardedBuffer(std::string_view bytes) : GuardedBuffer(bytes.size()) { bytes.copy(data_, size_); }
  ~GuardedBuffer() { munmap(mapped_, mapped_size_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  char* data() { return data_; }
  std::string_view view() const { return {data_, size_}; }

 private:
  const size_t size_;
  size_t mapped_size_ = 0;
  char* mapped_ = nullptr;
  char* data_ = nullptr;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_GUARDED_BUFFER_H_
