// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "pulseal/error.h"
#include "tests/support/protobuf/random_metadata.h"

namespace pulseal::framing {
namespace {

using ::testing::HasSubstr;

constexpr Compression kUnknown = static_cast<Compression>(5);

std::string Text(size_t size) {
  std::string text;
  for (uint64_t i = 0; text.size() < size; ++i) text += "message " + std::to_string(i * i) + ", ";
  text.resize(size);
  return text;
}

std::string Noise(size_t size) {
  testing::Random random(size);
  std::string noise(size, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  return noise;
}

std::string Compressed(Compression codec, std::string_view payload) {
  std::string out = "former contents";
  const absl::Status status = Compress(codec, payload, &out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

void ExpectError(const absl::Status& status, absl::StatusCode code, Reason reason, const std::string& message) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_EQ(ReasonOf(status), reason) << status;
  EXPECT_THAT(status.message(), HasSubstr(message));
}

// `compressed` is refused as malformed, and what stands behind `size` bytes of the output isn't touched.
void ExpectMalformed(Compression codec, std::string_view compressed, uint32_t size, const std::string& message = "") {
  // On the heap and exactly as large, so that a sanitizer sees a read past the end.
  const std::unique_ptr<char[]> copy(new char[compressed.size()]);
  std::copy(compressed.begin(), compressed.end(), copy.get());
  std::string out(size + 64, '?');
  const absl::Status status = Decompress(codec, {copy.get(), compressed.size()}, size, absl::MakeSpan(out)).status();
  ExpectError(status, absl::StatusCode::kInvalidArgument, Reason::kMalformed, message);
  EXPECT_THAT(status.message(), HasSubstr(CompressionName(codec)));
  EXPECT_EQ(out.substr(size), std::string(64, '?'));
  std::string string = "former contents";
  ExpectError(Decompress(codec, compressed, size, &string), absl::StatusCode::kInvalidArgument, Reason::kMalformed,
              message);
  EXPECT_EQ(string, "");
}

class EachCodec : public ::testing::TestWithParam<Compression> {};

TEST_P(EachCodec, GivesBackWhatItTook) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{12}, size_t{1000}, size_t{100000}, kDefaultMaxMessageSize}) {
    for (const std::string& payload : {Text(size), Noise(size), std::string(size, '\0')}) {
      const std::string compressed = Compressed(GetParam(), payload);
      EXPECT_LE(compressed.size(), MaxCompressedSize(GetParam(), size));
      std::string out = "former contents";
      const absl::Status status = Decompress(GetParam(), compressed, static_cast<uint32_t>(size), &out);
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_TRUE(out == payload) << size;
    }
  }
}

TEST_P(EachCodec, GivesTheSameWithMemoryThatIsKept) {
  Compressor compressor;
  Decompressor decompressor;
  for (const size_t size : {size_t{0}, size_t{100}, size_t{200000}, size_t{100}, size_t{5000}}) {
    for (const std::string& payload : {Text(size), Noise(size)}) {
      std::string buffer(MaxCompressedSize(GetParam(), size), '?'), out(size, '?');
      const auto compressed = compressor.Compress(GetParam(), payload, absl::MakeSpan(buffer));
      ASSERT_TRUE(compressed.ok()) << compressed.status();
      EXPECT_EQ(*compressed, Compressed(GetParam(), payload)) << size;
      const auto back =
          decompressor.Decompress(GetParam(), *compressed, static_cast<uint32_t>(size), absl::MakeSpan(out));
      ASSERT_TRUE(back.ok()) << back.status();
      EXPECT_EQ(*back, payload) << size;

      // What is damaged or refused does no harm to what comes next.
      const auto damaged = decompressor.Decompress(GetParam(), compressed->substr(0, compressed->size() / 2),
                                                   static_cast<uint32_t>(size), absl::MakeSpan(out));
      EXPECT_EQ(damaged.ok(), size == 0 && GetParam() == Compression::kNone) << size;
      EXPECT_EQ(compressor.Compress(kUnknown, payload, absl::MakeSpan(buffer)).status().code(),
                absl::StatusCode::kInvalidArgument);
    }
  }
}

TEST_P(EachCodec, WorksInTheCallersBuffers) {
  const std::string payload = Text(5000);
  std::string buffer(MaxCompressedSize(GetParam(), payload.size()) + 7, '?'), out(payload.size() + 7, '?');
  const auto compressed = Compress(GetParam(), payload, absl::MakeSpan(buffer));
  ASSERT_TRUE(compressed.ok()) << compressed.status();
  EXPECT_EQ(compressed->data(), buffer.data());
  EXPECT_EQ(buffer.substr(buffer.size() - 7), "???????");
  const auto decompressed = Decompress(GetParam(), *compressed, 5000, absl::MakeSpan(out));
  ASSERT_TRUE(decompressed.ok()) << decompressed.status();
  EXPECT_EQ(decompressed->data(), out.data());
  EXPECT_EQ(out, payload + "???????");
}

TEST_P(EachCodec, TakesNothingAtNoAddress) {
  const std::string compressed = Compressed(GetParam(), std::string_view());
  const auto nothing = Decompress(GetParam(), compressed, 0, absl::Span<char>());
  EXPECT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_EQ(nothing->size(), 0u);
}

TEST_P(EachCodec, NamesTheSizeThatABufferNeeds) {
  std::string small(MaxCompressedSize(GetParam(), 100) - 1, '?');
  ExpectError(Compress(GetParam(), Text(100), absl::MakeSpan(small)).status(), absl::StatusCode::kOutOfRange,
              Reason::kMisuse, "it takes " + std::to_string(small.size() + 1) + " bytes, and `out` has ");
  small.resize(99);
  ExpectError(Decompress(GetParam(), Compressed(GetParam(), Text(100)), 100, absl::MakeSpan(small)).status(),
              absl::StatusCode::kOutOfRange, Reason::kMisuse, "it takes 100 bytes, and `out` has 99");
}

TEST_P(EachCodec, HoldsTheDeclaredSize) {
  for (const size_t size : {size_t{1}, size_t{1000}, size_t{70000}}) {
    for (const std::string& payload : {Text(size), std::string(size, 'x')}) {
      const std::string compressed = Compressed(GetParam(), payload);
      for (const size_t declared : {size_t{0}, size / 2, size - 1, size + 1, 2 * size}) {
        ExpectMalformed(GetParam(), compressed, static_cast<uint32_t>(declared), std::to_string(declared));
      }
    }
  }
  ExpectMalformed(GetParam(), Compressed(GetParam(), ""), 1);
}

TEST_P(EachCodec, HoldsTheAllowedSize) {
  const std::string compressed = Compressed(GetParam(), Text(1000));
  std::string out;
  EXPECT_TRUE(Decompress(GetParam(), compressed, 1000, &out, 1000).ok());
  ExpectError(Decompress(GetParam(), compressed, 1000, &out, 999), absl::StatusCode::kInvalidArgument,
              Reason::kMalformed,
              std::string(CompressionName(GetParam())) + ": 1000 bytes are declared; 999 are allowed");
  EXPECT_EQ(out, "");
  EXPECT_EQ(kDefaultMaxMessageSize, 5u * 1024 * 1024);
  ExpectError(Decompress(GetParam(), compressed, 5 * 1024 * 1024 + 1, &out), absl::StatusCode::kInvalidArgument,
              Reason::kMalformed, "5242881 bytes are declared; 5242880 are allowed");
  ExpectError(Decompress(GetParam(), compressed, 0x7E000001, absl::Span<char>()).status(),
              absl::StatusCode::kInvalidArgument, Reason::kMalformed, "at most 2113929216 can be");
}

TEST_P(EachCodec, RefusesWhatIsCutOff) {
  const std::string compressed = Compressed(GetParam(), Text(300));
  for (size_t size = 0; size < compressed.size(); ++size) {
    ExpectMalformed(GetParam(), std::string_view(compressed).substr(0, size), 300);
  }
}

TEST_P(EachCodec, RefusesWhatTrails) {
  for (const size_t size : {size_t{1}, size_t{300}}) {
    const std::string compressed = Compressed(GetParam(), Text(size));
    ExpectMalformed(GetParam(), compressed + '\0', static_cast<uint32_t>(size));
    ExpectMalformed(GetParam(), compressed + compressed, static_cast<uint32_t>(size));
    ExpectMalformed(GetParam(), compressed + compressed, static_cast<uint32_t>(2 * size + 1));
  }
  ExpectMalformed(GetParam(), Compressed(GetParam(), "") + '\0', 0);
}

// Whatever comes, it comes back, and writes only where it may.
TEST_P(EachCodec, OutlivesDamage) {
  testing::Random random(7);
  const std::string compressed = Compressed(GetParam(), Text(2000));
  for (int i = 0; i < 3000; ++i) {
    const std::string damaged = testing::Mutated(compressed, random);
    std::string out(2000 + 64, '?');
    const auto result = Decompress(GetParam(), damaged, 2000, absl::MakeSpan(out));
    EXPECT_TRUE(result.ok() || ReasonOf(result.status()) == Reason::kMalformed) << result.status();
    ASSERT_EQ(out.substr(2000), std::string(64, '?'));
  }
}

TEST_P(EachCodec, RefusesAPayloadThatNoCodecTakes) {
  const std::string_view too_long("", kMaxUncompressedSize + 1);  // not read
  ExpectError(Compress(GetParam(), too_long, absl::Span<char>()).status(), absl::StatusCode::kInvalidArgument,
              Reason::kMisuse, "at most 2113929216");
  EXPECT_EQ(MaxCompressedSize(GetParam(), too_long.size()), 0u);
  EXPECT_GE(MaxCompressedSize(GetParam(), kMaxUncompressedSize), kMaxUncompressedSize);
}

INSTANTIATE_TEST_SUITE_P(Compression, EachCodec,
                         ::testing::Values(Compression::kNone, Compression::kLz4, Compression::kZlib,
                                           Compression::kZstd, Compression::kSnappy),
                         [](const auto& codec) { return std::string(CompressionName(codec.param)); });

TEST(Compression, RefusesACodecThatItDoesntKnow) {
  std::string out = "former contents";
  ExpectError(Compress(kUnknown, "payload", &out), absl::StatusCode::kInvalidArgument, Reason::kMisuse,
              "doesn't know codec 5");
  EXPECT_EQ(out, "");
  ExpectError(Decompress(kUnknown, "payload", 7, &out), absl::StatusCode::kInvalidArgument, Reason::kMalformed,
              "doesn't know codec 5");
  ExpectError(Decompress(static_cast<Compression>(-1), "payload", 7, absl::MakeSpan(out)).status(),
              absl::StatusCode::kInvalidArgument, Reason::kMalformed, "doesn't know codec -1");
  EXPECT_EQ(MaxCompressedSize(kUnknown, 7), 0u);
  EXPECT_STREQ(CompressionName(kUnknown), "unknown");
}

TEST(Compression, MakesTextShorter) {
  for (const Compression codec : {Compression::kLz4, Compression::kZlib, Compression::kZstd, Compression::kSnappy}) {
    EXPECT_LT(Compressed(codec, Text(10000)).size(), 6000u) << CompressionName(codec);
  }
}

TEST(Compression, TakesAZstdFrameThatDoesntSayItsSize) {
  const std::string payload = Text(5000);
  std::string frame(ZSTD_compressBound(payload.size()), '\0');
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  frame.resize(ZSTD_compress2(context.get(), &frame[0], frame.size(), payload.data(), payload.size()));
  ASSERT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), ZSTD_CONTENTSIZE_UNKNOWN);
  std::string out;
  EXPECT_TRUE(Decompress(Compression::kZstd, frame, 5000, &out).ok());
  EXPECT_EQ(out, payload);
  ExpectMalformed(Compression::kZstd, frame, 4999);
  ExpectMalformed(Compression::kZstd, frame, 5001);
  frame.back() = static_cast<char>(frame.back() ^ 1);
  ExpectMalformed(Compression::kZstd, frame, 5000);
}

TEST(Compression, TakesOneZstdFrameAndNothingElse) {
  const std::string frame = Compressed(Compression::kZstd, "payload");
  const std::string skippable("\x50\x2a\x4d\x18\x04\0\0\0skip", 12);
  ExpectMalformed(Compression::kZstd, skippable + frame, 7);
  ExpectMalformed(Compression::kZstd, frame + skippable, 7);
  ExpectMalformed(Compression::kZstd, skippable, 0);
  ExpectMalformed(Compression::kZstd, "", 0);
  ExpectMalformed(Compression::kZstd, std::string("\x25\xb5\x2f\xfd\0\0\0\0\0\0", 10), 0);  // version 0.5
}

// Frame header: no content size, not a single segment, a window of 2^41 bytes; then one empty last block.
TEST(Compression, GivesNoMemoryForAWindow) {
  const std::string frame("\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00", 9);
  std::string out;
  EXPECT_EQ(Decompress(Compression::kZstd, frame, 0, &out).code(), absl::StatusCode::kInvalidArgument);
}

// As Java's client writes it.
std::string FlushedZlib(std::string payload) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit(&stream, Z_DEFAULT_COMPRESSION), Z_OK);
  std::string out(payload.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(&payload[0]);
  stream.avail_in = static_cast<uInt>(payload.size());
  stream.next_out = reinterpret_cast<Bytef*>(&out[0]);
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(Compression, TakesAZlibStreamThatIsFlushedAndNotFinished) {
  for (const size_t size : {1u, 2u, 300u, 100000u}) {
    const std::string payload = Text(size), flushed = FlushedZlib(payload);
    const auto declared = static_cast<uint32_t>(size);
    std::string out;
    EXPECT_TRUE(Decompress(Compression::kZlib, flushed, declared, &out).ok()) << size;
    EXPECT_EQ(out, payload);
    ExpectMalformed(Compression::kZlib, flushed, declared - 1);
    ExpectMalformed(Compression::kZlib, flushed, declared + 1);
    ExpectMalformed(Compression::kZlib, flushed.substr(0, flushed.size() - 1), declared);
    ExpectMalformed(Compression::kZlib, flushed + flushed.substr(flushed.size() - 4), declared);
  }
  std::string out = "old";
  EXPECT_TRUE(Decompress(Compression::kZlib, "", 0, &out).ok());
  EXPECT_EQ(out, "");
  ExpectMalformed(Compression::kZlib, "", 1);
  ExpectMalformed(Compression::kZlib, FlushedZlib("a").substr(0, 2), 0);
}

TEST(Compression, RefusesAZlibStreamWithADictionary) {
  z_stream stream = {};
  ASSERT_EQ(deflateInit(&stream, Z_DEFAULT_COMPRESSION), Z_OK);
  std::string payload = "payload", out(100, '\0');
  ASSERT_EQ(deflateSetDictionary(&stream, reinterpret_cast<const Bytef*>("pay"), 3), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(&payload[0]);
  stream.avail_in = 7;
  stream.next_out = reinterpret_cast<Bytef*>(&out[0]);
  stream.avail_out = 100;
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  ExpectMalformed(Compression::kZlib, out, 7);
}

TEST(Compression, RefusesASnappySizeThatLies) {
  // A varint of 2^32 - 1, then nothing.
  ExpectMalformed(Compression::kSnappy, "\xff\xff\xff\xff\x0f", 100);
  ExpectMalformed(Compression::kSnappy, std::string("\x80\x80\x80\x80\x80\x80", 6), 0);
}

}  // namespace
}  // namespace pulseal::framing
