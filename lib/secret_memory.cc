// SPDX-License-Identifier: Apache-2.0
#include "lib/secret_memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <new>

#include "absl/base/attributes.h"
#include "absl/base/config.h"
#include "absl/numeric/bits.h"
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, size)
#define ASAN_UNPOISON_MEMORY_REGION(memory, size)
#endif

namespace pulseal {
namespace {

constexpr size_t kSmallestSlot = 64;

// Pages cut into equal slots. Made once, and never given back.
struct Block {
  char* memory = nullptr;
  std::atomic<uint64_t> taken{0};  // a bit for each slot; those that there aren't are set
  Block* next = nullptr;
};

// The blocks of one size of slot.
struct Blocks {
  std::atomic<Block*> newest{nullptr};
  std::atomic<Block*> likely{nullptr};  // to have a free slot
};

// Never destroyed: secrets may live longer than what is destroyed at exit.
constexpr size_t kSizes = 9;
ABSL_CONST_INIT std::array<Blocks, kSizes> blocks_of_size;

// A slot ends in a pointer to the block that it is in; before that there is a byte or more that nobody may touch.
constexpr size_t kTrailer = sizeof(void*);
size_t SlotSize(size_t size) { return std::max(kSmallestSlot, size_t{1} << absl::bit_width(size + kTrailer)); }
Blocks& BlocksOf(size_t slot_size) { return blocks_of_size[absl::bit_width(slot_size / kSmallestSlot) - 1]; }
static_assert(kMostSecretMemory + kTrailer < kSmallestSlot << (kSizes - 1), "no blocks for that size");

Block** BlockIn(char* slot, size_t slot_size) { return reinterpret_cast<Block**>(slot + slot_size - kTrailer); }

// Neither advice nor lock is essential: a kernel may refuse the one, and RLIMIT_MEMLOCK the other.
char* MapPages(size_t size) {
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  madvise(pages, size, MADV_DONTDUMP);
  mlock(pages, size);
  return static_cast<char*>(pages);
}

// With its first slot taken.
Block* MakeBlock(size_t slot_size) {
  const size_t size = std::max(slot_size, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  const size_t slots = std::min(size / slot_size, size_t{64});
  auto block = std::make_unique<Block>();
  block->memory = MapPages(size);
  block->taken = slots == 64 ? 1 : ~uint64_t{0} << slots | 1;
  for (size_t i = 0; i < slots; ++i) *BlockIn(block->memory + i * slot_size, slot_size) = block.get();
  ASAN_POISON_MEMORY_REGION(block->memory, size);
  return block.release();
}

// Null where none is free.
char* TakeSlotIn(Block* block, size_t slot_size) {
  uint64_t taken = block->taken.load(std::memory_order_relaxed);
  while (taken != ~uint64_t{0}) {
    const uint64_t lowest_free = ~taken & (taken + 1);
    if (block->taken.compare_exchange_weak(taken, taken | lowest_free, std::memory_order_acquire)) {
      return block->memory + slot_size * static_cast<size_t>(absl::countr_zero(lowest_free));
    }
  }
  return nullptr;
}

char* TakeSlot(size_t slot_size) {
  Blocks& blocks = BlocksOf(slot_size);
  Block* likely = blocks.likely.load(std::memory_order_acquire);
  if (char* slot = likely == nullptr ? nullptr : TakeSlotIn(likely, slot_size)) return slot;
  for (Block* block = blocks.newest.load(std::memory_order_acquire); block != nullptr; block = block->next) {
    if (char* slot = TakeSlotIn(block, slot_size)) return slot;
  }
  Block* made = MakeBlock(slot_size);
  made->next = blocks.newest.load(std::memory_order_relaxed);
  while (!blocks.newest.compare_exchange_weak(made->next, made, std::memory_order_release)) {
  }
  return made->memory;
}

}  // namespace

char* TakeSecretMemory(size_t size) {
  if (size > kMostSecretMemory) return new char[size]();
  char* slot = TakeSlot(SlotSize(size));
  ASAN_UNPOISON_MEMORY_REGION(slot, size);
  return slot;
}

void ReturnSecretMemory(char* memory, size_t size) noexcept {
  explicit_bzero(memory, size);
  if (size > kMostSecretMemory) {
    delete[] memory;
    return;
  }
  const size_t slot_size = SlotSize(size);
  ASAN_UNPOISON_MEMORY_REGION(memory, slot_size);
  Block* block = *BlockIn(memory, slot_size);
  ASAN_POISON_MEMORY_REGION(memory, slot_size);
  const auto number = static_cast<size_t>(memory - block->memory) / slot_size;
  block->taken.fetch_and(~(uint64_t{1} << number), std::memory_order_release);
  BlocksOf(slot_size).likely.store(block, std::memory_order_release);
}

}  // namespace pulseal
