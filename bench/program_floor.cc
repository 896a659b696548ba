// SPDX-License-Identifier: Apache-2.0
//
// The floor under `pulseal produce` and `pulseal consume`: reads, encrypts or decrypts, and writes the same bytes, and
// does nothing else. A block is a 4-byte size, the ciphertext and the tag; what its nonce is, its place says.
//
// usage: program_floor BACKEND seal|open BLOCK_BYTES < IN > OUT
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "bench/backend.h"

namespace pulseal::bench {
namespace {

// Bytes read, fewer than `size` only at the end.
size_t ReadFull(char* data, size_t size) {
  size_t filled = 0;
  while (filled < size) {
    const ssize_t got = read(STDIN_FILENO, data + filled, size - filled);
    if (got < 0) std::abort();
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

void WriteFull(std::string_view data) {
  while (!data.empty()) {
    const ssize_t wrote = write(STDOUT_FILENO, data.data(), data.size());
    if (wrote < 0) std::abort();
    data.remove_prefix(static_cast<size_t>(wrote));
  }
}

template <typename Floor>
bool SealAll(size_t block_size) {
  Floor floor;
  std::string block(block_size, '\0'), record(sizeof(uint32_t) + block_size + kTagSize, '\0');
  for (uint64_t number = 0;; ++number) {
    const size_t size = ReadFull(block.data(), block.size());
    if (size == 0) return true;
    const auto length = static_cast<uint32_t>(size + kTagSize);
    std::memcpy(record.data(), &length, sizeof length);
    if (!floor.Seal(number, std::string_view(block).substr(0, size), &record[sizeof length])) return false;
    WriteFull(std::string_view(record).substr(0, sizeof length + length));
  }
}

template <typename Floor>
bool OpenAll(size_t block_size) {
  Floor floor;
  std::string block(block_size, '\0'), record(block_size + kTagSize, '\0');
  for (uint64_t number = 0;; ++number) {
    uint32_t length = 0;
    const size_t got = ReadFull(reinterpret_cast<char*>(&length), sizeof length);
    if (got == 0) return true;
    if (got != sizeof length || length < kTagSize || length > record.size() ||
        ReadFull(record.data(), length) != length ||
        !floor.Open(number, std::string_view(record).substr(0, length), block.data())) {
      return false;
    }
    WriteFull(std::string_view(block).substr(0, length - kTagSize));
  }
}

}  // namespace
}  // namespace pulseal::bench

int main(int argc, char** argv) {
  using namespace pulseal::bench;
  const std::string_view backend_name = argc == 4 ? argv[1] : "", direction = argc == 4 ? argv[2] : "";
  const size_t block_size = argc == 4 ? std::strtoul(argv[3], nullptr, 10) : 0;
  if (block_size == 0 || block_size > (1 << 30) || (direction != "seal" && direction != "open")) {
    std::fputs("usage: program_floor BACKEND seal|open BLOCK_BYTES < IN > OUT\n", stderr);
    return 2;
  }
  int exit_code = 2;
  ForEachBackend([&](auto backend) {
    using Floor = typename decltype(backend)::Floor;
    if (backend_name != decltype(backend)::kName) return;
    exit_code = (direction == "seal" ? SealAll<Floor>(block_size) : OpenAll<Floor>(block_size)) ? 0 : 1;
  });
  return exit_code;
}
