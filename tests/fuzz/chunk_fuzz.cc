// SPDX-License-Identifier: Apache-2.0
//
// Any sequence of chunks: the limits hold after each, each cookie comes back exactly once, and what is complete has the size
// that was declared. Input: for each chunk six bytes (how, which message, number of chunks, chunk, total size, payload size).
#include <set>
#include <string>
#include <string_view>

#include "pulseal/framing/chunk.h"
#include "tests/fuzz/fuzz.h"

namespace pulseal::framing {
namespace {

constexpr size_t kChunkBytes = 6;
constexpr std::string_view kPayload = "0123456789abcdef";

ChunkLimits Limits() {
  ChunkLimits limits;
  limits.max_message_size = 100;
  limits.max_held_bytes = 4000;
  limits.max_open_messages = 3;
  limits.max_age = std::chrono::nanoseconds(50);
  return limits;
}

class Replay {
 public:
  void Take(const uint8_t* bytes) {
    const std::string uuid(1, static_cast<char>('a' + bytes[1] % 5));
    const Chunk chunk = {uuid,
                         static_cast<int8_t>(bytes[2]),
                         static_cast<int8_t>(bytes[3]),
                         static_cast<int8_t>(bytes[4]),
                         (bytes[0] & 1) != 0,
                         kPayload.substr(0, bytes[5] % (kPayload.size() + 1)),
                         bytes[1] % 7 == 0 ? "other key" : "key",
                         Compression::kNone,
                         0};
    now_ += std::chrono::nanoseconds(bytes[0] >> 4);
    owed_.insert(++cookie_);
    const bool fails = (bytes[0] & 14) == 2;
    Settle(fails ? assembler_.Fail(chunk, cookie_, absl::UnknownError("fails"), false, now_)
                 : assembler_.Add(chunk, cookie_, now_),
           chunk);
    FUZZ_CHECK(assembler_.held_bytes() <= Limits().max_held_bytes);
    FUZZ_CHECK(assembler_.open_messages() <= Limits().max_open_messages);
  }

  void End() {
    Settle(assembler_.Flush(), Chunk());
    FUZZ_CHECK(owed_.empty());
    FUZZ_CHECK(assembler_.held_bytes() == 0 && assembler_.open_messages() == 0);
  }

 private:
  void Settle(const std::vector<AssembledMessage>& ended, const Chunk& last) {
    for (const AssembledMessage& message : ended) {
      if (message.status.ok()) {
        FUZZ_CHECK(message.payload.size() == static_cast<size_t>(last.total_size));
        FUZZ_CHECK(message.uuid == last.uuid && message.encrypted == last.encrypted);
      }
      for (const uint64_t cookie : message.cookies) FUZZ_CHECK(owed_.erase(cookie) == 1);
    }
  }

  ChunkAssembler assembler_{Limits()};
  std::set<uint64_t> owed_;
  uint64_t cookie_ = 0;
  std::chrono::nanoseconds now_{0};
};

}  // namespace
}  // namespace pulseal::framing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pulseal::framing::Replay replay;
  for (; size >= pulseal::framing::kChunkBytes; size -= pulseal::framing::kChunkBytes) {
    replay.Take(data);
    data += pulseal::framing::kChunkBytes;
  }
  replay.End();
  return 0;
}
