// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/compression.h"

#include <lz4.h>
#include <snappy-c.h>
#include <zstd_errors.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/framing/codec_memory.h"
#include "lib/status.h"

namespace pulseal::framing {
namespace {

static_assert(kMaxUncompressedSize == LZ4_MAX_INPUT_SIZE);

// What a codec made of its input.
struct Result {
  enum class Kind { kDone, kDamaged, kNoMemory } kind = Kind::kDamaged;
  size_t size = 0;  // bytes written, with kDone
};

constexpr Result kDamaged = {Result::Kind::kDamaged, 0}, kNoMemory = {Result::Kind::kNoMemory, 0};

constexpr Result Done(size_t size) { return {Result::Kind::kDone, size}; }

struct Codec {
  const char* name;
  size_t (*max_compressed_size)(size_t size);
  // `out` has max_compressed_size bytes.
  Result (*compress)(CompressorState& state, std::string_view payload, absl::Span<char> out);
  // `out` has exactly the declared size. Must neither write behind it nor leave bytes of `compressed` unread.
  Result (*decompress)(DecompressorState& state, std::string_view compressed, absl::Span<char> out);
};

// -- none

size_t SameSize(size_t size) { return size; }

template <typename State>
Result Copy(State& /*state*/, std::string_view from, absl::Span<char> out) {
  if (from.size() > out.size()) return kDamaged;
  std::copy(from.begin(), from.end(), out.begin());
  return Done(from.size());
}

// -- LZ4: its functions take the whole input by design, so that nothing can trail.

size_t Lz4Bound(size_t size) { return static_cast<size_t>(LZ4_compressBound(static_cast<int>(size))); }

Result CompressLz4(CompressorState& /*state*/, std::string_view payload, absl::Span<char> out) {
  const int size =
      LZ4_compress_default(payload.data(), out.data(), static_cast<int>(payload.size()), static_cast<int>(out.size()));
  return size > 0 ? Done(static_cast<size_t>(size)) : kNoMemory;
}

Result DecompressLz4(DecompressorState& /*state*/, std::string_view compressed, absl::Span<char> out) {
  if (compressed.size() > static_cast<size_t>(std::numeric_limits<int>::max())) return kDamaged;
  const int size = LZ4_decompress_safe(compressed.data(), out.data(), static_cast<int>(compressed.size()),
                                       static_cast<int>(out.size()));
  return size >= 0 ? Done(static_cast<size_t>(size)) : kDamaged;
}

// -- ZLIB

Bytef* AsZlib(char* bytes) { return reinterpret_cast<Bytef*>(bytes); }
const Bytef* AsZlib(const char* bytes) { return reinterpret_cast<const Bytef*>(bytes); }

size_t ZlibBound(size_t size) { return compressBound(size); }

void SetBuffers(std::string_view in, absl::Span<char> out, z_stream* stream) {
  stream->next_in = const_cast<Bytef*>(AsZlib(in.data()));  // it only reads
  stream->avail_in = static_cast<uInt>(in.size());
  stream->next_out = AsZlib(out.data());
  stream->avail_out = static_cast<uInt>(out.size());
}

Result CompressZlib(CompressorState& state, std::string_view payload, absl::Span<char> out) {
  z_stream* stream = state.Zlib();
  if (stream == nullptr) return kNoMemory;
  SetBuffers(payload, out, stream);
  return deflate(stream, Z_FINISH) == Z_STREAM_END ? Done(stream->total_out) : kNoMemory;
}

// Not zlib's uncompress(), which takes a stream of one byte for an empty one. In one call the output is the window.
Result DecompressZlib(DecompressorState& state, std::string_view compressed, absl::Span<char> out) {
  // inflate() says that it was between two blocks, on a byte's boundary, neither of them the last. So ends the stream of
  // Java's client, which flushes it and never finishes it.
  constexpr int kAfterFlush = 128;
  if (compressed.size() > std::numeric_limits<uInt>::max()) return kDamaged;
  if (compressed.empty() && out.empty()) return Done(0);  // Java's client makes nothing of nothing
  z_stream* stream = state.Zlib();
  if (stream == nullptr) return kNoMemory;
  SetBuffers(compressed, out, stream);
  const int code = inflate(stream, Z_FINISH);
  if (code == Z_MEM_ERROR) return kNoMemory;
  const bool is_flushed = code == Z_BUF_ERROR && stream->total_out > 0 && stream->data_type == kAfterFlush;
  return (code == Z_STREAM_END || is_flushed) && stream->avail_in == 0 ? Done(stream->total_out) : kDamaged;
}

// -- ZSTD

size_t ZstdBound(size_t size) { return ZSTD_compressBound(size); }

Result CompressZstd(CompressorState& state, std::string_view payload, absl::Span<char> out) {
  ZSTD_CCtx* context = state.Zstd();
  if (context == nullptr) return kNoMemory;
  const size_t size =
      ZSTD_compressCCtx(context, out.data(), out.size(), payload.data(), payload.size(), ZSTD_CLEVEL_DEFAULT);
  return ZSTD_isError(size) ? kNoMemory : Done(size);
}

// Whether `bytes` are one Zstandard frame: ZSTD_decompressDCtx also takes several, skippable ones and those of versions
// before 1.0.
bool IsOneZstdFrame(std::string_view bytes) {
  constexpr std::string_view kMagic = "\x28\xb5\x2f\xfd";
  return bytes.substr(0, kMagic.size()) == kMagic &&
         ZSTD_findFrameCompressedSize(bytes.data(), bytes.size()) == bytes.size();
}

// In one call the output is the window, so that a frame which asks for a large one gets no memory for it.
Result DecompressZstd(DecompressorState& state, std::string_view compressed, absl::Span<char> out) {
  if (!IsOneZstdFrame(compressed)) return kDamaged;
  ZSTD_DCtx* context = state.Zstd();
  if (context == nullptr) return kNoMemory;
  const size_t size = ZSTD_decompressDCtx(context, out.data(), out.size(), compressed.data(), compressed.size());
  if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation) return kNoMemory;
  return ZSTD_isError(size) ? kDamaged : Done(size);
}

// -- SNAPPY

Result CompressSnappy(CompressorState& /*state*/, std::string_view payload, absl::Span<char> out) {
  size_t size = out.size();
  const snappy_status status = snappy_compress(payload.data(), payload.size(), out.data(), &size);
  return status == SNAPPY_OK ? Done(size) : kNoMemory;
}

// It starts with the size that it gives, and snappy_uncompress refuses whatever gives another.
Result DecompressSnappy(DecompressorState& /*state*/, std::string_view compressed, absl::Span<char> out) {
  size_t size = out.size();
  const snappy_status status = snappy_uncompress(compressed.data(), compressed.size(), out.data(), &size);
  return status == SNAPPY_OK ? Done(size) : kDamaged;
}

// In the order of Compression.
constexpr Codec kCodecs[] = {
    {"none", SameSize, Copy, Copy},
    {"lz4", Lz4Bound, CompressLz4, DecompressLz4},
    {"zlib", ZlibBound, CompressZlib, DecompressZlib},
    {"zstd", ZstdBound, CompressZstd, DecompressZstd},
    {"snappy", snappy_max_compressed_length, CompressSnappy, DecompressSnappy},
};

const Codec* Find(Compression codec) {
  const auto number = static_cast<uint32_t>(codec);
  return number < std::size(kCodecs) ? &kCodecs[number] : nullptr;
}

absl::Status UnknownCodec(Compression codec, Reason reason) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, reason,
                    absl::StrCat("compression: this library doesn't know codec ", static_cast<int32_t>(codec)));
}

absl::Status Malformed(const Codec& codec, std::string_view problem) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                    absl::StrCat(codec.name, ": ", AsAbsl(problem)));
}

absl::Status TooSmall(const Codec& codec, size_t needed, size_t size) {
  return Misuse(absl::StrCat(codec.name, ": it takes ", needed, " bytes, and `out` has ", size),
                absl::StatusCode::kOutOfRange);
}

absl::Status NoMemory(const Codec& codec) {
  return absl::ResourceExhaustedError(absl::StrCat(codec.name, ": there was no memory to work in"));
}

// Some codecs don't take a null pointer, not even for nothing.
template <typename Bytes>
Bytes WithoutNull(Bytes bytes) {
  static char nothing = 0;
  return bytes.data() == nullptr ? Bytes(&nothing, bytes.size()) : bytes;
}

absl::StatusOr<std::string_view> CompressIn(CompressorState& state, Compression codec, std::string_view payload,
                                            absl::Span<char> out) {
  const Codec* found = Find(codec);
  if (found == nullptr) return UnknownCodec(codec, Reason::kMisuse);
  if (payload.size() > kMaxUncompressedSize) {
    return Misuse(
        absl::StrCat(found->name, ": ", payload.size(), " bytes to compress; at most ", kMaxUncompressedSize));
  }
  const size_t needed = found->max_compressed_size(payload.size());
  if (out.size() < needed) return TooSmall(*found, needed, out.size());
  const Result result = found->compress(state, WithoutNull(payload), WithoutNull(out.first(needed)));
  if (result.kind != Result::Kind::kDone) return NoMemory(*found);
  return std::string_view(out.data(), result.size);
}

absl::StatusOr<std::string_view> DecompressIn(DecompressorState& state, Compression codec, std::string_view compressed,
                                              uint32_t uncompressed_size, absl::Span<char> out) {
  const Codec* found = Find(codec);
  if (found == nullptr) return UnknownCodec(codec, Reason::kMalformed);
  if (uncompressed_size > kMaxUncompressedSize) {
    return Malformed(*found,
                     absl::StrCat(uncompressed_size, " bytes are declared; at most ", kMaxUncompressedSize, " can be"));
  }
  if (out.size() < uncompressed_size) return TooSmall(*found, uncompressed_size, out.size());
  const Result result = found->decompress(state, WithoutNull(compressed), WithoutNull(out.first(uncompressed_size)));
  if (result.kind == Result::Kind::kNoMemory) return NoMemory(*found);
  if (result.kind == Result::Kind::kDamaged) {
    return Malformed(*found, absl::StrCat(compressed.size(), " bytes are damaged, or not exactly one payload of the ",
                                          uncompressed_size, " bytes declared"));
  }
  if (result.size != uncompressed_size) {
    return Malformed(*found, absl::StrCat(compressed.size(), " bytes give ", result.size, ", and ", uncompressed_size,
                                          " are declared"));
  }
  return std::string_view(out.data(), result.size);
}

}  // namespace

Compressor::Compressor() : state_(std::make_unique<CompressorState>()) {}

Compressor::~Compressor() = default;

absl::StatusOr<std::string_view> Compressor::Compress(Compression codec, std::string_view payload,
                                                      absl::Span<char> out) {
  return CompressIn(*state_, codec, payload, out);
}

Decompressor::Decompressor() : state_(std::make_unique<DecompressorState>()) {}

Decompressor::~Decompressor() = default;

absl::StatusOr<std::string_view> Decompressor::Decompress(Compression codec, std::string_view compressed,
                                                          uint32_t uncompressed_size, absl::Span<char> out) {
  return DecompressIn(*state_, codec, compressed, uncompressed_size, out);
}

const char* CompressionName(Compression codec) {
  const Codec* found = Find(codec);
  return found == nullptr ? "unknown" : found->name;
}

size_t MaxCompressedSize(Compression codec, size_t size) {
  const Codec* found = Find(codec);
  return found == nullptr || size > kMaxUncompressedSize ? 0 : found->max_compressed_size(size);
}

absl::StatusOr<std::string_view> Compress(Compression codec, std::string_view payload, absl::Span<char> out) {
  CompressorState state;
  return CompressIn(state, codec, payload, out);
}

absl::Status Compress(Compression codec, std::string_view payload, std::string* out) {
  out->resize(MaxCompressedSize(codec, payload.size()));
  const absl::StatusOr<std::string_view> compressed = Compress(codec, payload, absl::MakeSpan(*out));
  out->resize(compressed.ok() ? compressed->size() : 0);
  return compressed.status();
}

absl::StatusOr<std::string_view> Decompress(Compression codec, std::string_view compressed, uint32_t uncompressed_size,
                                            absl::Span<char> out) {
  DecompressorState state;
  return DecompressIn(state, codec, compressed, uncompressed_size, out);
}

absl::Status Decompress(Compression codec, std::string_view compressed, uint32_t uncompressed_size, std::string* out,
                        size_t max_size) {
  out->clear();
  const Codec* found = Find(codec);
  if (found == nullptr) return UnknownCodec(codec, Reason::kMalformed);
  if (uncompressed_size > max_size) {
    return Malformed(*found, absl::StrCat(uncompressed_size, " bytes are declared; ", max_size, " are allowed"));
  }
  out->resize(uncompressed_size);
  const absl::Status status = Decompress(codec, compressed, uncompressed_size, absl::MakeSpan(*out)).status();
  if (!status.ok()) out->clear();
  return status;
}

}  // namespace pulseal::framing
