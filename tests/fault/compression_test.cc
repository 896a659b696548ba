// SPDX-License-Identifier: Apache-2.0
//
// Codecs that get no memory.
#include "pulseal/framing/compression.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/fault/allocation_counter.h"

namespace pulseal::framing {
namespace {

using testing::AllocationHasFailed;
using testing::FailOneAllocation;

class EachCodecWithMemory : public ::testing::TestWithParam<Compression> {};

TEST_P(EachCodecWithMemory, SaysThatThereIsNoneAndGoesOnWhenThereIsAgain) {
  const std::string payload(10'000, 'x');
  std::string room(MaxCompressedSize(GetParam(), payload.size()), '\0'), back(payload.size(), '\0');
  bool failed = true;
  size_t at = 0;
  for (; failed; ++at) {
    Compressor compressor;
    FailOneAllocation(at);
    const auto refused = compressor.Compress(GetParam(), payload, absl::MakeSpan(room));
    failed = AllocationHasFailed();
    EXPECT_EQ(refused.status().code(), failed ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kOk) << at;
    const auto compressed = compressor.Compress(GetParam(), payload, absl::MakeSpan(room));
    ASSERT_TRUE(compressed.ok()) << at << compressed.status();

    Decompressor decompressor;
    const auto size = static_cast<uint32_t>(payload.size());
    FailOneAllocation(at);
    const auto unread = decompressor.Decompress(GetParam(), *compressed, size, absl::MakeSpan(back));
    const bool unread_failed = AllocationHasFailed();
    EXPECT_EQ(unread.status().code(), unread_failed ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kOk)
        << at;
    const auto read = decompressor.Decompress(GetParam(), *compressed, size, absl::MakeSpan(back));
    ASSERT_TRUE(read.ok()) << at << read.status();
    EXPECT_EQ(*read, payload) << at;
  }
  EXPECT_GT(at, 2u);
}

INSTANTIATE_TEST_SUITE_P(Codecs, EachCodecWithMemory, ::testing::Values(Compression::kZlib, Compression::kZstd),
                         [](const auto& test) { return CompressionName(test.param); });

}  // namespace
}  // namespace pulseal::framing
