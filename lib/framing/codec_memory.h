// SPDX-License-Identifier: Apache-2.0
//
// What the codecs work in: made when it is first used, kept for the next call, and wiped when it is freed. Of LZ4 and
// Snappy there is nothing to keep: their tables cost little to make, and hold positions, not plaintext.
#ifndef PULSEAL_LIB_FRAMING_CODEC_MEMORY_H_
#define PULSEAL_LIB_FRAMING_CODEC_MEMORY_H_

#include <zlib.h>
#include <zstd.h>

namespace pulseal::framing {

// Both functions: null where there is no memory. Streams are at their beginning.
class CompressorState {
 public:
  CompressorState() = default;
  CompressorState(const CompressorState&) = delete;
  CompressorState& operator=(const CompressorState&) = delete;
  ~CompressorState();

  ZSTD_CCtx* Zstd();
  z_stream* Zlib();

 private:
  ZSTD_CCtx* zstd_ = nullptr;
  z_stream zlib_ = {};
};

// As above.
class DecompressorState {
 public:
  DecompressorState() = default;
  DecompressorState(const DecompressorState&) = delete;
  DecompressorState& operator=(const DecompressorState&) = delete;
  ~DecompressorState();

  ZSTD_DCtx* Zstd();
  z_stream* Zlib();

 private:
  ZSTD_DCtx* zstd_ = nullptr;
  z_stream zlib_ = {};
};

}  // namespace pulseal::framing

#endif  // PULSEAL_LIB_FRAMING_CODEC_MEMORY_H_
