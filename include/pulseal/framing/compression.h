// SPDX-License-Identifier: Apache-2.0
//
// The codecs of the wire, framed as the official clients frame them:
//
//   kLz4     one raw block (not the frames that the program lz4 writes)
//   kZlib    one zlib stream (RFC 1950). Java's client flushes its own and never finishes it, and makes no byte at all of an
//            empty payload; Decompress takes both, and Compress finishes
//   kZstd    one Zstandard frame (RFC 8878)
//   kSnappy  the raw format (not its framing format)
//
// Functions over the caller's bytes. kNone is a plain copy here. Plain ones are thread-safe; Compressor and Decompressor
// do the same faster, again and again.
//
// uncompressed_size (MessageMetadata field 9) is taken at its word and held to it: every official client writes it for a
// compressed payload, so where it is absent it reads as zero, and only an empty payload fits. The C++ and Python clients
// leave it out where nothing is compressed: don't hand such payloads to Decompress.
//
// Security: compressing before encrypting lets the length of the ciphertext tell something of the plaintext. Where an
// attacker can put text of his beside a secret in one message or batch, use kNone. What a codec works in is wiped when
// freed.
#ifndef PULSEAL_FRAMING_COMPRESSION_H_
#define PULSEAL_FRAMING_COMPRESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pulseal/export.h"
#include "pulseal/framing/message_metadata.h"

namespace pulseal::framing {

// Bytes of an uncompressed message or batch that are allowed where nobody says otherwise: Pulsar's default.
inline constexpr size_t kDefaultMaxMessageSize = 5 * 1024 * 1024;

// The longest payload that Compress takes, and the largest size that Decompress can be allowed: LZ4's limit.
inline constexpr size_t kMaxUncompressedSize = 0x7E000000;

// "lz4" and so on; "unknown" for a codec that this library doesn't know. The text lives as long as the program.
PULSEAL_EXPORT const char* CompressionName(Compression codec);

// Bytes that Compress may need for a payload of `size` bytes. Zero where Compress refuses codec or size.
PULSEAL_EXPORT size_t MaxCompressedSize(Compression codec, size_t size);

// Compresses `payload` to the front of `out`, apart from it, and returns what was written.
//   INVALID_ARGUMENT (kMisuse)     a codec that this library doesn't know, or a payload over kMaxUncompressedSize
//   OUT_OF_RANGE (kMisuse)         `out` is smaller than MaxCompressedSize; the message names the size needed
//   RESOURCE_EXHAUSTED             the codec got no memory
// On error the contents of `out` are of no use.
PULSEAL_EXPORT absl::StatusOr<std::string_view> Compress(Compression codec, std::string_view payload,
                                                         absl::Span<char> out);
// The same, replacing what `out` holds; empty on error.
PULSEAL_EXPORT absl::Status Compress(Compression codec, std::string_view payload, std::string* out);

// Decompresses to the front of `out`, apart from `compressed`, and returns the uncompressed_size bytes written. Writes
// no byte behind them, and allocates nothing that grows with what `compressed` claims.
//   INVALID_ARGUMENT (kMalformed)  `compressed` is damaged, ends early, has bytes behind its end, or gives more or fewer
//                                  bytes than uncompressed_size; or a codec that this library doesn't know. The message
//                                  names codec and sizes
//   OUT_OF_RANGE (kMisuse)         `out` is smaller than uncompressed_size; the message names the size needed
//   RESOURCE_EXHAUSTED             the codec got no memory
// On error `out` may hold pieces of the plaintext.
PULSEAL_EXPORT absl::StatusOr<std::string_view> Decompress(Compression codec, std::string_view compressed,
                                                           uint32_t uncompressed_size, absl::Span<char> out);
// The same, replacing what `out` holds; empty on error. An uncompressed_size over `max_size` is INVALID_ARGUMENT
// (kMalformed) before anything is allocated.
PULSEAL_EXPORT absl::Status Decompress(Compression codec, std::string_view compressed, uint32_t uncompressed_size,
                                       std::string* out, size_t max_size = kDefaultMaxMessageSize);

// Keeps what a codec works in from one call to the next; making it is most of what a short message costs with kZstd and
// kZlib. Nothing is allocated for a codec that isn't used. Thread-compatible: one for each producer or thread.
// Security: what it keeps holds pieces of the plaintext of earlier calls until it is destroyed.
class PULSEAL_EXPORT Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // As the function framing::Compress.
  absl::StatusOr<std::string_view> Compress(Compression codec, std::string_view payload, absl::Span<char> out);

 private:
  std::unique_ptr<class CompressorState> state_;
};

// The same for the other direction. A payload that is damaged does no harm to those after it.
class PULSEAL_EXPORT Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // As the function framing::Decompress.
  absl::StatusOr<std::string_view> Decompress(Compression codec, std::string_view compressed,
                                              uint32_t uncompressed_size, absl::Span<char> out);

 private:
  std::unique_ptr<class DecompressorState> state_;
};

}  // namespace pulseal::framing

#endif  // PULSEAL_FRAMING_COMPRESSION_H_
