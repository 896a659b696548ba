// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/chunk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/base/config.h"
#include "lib/status.h"
#include "pulseal/error.h"
#include "tests/support/memory_mappings.h"
#include "tests/support/protobuf/random_metadata.h"

namespace pulseal::framing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using std::chrono::nanoseconds;
using std::chrono::seconds;
using Ended = std::vector<AssembledMessage>;

// Four chunks of 3, 3, 3 and 1 bytes.
constexpr std::string_view kMessage = "0123456789";

Chunk ChunkOf(std::string_view message, int32_t id, std::string_view uuid = "p-1") {
  Chunk chunk;
  chunk.uuid = uuid;
  chunk.num_chunks = *CountChunks(message.size(), 3);
  chunk.chunk_id = id;
  chunk.total_size = static_cast<int32_t>(message.size());
  chunk.payload = ChunkAt(message, 3, id);
  return chunk;
}

Chunk Part(int32_t id, std::string_view uuid = "p-1") { return ChunkOf(kMessage, id, uuid); }

void ExpectComplete(const AssembledMessage& message, std::string_view payload) {
  EXPECT_TRUE(message.status.ok()) << message.status;
  EXPECT_FALSE(message.failed_before);
  EXPECT_EQ(message.payload.view(), payload);
}

void ExpectFailed(const AssembledMessage& message, absl::StatusCode code, Reason reason, const std::string& words) {
  EXPECT_EQ(message.status.code(), code) << message.status;
  EXPECT_EQ(ReasonOf(message.status), reason);
  EXPECT_THAT(message.status.message(), HasSubstr(words));
  EXPECT_TRUE(message.payload.empty());
}

class ChunkAssemblerTest : public ::testing::Test {
 protected:
  Ended Add(const Chunk& chunk, uint64_t cookie) { return assembler_.Add(chunk, cookie, now_); }
  Ended Fail(const Chunk& chunk, uint64_t cookie) {
    return assembler_.Fail(chunk, cookie, absl::UnauthenticatedError("forged"), discard_, now_);
  }
  void ExpectNothingHeld() {
    assembler_.Flush();
    EXPECT_EQ(assembler_.held_bytes(), 0u);
    EXPECT_EQ(assembler_.open_messages(), 0u);
  }
  nanoseconds now_ = seconds(1000);
  bool discard_ = false;
  ChunkAssembler assembler_;
};

TEST(CountChunks, CountsAndCuts) {
  EXPECT_EQ(*CountChunks(10, 3), 4);
  EXPECT_EQ(*CountChunks(9, 3), 3);
  EXPECT_EQ(*CountChunks(1, 3), 1);
  EXPECT_EQ(ChunkAt(kMessage, 3, 0), "012");
  EXPECT_EQ(ChunkAt(kMessage, 3, 3), "9");
  EXPECT_EQ(ChunkAt(kMessage, 3, 3).data(), kMessage.data() + 9);
  for (const int32_t none : {-1, 4, 5, 2147483647}) EXPECT_EQ(ChunkAt(kMessage, 3, none), "");
  EXPECT_EQ(ChunkAt(kMessage, 0, 1), "");
  EXPECT_EQ(ChunkAt(kMessage, ~size_t{0}, 2), "");
  EXPECT_EQ(*CountChunks(1'000'000, 1), 1'000'000);
  for (const auto& [total, most] :
       {std::pair<size_t, size_t>(0, 3), {10, 0}, {1'000'001, 1}, {size_t{1} << 31, 1 << 20}}) {
    const absl::Status status = CountChunks(total, most).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << total;
    EXPECT_EQ(ReasonOf(status), Reason::kMisuse);
  }
}

TEST_F(ChunkAssemblerTest, PutsChunksTogether) {
  for (int32_t id = 0; id < 3; ++id) EXPECT_THAT(Add(Part(id), 100 + static_cast<uint64_t>(id)), IsEmpty());
  EXPECT_EQ(assembler_.open_messages(), 1u);
  const Ended ended = Add(Part(3), 103);
  ASSERT_THAT(ended, SizeIs(1));
  ExpectComplete(ended[0], kMessage);
  EXPECT_EQ(ended[0].uuid, "p-1");
  EXPECT_THAT(ended[0].cookies, ElementsAre(100, 101, 102, 103));
  EXPECT_EQ(assembler_.open_messages(), 0u);
  EXPECT_EQ(assembler_.held_bytes(), 0u);
}

TEST_F(ChunkAssemblerTest, TakesEveryOrder) {
  std::vector<int32_t> order = {0, 1, 2, 3};
  do {
    Ended ended;
    for (const int32_t id : order) {
      EXPECT_THAT(ended, IsEmpty());
      ended = Add(Part(id), static_cast<uint64_t>(id));
    }
    ASSERT_THAT(ended, SizeIs(1));
    ExpectComplete(ended[0], kMessage);
  } while (std::next_permutation(order.begin(), order.end()));
  ExpectNothingHeld();
}

TEST_F(ChunkAssemblerTest, KeepsInterleavedMessagesApart) {
  for (int32_t id = 0; id < 3; ++id) {
    EXPECT_THAT(Add(Part(id, "p-1"), 10 + static_cast<uint64_t>(id)), IsEmpty());
    EXPECT_THAT(Add(ChunkOf("abcdefghijk", id, "p-2"), 20 + static_cast<uint64_t>(id)), IsEmpty());
  }
  EXPECT_EQ(assembler_.open_messages(), 2u);
  const Ended second = Add(ChunkOf("abcdefghijk", 3, "p-2"), 23), first = Add(Part(3, "p-1"), 13);
  ASSERT_THAT(first, SizeIs(1));
  ASSERT_THAT(second, SizeIs(1));
  ExpectComplete(first[0], kMessage);
  ExpectComplete(second[0], "abcdefghijk");
  EXPECT_THAT(second[0].cookies, ElementsAre(20, 21, 22, 23));
}

TEST_F(ChunkAssemblerTest, TakesARepeatedChunkOnce) {
  EXPECT_THAT(Add(Part(0), 1), IsEmpty());
  EXPECT_THAT(Add(Part(1), 2), IsEmpty());
  EXPECT_THAT(Add(Part(0), 1), IsEmpty());
  Chunk other = Part(1);
  other.payload = "xyz";
  EXPECT_THAT(Add(other, 3), IsEmpty());
  EXPECT_THAT(Add(Part(2), 4), IsEmpty());
  const Ended ended = Add(Part(3), 5);
  ASSERT_THAT(ended, SizeIs(1));
  ExpectComplete(ended[0], kMessage);
  EXPECT_THAT(ended[0].cookies, ElementsAre(1, 2, 1, 3, 4, 5));
  ExpectNothingHeld();
}

TEST_F(ChunkAssemblerTest, BeginsACompleteMessageAnew) {
  for (int round = 0; round < 2; ++round) {
    for (int32_t id = 0; id < 3; ++id) EXPECT_THAT(Add(Part(id), 1), IsEmpty());
    ExpectComplete(Add(Part(3), 1).at(0), kMessage);
  }
}

// Each as a chunk of somebody else's, before the honest message, in its middle, and failing.
TEST_F(ChunkAssemblerTest, AChunkThatDiffersInAnythingIsOfAnotherMessage) {
  const std::vector<void (*)(Chunk*)> differences = {
      [](Chunk* chunk) { chunk->uuid = "p-2"; },
      [](Chunk* chunk) { chunk->num_chunks = 5; },
      [](Chunk* chunk) { chunk->num_chunks = chunk->total_size = 1'000'000; },
      [](Chunk* chunk) { chunk->total_size = 11; },
      [](Chunk* chunk) { chunk->encrypted = true; },
      [](Chunk* chunk) { chunk->wrapped_keys = "of another data key"; },
      [](Chunk* chunk) { chunk->compression = Compression::kLz4; },
      [](Chunk* chunk) { chunk->uncompressed_size = 1; },
  };
  for (size_t i = 0; i < differences.size(); ++i) {
    Chunk other = Part(3);
    other.payload = "x";
    differences[i](&other);
    EXPECT_THAT(Add(other, 90), IsEmpty()) << i;
    EXPECT_THAT(Fail(other, 91), SizeIs(1)) << i;
    EXPECT_THAT(Add(Part(0), 0), IsEmpty()) << i;
    EXPECT_THAT(Add(other, 92), IsEmpty()) << i;
    EXPECT_THAT(Add(Part(1), 1), IsEmpty()) << i;
    EXPECT_THAT(Fail(other, 93), SizeIs(1)) << i;
    EXPECT_THAT(Add(Part(2), 2), IsEmpty()) << i;
    const Ended ended = Add(Part(3), 3);
    ASSERT_THAT(ended, SizeIs(1)) << i;
    ExpectComplete(ended[0], kMessage);
    EXPECT_THAT(ended[0].cookies, ElementsAre(0, 1, 2, 3));
    ExpectNothingHeld();
  }
}

// Where one ends and the next begins is part of it.
TEST_F(ChunkAssemblerTest, UuidAndKeysDontRunIntoEachOther) {
  Chunk chunk = Part(0, "ab");
  chunk.wrapped_keys = "c";
  EXPECT_THAT(Add(chunk, 1), IsEmpty());
  chunk.uuid = "a";
  chunk.wrapped_keys = "bc";
  EXPECT_THAT(Add(chunk, 2), IsEmpty());
  EXPECT_EQ(assembler_.open_messages(), 2u);
}

TEST_F(ChunkAssemblerTest, CountsTheKeysItHolds) {
  Chunk chunk = Part(0);
  const std::string keys(100'000, 'k');
  chunk.wrapped_keys = keys;
  EXPECT_THAT(Add(chunk, 1), IsEmpty());
  EXPECT_GT(assembler_.held_bytes(), keys.size());
}

// What is wrong by itself touches no message, open, failed or to come.
TEST_F(ChunkAssemblerTest, AChunkOfNoUseFailsAlone) {
  const auto refuse = [this] {
    Chunk bad = Part(3);
    bad.payload = "";
    const Ended empty = Add(bad, 90);
    ASSERT_THAT(empty, SizeIs(1));
    EXPECT_THAT(empty[0].cookies, ElementsAre(90));
    EXPECT_FALSE(empty[0].failed_before);
    bad.chunk_id = 4;
    const absl::Status forged = absl::UnauthenticatedError("forged");
    const absl::Status plain = MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kNotEncrypted, "plaintext");
    for (const auto& [chunk, status] : {std::pair(bad, forged), std::pair(Part(3), plain)}) {
      const Ended ended = assembler_.Fail(chunk, 91, status, true, now_);
      ASSERT_THAT(ended, SizeIs(1));
      EXPECT_EQ(ended[0].status, status);
      EXPECT_EQ(ended[0].uuid, "p-1");
      EXPECT_TRUE(ended[0].discard);
      EXPECT_FALSE(ended[0].failed_before);
      EXPECT_THAT(ended[0].cookies, ElementsAre(91));
    }
  };
  refuse();
  EXPECT_EQ(assembler_.held_bytes(), 0u);
  for (int32_t id = 0; id < 3; ++id) EXPECT_THAT(Add(Part(id), static_cast<uint64_t>(id)), IsEmpty());
  refuse();
  const Ended ended = Add(Part(3), 3);
  ASSERT_THAT(ended, SizeIs(1));
  ExpectComplete(ended[0], kMessage);
  EXPECT_THAT(ended[0].cookies, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Fail(Part(0), 1), SizeIs(1));
  refuse();
  EXPECT_TRUE(Add(Part(3), 2).at(0).failed_before);
}

TEST_F(ChunkAssemblerTest, RefusesATotalThatLies) {
  for (int32_t id = 0; id < 3; ++id) EXPECT_THAT(Add(Part(id), 1), IsEmpty());
  Chunk longer = Part(3);
  longer.payload = "9+";
  const Ended ended = Add(longer, 2);
  ASSERT_THAT(ended, SizeIs(1));
  ExpectFailed(ended[0], absl::StatusCode::kInvalidArgument, Reason::kMalformed, "11 bytes, and 10 in total");
  EXPECT_THAT(ended[0].cookies, ElementsAre(1, 1, 1, 2));
  EXPECT_EQ(assembler_.held_bytes(), 0u);  // each of its chunks was answered
  for (int32_t id = 0; id < 3; ++id) EXPECT_THAT(Add(ChunkOf("01234567890", id), 1), IsEmpty());
  Chunk chunk = ChunkOf("01234567890", 3);
  chunk.payload = "9";  // a byte is missing
  ExpectFailed(Add(chunk, 2).at(0), absl::StatusCode::kInvalidArgument, Reason::kMalformed, "have 10 bytes, and 11");
}

TEST_F(ChunkAssemblerTest, RefusesAChunkThatContradictsItself) {
  const auto expect = [this](Chunk chunk, const std::string& words) {
    const Ended ended = Add(chunk, 7);
    ASSERT_THAT(ended, SizeIs(1));
    ExpectFailed(ended[0], absl::StatusCode::kInvalidArgument, Reason::kMalformed, words);
    EXPECT_THAT(ended[0].cookies, ElementsAre(7));
    ExpectNothingHeld();
  };
  Chunk chunk = Part(0);
  chunk.uuid = "";
  expect(chunk, "it has no uuid (field 26)");
  for (const int32_t number : {1, 0, -1}) {
    chunk = Part(0);
    chunk.num_chunks = number;
    expect(chunk, "it is one of " + std::to_string(number));
  }
  for (const int32_t id : {-1, 4, 2147483647}) {
    chunk = Part(0);
    chunk.chunk_id = id;
    expect(chunk, "chunk " + std::to_string(id) + " of message \"p-1\": there are 4 (fields 27 and 29)");
  }
  for (const int32_t total : {3, 0, -1}) {
    chunk = Part(0);
    chunk.total_size = total;
    expect(chunk, "4 chunks can't have " + std::to_string(total) + " bytes in total (field 28)");
  }
  chunk = Part(0);
  chunk.total_size = 5 * 1024 * 1024 + 1;
  expect(chunk, "the message has 5242881 bytes (field 28); 5242880 are allowed");
  chunk = Part(0);
  chunk.payload = "";
  expect(chunk, "it is empty");
  chunk = Part(0);
  chunk.uuid = "\x1b[2J";
  chunk.chunk_id = 9;
  expect(chunk, "\\x1b[2J");
}

TEST_F(ChunkAssemblerTest, FailsAMessageOnce) {
  EXPECT_THAT(Add(Part(0), 1), IsEmpty());
  const Ended first = Fail(Part(1), 2);
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].status, absl::UnauthenticatedError("forged"));
  EXPECT_THAT(first[0].cookies, ElementsAre(1, 2));
  EXPECT_FALSE(first[0].failed_before);
  const Ended late = Add(Part(2), 3);
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(late[0].status, absl::UnauthenticatedError("forged"));
  EXPECT_THAT(late[0].cookies, ElementsAre(3));
  EXPECT_TRUE(late[0].failed_before);
  const Ended last = Fail(Part(3), 4);
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_TRUE(last[0].failed_before);
  EXPECT_EQ(assembler_.held_bytes(), 0u);
  // All were answered: what comes now is a redelivery.
  for (int32_t id = 0; id < 3; ++id) EXPECT_THAT(Add(Part(id), 1), IsEmpty());
  ExpectComplete(Add(Part(3), 1).at(0), kMessage);
}

TEST_F(ChunkAssemblerTest, BeginsAnewWhenAnAnsweredChunkComesAgain) {
  EXPECT_THAT(Add(Part(0), 1), IsEmpty());
  EXPECT_THAT(Fail(Part(1), 2), SizeIs(1));
  for (const int32_t id : {1, 0, 2}) EXPECT_THAT(Add(Part(id), 3), IsEmpty());
  ExpectComplete(Add(Part(3), 3).at(0), kMessage);
}

TEST_F(ChunkAssemblerTest, SaysWhetherToDiscard) {
  for (const bool discard : {false, true}) {
    discard_ = discard;
    EXPECT_EQ(Fail(Part(0), 1).at(0).discard, discard);
    EXPECT_EQ(Add(Part(1), 2).at(0).discard, discard);
    assembler_.Flush();
    ChunkLimits limits;
    limits.discard_failed = discard;
    limits.max_open_messages = 1;
    ChunkAssembler assembler(limits);
    Chunk lying = Part(0);
    lying.chunk_id = 9;
    EXPECT_EQ(assembler.Add(lying, 1, {}).at(0).discard, discard);
    assembler.Add(Part(0, "old"), 1, {});
    EXPECT_EQ(assembler.Expire(seconds(61)).at(0).discard, discard);
    assembler.Add(Part(0, "first"), 1, seconds(61));
    EXPECT_FALSE(assembler.Add(Part(0, "second"), 1, seconds(61)).at(0).discard);
    EXPECT_EQ(assembler.Flush().at(0).discard, discard);
  }
}

// Neither what was begun before nor what comes after waits until the clock has caught up.
TEST_F(ChunkAssemblerTest, AfterAClockThatWentBackAgesBeginAnew) {
  Add(Part(0, "failed"), 1);
  ASSERT_THAT(Fail(Part(1, "failed"), 2), SizeIs(1));
  Add(Part(0, "before"), 3);
  now_ -= seconds(900);
  Add(Part(0, "after"), 4);
  EXPECT_THAT(assembler_.Expire(now_ += seconds(60)), IsEmpty());
  EXPECT_TRUE(Add(Part(2, "failed"), 5).at(0).failed_before);
  const Ended ended = assembler_.Expire(now_ += nanoseconds(1));
  ASSERT_THAT(ended, SizeIs(2));
  EXPECT_THAT(ended[0].cookies, ElementsAre(3));
  EXPECT_THAT(ended[1].cookies, ElementsAre(4));
  EXPECT_THAT(Add(Part(3, "failed"), 6), IsEmpty()) << "forgotten by now: begins a message";
  ExpectNothingHeld();
}

TEST_F(ChunkAssemblerTest, GivesUpWhatGetsTooOld) {
  EXPECT_THAT(Add(Part(0, "old"), 1), IsEmpty());
  now_ += seconds(40);
  EXPECT_THAT(Add(Part(0, "young"), 2), IsEmpty());
  EXPECT_THAT(Add(Part(1, "old"), 3), IsEmpty());  // which makes it no younger
  now_ += seconds(20);
  EXPECT_THAT(assembler_.Expire(now_), IsEmpty());
  const Ended ended = assembler_.Expire(now_ += nanoseconds(1));
  ASSERT_THAT(ended, SizeIs(1));
  ExpectFailed(ended[0], absl::StatusCode::kDeadlineExceeded, Reason::kLimitReached, "chunks were missing");
  EXPECT_EQ(ended[0].uuid, "old");
  EXPECT_THAT(ended[0].cookies, ElementsAre(1, 3));
  EXPECT_TRUE(Add(Part(2, "old"), 4).at(0).failed_before);
  now_ += seconds(61);
  const Ended more = Add(Part(3, "old"), 5);  // forgotten by now: begins a message; "young" ends
  ASSERT_THAT(more, SizeIs(1));
  EXPECT_EQ(more[0].uuid, "young");
  EXPECT_EQ(assembler_.open_messages(), 1u);
  ExpectNothingHeld();
}

TEST_F(ChunkAssemblerTest, TellsOfWhatIsOpenAtTheEnd) {
  Add(Part(0, "a"), 1);
  Add(Part(0, "b"), 2);
  Fail(Part(0, "c"), 3);
  const Ended ended = assembler_.Flush();
  ASSERT_THAT(ended, SizeIs(2));
  ExpectFailed(ended[0], absl::StatusCode::kDeadlineExceeded, Reason::kLimitReached, "chunks were missing");
  EXPECT_THAT(ended[0].cookies, ElementsAre(1));
  EXPECT_THAT(ended[1].cookies, ElementsAre(2));
  EXPECT_THAT(Add(Part(1, "c"), 4), IsEmpty());  // forgotten
}

TEST(ChunkLimits, HoldsTheNumberOfOpenMessages) {
  ChunkLimits limits;
  limits.max_open_messages = 2;
  ChunkAssembler assembler(limits);
  EXPECT_THAT(assembler.Add(Part(0, "a"), 1, {}), IsEmpty());
  EXPECT_THAT(assembler.Add(Part(0, "b"), 2, {}), IsEmpty());
  EXPECT_THAT(assembler.Add(Part(1, "a"), 3, {}), IsEmpty());
  const Ended ended = assembler.Add(Part(0, "c"), 4, {});
  ASSERT_THAT(ended, SizeIs(1));
  ExpectFailed(ended[0], absl::StatusCode::kResourceExhausted, Reason::kLimitReached, "given up for others");
  EXPECT_EQ(ended[0].uuid, "a");
  EXPECT_THAT(ended[0].cookies, ElementsAre(1, 3));
  EXPECT_TRUE(assembler.Add(Part(2, "a"), 5, {}).at(0).failed_before);
  EXPECT_EQ(assembler.open_messages(), 2u);
}

TEST(ChunkLimits, HoldsTheBytes) {
  ChunkLimits limits;
  limits.max_held_bytes = 1 << 20;
  ChunkAssembler assembler(limits);
  const std::string large(400'000, 'x');
  Chunk chunk;
  chunk.num_chunks = 2;
  chunk.total_size = 2'000'000;
  chunk.payload = large;
  for (const char* uuid : {"a", "b"}) {
    chunk.uuid = uuid;
    EXPECT_THAT(assembler.Add(chunk, 1, {}), IsEmpty());
  }
  chunk.uuid = "c";
  const Ended ended = assembler.Add(chunk, 2, {});
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].uuid, "a");
  EXPECT_LE(assembler.held_bytes(), limits.max_held_bytes);
  const std::string huge(2'000'000 - 1, 'x');  // more than is allowed by itself
  chunk.uuid = "d";
  chunk.payload = huge;
  std::vector<std::string> uuids;
  for (const AssembledMessage& message : assembler.Add(chunk, 3, {})) uuids.push_back(message.uuid);
  EXPECT_THAT(uuids, ElementsAre("b", "c", "d"));
  EXPECT_LE(assembler.held_bytes(), limits.max_held_bytes);
}

TEST(ChunkLimits, ClaimsCostNothing) {
  ChunkLimits limits;
  limits.max_message_size = size_t{1} << 31;
  ChunkAssembler assembler(limits);
  Chunk chunk = Part(0);
  chunk.num_chunks = chunk.total_size = 2147483647;
  EXPECT_THAT(assembler.Add(chunk, 1, {}), IsEmpty());
  EXPECT_LT(assembler.held_bytes(), 1000u);
}

#if !defined(ABSL_HAVE_ADDRESS_SANITIZER) && !defined(ABSL_HAVE_THREAD_SANITIZER)  // which have such pages of their own
// What held_bytes says is what it takes: a chunk of 9,000 bytes in a slot for secrets would take 16 KiB, for ever.
TEST(ChunkLimits, ChunksTakeNoMemoryForKeys) {
  const auto pages_for_keys = [] {
    size_t bytes = 0;
    for (const testing::MemoryMapping& mapping : testing::MemoryMappings()) {
      if (mapping.IsLeftOutOfDumps()) bytes += mapping.end - mapping.begin;
    }
    return bytes;
  };
  ChunkAssembler assembler;
  const size_t before = pages_for_keys();
  for (const size_t size : {40, 500, 9000}) {
    const std::string payload(size, 'x');
    Chunk chunk = Part(0, std::to_string(size));
    chunk.num_chunks = 1000;
    chunk.total_size = 5'000'000;
    chunk.payload = payload;
    for (; chunk.chunk_id < 300; ++chunk.chunk_id) EXPECT_THAT(assembler.Add(chunk, 1, {}), IsEmpty());
  }
  EXPECT_EQ(pages_for_keys(), before);
}
#endif

TEST(ChunkLimits, FloodsEndWithinTheLimits) {
  ChunkLimits limits;
  limits.max_held_bytes = 100'000;
  ChunkAssembler assembler(limits);
  uint64_t given = 0, returned = 0;
  const auto count = [&](const Ended& ended) {
    ++given;
    for (const AssembledMessage& message : ended) returned += message.cookies.size();
    ASSERT_LE(assembler.held_bytes(), limits.max_held_bytes);
  };
  for (int i = 0; i < 2000; ++i) count(assembler.Add(Part(0, "repeated"), 1, {}));
  for (int i = 0; i < 2000; ++i) count(assembler.Add(Part(0, std::to_string(i)), 1, {}));
  for (int i = 0; i < 2000; ++i)
    count(assembler.Fail(Part(0, std::to_string(i)), 1, absl::UnknownError(""), false, {}));
  Chunk chunk = Part(0);
  chunk.num_chunks = chunk.total_size = 5'000'000;
  chunk.payload = "x";
  for (; chunk.chunk_id < 2000; ++chunk.chunk_id) count(assembler.Add(chunk, 1, {}));
  for (; chunk.chunk_id < 4000; ++chunk.chunk_id) count(assembler.Fail(chunk, 1, absl::UnknownError(""), false, {}));
  for (const AssembledMessage& message : assembler.Flush()) returned += message.cookies.size();
  EXPECT_EQ(returned, given);
  EXPECT_EQ(assembler.held_bytes(), 0u);
}

// Chunks of several messages in any order, repeated, failing, lying, with time passing: every cookie comes back once, and
// what is complete is right.
TEST(ChunkAssembler, AccountsForEveryChunkOnce) {
  testing::Random random(31);
  ChunkLimits limits;
  limits.max_open_messages = 3;
  limits.max_held_bytes = 5000;
  ChunkAssembler assembler(limits);
  std::map<uint64_t, int> owed;
  int complete = 0, failed = 0;
  nanoseconds now{0};
  const auto settle = [&](const Ended& ended) {
    for (const AssembledMessage& message : ended) {
      message.status.ok() ? ++complete : ++failed;
      EXPECT_EQ(message.payload.view(), message.status.ok() ? kMessage : "");
      EXPECT_FALSE(message.cookies.empty());
      for (const uint64_t cookie : message.cookies) {
        ASSERT_EQ(owed[cookie], 1);
        owed.erase(cookie);
      }
    }
  };
  for (uint64_t cookie = 0; cookie < 100000; ++cookie) {
    const std::string uuid = std::to_string(testing::Below(random, 6));
    Chunk chunk = Part(static_cast<int32_t>(testing::Below(random, 4)), uuid);
    if (testing::Below(random, 50) == 0) ++chunk.total_size;
    if (testing::Below(random, 50) == 0) chunk.chunk_id = static_cast<int32_t>(random());
    now += seconds(testing::Below(random, 6));
    owed[cookie] = 1;
    if (testing::Below(random, 30) == 0) {
      settle(assembler.Fail(chunk, cookie, absl::UnknownError("x"), true, now));
    } else {
      settle(assembler.Add(chunk, cookie, now));
    }
    ASSERT_LE(assembler.held_bytes(), limits.max_held_bytes);
    ASSERT_LE(assembler.open_messages(), limits.max_open_messages);
  }
  settle(assembler.Flush());
  EXPECT_THAT(owed, IsEmpty());
  EXPECT_EQ(assembler.held_bytes(), 0u);
  EXPECT_GT(complete, 1000);
  EXPECT_GT(failed, 1000);
}

}  // namespace
}  // namespace pulseal::framing
