// SPDX-License-Identifier: Apache-2.0
#include "tests/wipe/leftover_search.h"

#include <execinfo.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <new>
#include <utility>

#include "tests/support/memory_mappings.h"

namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "wipe test: " << what << "\n";
  std::abort();
}

// Before each block, so that neither the blocks nor their list take memory from what they watch.
struct Header {
  void* allocated;
  size_t size;
  Header* next;
  Header* previous;
  int depth;
  void* freed_by[16];

  std::string_view bytes() const { return {reinterpret_cast<const char*>(this + 1), size}; }
};

struct List {
  Header* first = nullptr;

  void Add(Header* header) {
    header->previous = nullptr;
    header->next = first;
    if (first != nullptr) first->previous = header;
    first = header;
  }
  void Remove(Header* header) {
    (header->previous != nullptr ? header->previous->next : first) = header->next;
    if (header->next != nullptr) header->next->previous = header->previous;
  }
};

std::mutex mutex;  // guards all of the below
List live, freed;
bool recording = false;  // what is freed meanwhile is kept as it is

void* Allocate(size_t size, size_t alignment) noexcept {
  alignment = std::max(alignment, alignof(std::max_align_t));
  const size_t room = (sizeof(Header) + alignment - 1) / alignment * alignment;
  void* allocated = nullptr;
  if (posix_memalign(&allocated, alignment, room + size) != 0) return nullptr;
  auto* header = reinterpret_cast<Header*>(static_cast<char*>(allocated) + room) - 1;
  header->allocated = allocated;
  header->size = size;
  header->depth = 0;
  memset(header + 1, 0, size);  // what malloc's other users left isn't ours
  const std::lock_guard lock(mutex);
  live.Add(header);
  return header + 1;
}

void* AllocateOrDie(size_t size, size_t alignment) {
  void* memory = Allocate(size, alignment);
  Require(memory != nullptr, "out of memory");
  return memory;
}

void Free(void* memory) noexcept {
  if (memory == nullptr) return;
  Header* header = static_cast<Header*>(memory) - 1;
  const std::lock_guard lock(mutex);
  live.Remove(header);
  if (!recording) return std::free(header->allocated);
  header->depth = backtrace(header->freed_by, static_cast<int>(std::size(header->freed_by)));
  freed.Add(header);
}

struct Secret {
  const char* name;
  std::string_view bytes;
};

// Not on the heap, where they would be found.
constexpr size_t kMostSecrets = 400;
Secret secrets[kMostSecrets];
size_t secret_count = 0;
char arena[size_t{1} << 16];
size_t arena_used = 0;

char* Reserve(size_t size) {
  Require(size <= sizeof arena - arena_used, "too many bytes to keep");
  return arena + std::exchange(arena_used, arena_used + size);
}

void LookFor(const char* name, std::string_view bytes) {
  Require(bytes.size() >= 16, "a secret of less than 16 bytes can't be told from chance");
  Require(secret_count < kMostSecrets, "too many secrets");
  secrets[secret_count++] = {name, bytes};
}

// In pieces, since a copy may have been overwritten in part.
bool Holds(std::string_view memory, std::string_view secret) {
  constexpr size_t kPiece = 8;
  for (size_t at = 0; at + kPiece <= secret.size(); at += kPiece) {
    if (memmem(memory.data(), memory.size(), secret.data() + at, kPiece) != nullptr) return true;
  }
  return false;
}

std::vector<const char*> SecretsIn(std::string_view memory) {
  std::vector<const char*> names;
  for (size_t i = 0; i < secret_count; ++i) {
    if (Holds(memory, secrets[i].bytes)) names.push_back(secrets[i].name);
  }
  return names;
}

constexpr size_t kStackSize = size_t{1} << 20;
char* stack = nullptr;

// Below `unused`, so that the end of the thread doesn't write over what the code left.
void* RunCode(void* code) {
  [[maybe_unused]] volatile char unused[size_t{1} << 14];
  unused[0] = 0;
  (*static_cast<const std::function<void()>*>(code))();
  return nullptr;
}

std::string FreedBy(const Header& block) {
  std::string text;
  char** frames = backtrace_symbols(block.freed_by, block.depth);
  for (int i = 0; frames != nullptr && i < block.depth; ++i) text += std::string("\n    ") + frames[i];
  std::free(frames);
  return text;
}

}  // namespace

void* operator new(size_t size) { return AllocateOrDie(size, 0); }
void* operator new[](size_t size) { return AllocateOrDie(size, 0); }
void* operator new(size_t size, std::align_val_t alignment) { return AllocateOrDie(size, size_t(alignment)); }
void* operator new[](size_t size, std::align_val_t alignment) { return AllocateOrDie(size, size_t(alignment)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Allocate(size, 0); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return Allocate(size, 0); }
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return Allocate(size, size_t(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return Allocate(size, size_t(alignment));
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete[](void* memory, size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { Free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { Free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { Free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { Free(memory); }

namespace pulseal::testing {
namespace {

// Pulseal's own memory for secrets, which operator new knows nothing of. What is free in there must be wiped too.
std::vector<std::string_view> SecretPages() {
  std::vector<std::string_view> pages;
  for (const MemoryMapping& mapping : MemoryMappings()) {
    if (!mapping.name.empty() || !mapping.IsLeftOutOfDumps()) continue;
    pages.emplace_back(reinterpret_cast<const char*>(mapping.begin), mapping.end - mapping.begin);
  }
  return pages;
}

}  // namespace

LeftoverSearch::LeftoverSearch() {
  Require(getenv("LD_BIND_NOW") != nullptr, "set LD_BIND_NOW=1: see tests/wipe/CMakeLists.txt");
  Require(stack == nullptr, "two searches at the same time");
  void* mapped = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Require(mapped != MAP_FAILED, "no memory for a stack");
  stack = static_cast<char*>(mapped);
}

LeftoverSearch::~LeftoverSearch() {
  const std::lock_guard lock(mutex);
  while (Header* header = freed.first) {
    freed.Remove(header);
    std::free(header->allocated);
  }
  secret_count = arena_used = 0;
  munmap(std::exchange(stack, nullptr), kStackSize);
}

std::string_view LeftoverSearch::Copy(std::string_view bytes) {
  const std::lock_guard lock(mutex);
  char* copy = Reserve(bytes.size());
  bytes.copy(copy, bytes.size());
  return {copy, bytes.size()};
}

std::string_view LeftoverSearch::Keep(const char* name, std::string_view secret) {
  const std::string_view copy = Copy(secret);
  const std::lock_guard lock(mutex);
  LookFor(name, copy);
  return copy;
}

std::string_view LeftoverSearch::NewSecret(const char* name, size_t size) {
  const std::lock_guard lock(mutex);
  char* bytes = Reserve(size);
  Require(getrandom(bytes, size, 0) == static_cast<ssize_t>(size), "no random bytes");
  LookFor(name, {bytes, size});
  return {bytes, size};
}

void LeftoverSearch::Run(const std::function<void()>& code) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, kStackSize);
  std::unique_lock lock(mutex);
  recording = true;
  lock.unlock();
  Require(pthread_create(&thread, &attributes, RunCode, const_cast<std::function<void()>*>(&code)) == 0, "no thread");
  Require(pthread_join(thread, nullptr) == 0, "the thread can't be joined");
  pthread_attr_destroy(&attributes);
  lock.lock();
  recording = false;
}

std::vector<std::string> LeftoverSearch::Live() const {
  std::vector<std::string> found;
  const std::vector<std::string_view> pages = SecretPages();
  size_t count = 0;
  const Secret* held[kMostSecrets];
  {
    // Nothing may be allocated under the lock.
    const std::lock_guard lock(mutex);
    for (size_t i = 0; i < secret_count; ++i) {
      bool is_held = false;
      for (const Header* block = live.first; block != nullptr && !is_held; block = block->next) {
        is_held = Holds(block->bytes(), secrets[i].bytes);
      }
      for (const std::string_view page : pages) is_held = is_held || Holds(page, secrets[i].bytes);
      if (is_held) held[count++] = &secrets[i];
    }
  }
  for (size_t i = 0; i < count; ++i) found.push_back(held[i]->name);
  return found;
}

// Nobody else is at work by now, so the lists can be read without the lock.
std::vector<std::string> LeftoverSearch::Found() const {
  std::vector<std::string> found;
  for (const std::string& name : Live()) found.push_back(name + " in memory that is still held");
  for (const Header* block = freed.first; block != nullptr; block = block->next) {
    for (const char* name : SecretsIn(block->bytes())) {
      found.push_back(std::string(name) + " in a freed block of " + std::to_string(block->size) + " bytes, freed by" +
                      FreedBy(*block));
    }
  }
  for (const char* name : SecretsIn({stack, kStackSize})) found.push_back(std::string(name) + " on the stack");
  return found;
}

}  // namespace pulseal::testing
