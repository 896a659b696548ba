// SPDX-License-Identifier: Apache-2.0
//
// The functions that give zstd an allocator have been the same since its 1.0, but it counts them among those that may
// change. No others let its memory be wiped.
#define ZSTD_STATIC_LINKING_ONLY
#include "lib/framing/codec_memory.h"

#include <string.h>

#include <cstddef>
#include <new>

namespace pulseal::framing {
namespace {

// Before each block, which is told its size so that it can be wiped.
constexpr size_t kHeader = alignof(std::max_align_t);
static_assert(sizeof(size_t) <= kHeader);

void* Allocate(void* /*opaque*/, size_t size) {
  void* block = ::operator new(kHeader + size, std::nothrow);
  if (block == nullptr) return nullptr;
  memcpy(block, &size, sizeof size);
  return static_cast<char*>(block) + kHeader;
}

void WipeAndFree(void* /*opaque*/, void* memory) {
  if (memory == nullptr) return;
  char* block = static_cast<char*>(memory) - kHeader;
  size_t size = 0;
  memcpy(&size, block, sizeof size);
  explicit_bzero(memory, size);
  ::operator delete(block);
}

constexpr ZSTD_customMem kZstdMemory = {Allocate, WipeAndFree, nullptr};

voidpf AllocateForZlib(voidpf opaque, uInt count, uInt size) { return Allocate(opaque, size_t{count} * size); }

z_stream* Usable(z_stream* stream, int code) { return code == Z_OK ? stream : nullptr; }

void SetMemory(z_stream* stream) {
  stream->zalloc = AllocateForZlib;
  stream->zfree = WipeAndFree;
}

}  // namespace

// The functions that free take null, and a stream that never began.

CompressorState::~CompressorState() {
  ZSTD_freeCCtx(zstd_);
  deflateEnd(&zlib_);
}

ZSTD_CCtx* CompressorState::Zstd() {
  if (zstd_ == nullptr) zstd_ = ZSTD_createCCtx_advanced(kZstdMemory);
  return zstd_;
}

z_stream* CompressorState::Zlib() {
  if (zlib_.state != nullptr) return Usable(&zlib_, deflateReset(&zlib_));
  SetMemory(&zlib_);
  return Usable(&zlib_, deflateInit(&zlib_, Z_DEFAULT_COMPRESSION));
}

DecompressorState::~DecompressorState() {
  ZSTD_freeDCtx(zstd_);
  inflateEnd(&zlib_);
}

ZSTD_DCtx* DecompressorState::Zstd() {
  if (zstd_ == nullptr) zstd_ = ZSTD_createDCtx_advanced(kZstdMemory);
  return zstd_;
}

z_stream* DecompressorState::Zlib() {
  if (zlib_.state != nullptr) return Usable(&zlib_, inflateReset(&zlib_));
  SetMemory(&zlib_);
  return Usable(&zlib_, inflateInit(&zlib_));
}

}  // namespace pulseal::framing
