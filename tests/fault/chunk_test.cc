// SPDX-License-Identifier: Apache-2.0
//
// Chunks when memory runs out: the exception passes through, and what is counted stays right.
#include "pulseal/framing/chunk.h"

#include <gtest/gtest.h>

#include <new>
#include <string>

#include "tests/fault/allocation_counter.h"

namespace pulseal::framing {
namespace {

using std::chrono::nanoseconds;
using testing::AllocationHasFailed;
using testing::FailOneAllocation;

Chunk Part(std::string_view uuid, int32_t id) {
  static const std::string payload(100, 'x');
  Chunk chunk;
  chunk.uuid = uuid;
  chunk.num_chunks = 3;
  chunk.chunk_id = id;
  chunk.total_size = 300;
  chunk.payload = payload;
  return chunk;
}

// One message that gets complete, one that fails and is answered late, one that stays open.
void PutTogether(ChunkAssembler* assembler) {
  for (int32_t id = 0; id < 3; ++id) assembler->Add(Part("complete", id), 1, {});
  assembler->Add(Part("fails", 0), 1, {});
  assembler->Fail(Part("fails", 1), 1, absl::UnknownError("x"), false, {});
  assembler->Add(Part("fails", 2), 1, {});
  assembler->Add(Part("open", 0), 1, {});
  assembler->Add(Part("open", 1), 1, {});
}

TEST(ChunkAssembler, HoldsItsCountWhateverAllocationFails) {
  bool failed = true;
  size_t at = 0;
  for (; failed; ++at) {
    ChunkAssembler assembler;
    FailOneAllocation(at);
    try {
      PutTogether(&assembler);
    } catch (const std::bad_alloc&) {
    }
    failed = AllocationHasFailed();
    EXPECT_LT(assembler.held_bytes(), 10'000u) << at;
    assembler.Flush();
    EXPECT_EQ(assembler.held_bytes(), 0u) << at;
    EXPECT_EQ(assembler.open_messages(), 0u) << at;
    for (int32_t id = 0; id < 2; ++id) assembler.Add(Part("after", id), 1, {});
    const std::vector<AssembledMessage> ended = assembler.Add(Part("after", 2), 1, {});
    ASSERT_EQ(ended.size(), 1u) << at;
    EXPECT_EQ(ended[0].payload.size(), 300u) << at;
  }
  EXPECT_GT(at, 30u);
}

}  // namespace
}  // namespace pulseal::framing
