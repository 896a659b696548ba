// SPDX-License-Identifier: Apache-2.0
//
// Any sequence of chunks, beside an account of what each brought: each cookie comes back exactly once, with the others of its
// message; what is complete holds what its chunks said, in their order; nothing fails but for a reason; and the limits hold
// after each call. Input: for each chunk six bytes (how, which message, number of chunks, chunk, total size, payload size).
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "pulseal/framing/chunk.h"
#include "tests/fuzz/fuzz.h"

namespace pulseal::framing {
namespace {

using std::chrono::nanoseconds;

constexpr size_t kChunkBytes = 6;
constexpr size_t kMostPayload = 16;
constexpr size_t kOverhead = 256;                 // what the header counts for each chunk and each message
constexpr size_t kMostForAChunk = 3 * kOverhead;  // with the message that it begins

ChunkLimits Limits() {
  ChunkLimits limits;
  limits.max_message_size = 100;
  limits.max_held_bytes = 4000;
  limits.max_open_messages = 3;
  limits.max_age = nanoseconds(50);
  limits.discard_failed = true;
  return limits;
}

// What the chunks of one message have in common.
struct Common {
  std::string uuid;
  int32_t num_chunks, total_size;
  bool encrypted;
  std::string wrapped_keys;
  Compression compression;
  uint32_t uncompressed_size;

  bool operator<(const Common& other) const { return Members() < other.Members(); }
  bool operator==(const Common& other) const { return Members() == other.Members(); }
  std::tuple<std::string, int32_t, int32_t, bool, std::string, Compression, uint32_t> Members() const {
    return {uuid, num_chunks, total_size, encrypted, wrapped_keys, compression, uncompressed_size};
  }
};

// A chunk that came.
struct Came {
  Common common;
  int32_t chunk_id;
  std::string payload;  // no other chunk's, not even that of the same one when it comes again
  nanoseconds at;
  bool fails;  // so that its payload isn't looked at

  Chunk AsChunk() const {
    return {common.uuid, common.num_chunks,   chunk_id,           common.total_size,       common.encrypted,
            payload,     common.wrapped_keys, common.compression, common.uncompressed_size};
  }

  // Whatever the others are.
  bool is_good() const {
    return common.num_chunks > 1 && chunk_id >= 0 && chunk_id < common.num_chunks && (fails || !payload.empty()) &&
           common.total_size >= common.num_chunks &&
           static_cast<size_t>(common.total_size) <= Limits().max_message_size;
  }
};

// Chunks of one message, in the order of their coming. Of those with the same number the first counts.
class Parts {
 public:
  void Add(const Came& came) {
    cookies_ += 1;
    if (parts_.emplace(came.chunk_id, came.payload).second) size_ += came.payload.size();
  }

  bool are_all_of(const Common& common) const { return parts_.size() == static_cast<size_t>(common.num_chunks); }
  bool have_the_size_of(const Common& common) const { return size_ == static_cast<size_t>(common.total_size); }
  bool are_too_long_for(const Common& common) const { return size_ > static_cast<size_t>(common.total_size); }
  size_t held_bytes() const { return size_ + kOverhead * (1 + cookies_); }

  std::string together() const {
    std::string message;
    for (const auto& [chunk_id, payload] : parts_) message += payload;
    return message;
  }

 private:
  std::map<int32_t, std::string> parts_;
  size_t size_ = 0, cookies_ = 0;
};

class Replay {
 public:
  void Take(const uint8_t* bytes) {
    now_ += nanoseconds(bytes[0] >> 4);
    if ((bytes[0] & 14) == 4) Settle(assembler_.Expire(now_), false);
    held_before_ = assembler_.held_bytes();
    is_full_ = assembler_.open_messages() == Limits().max_open_messages;
    const Came came = owed_.emplace(++cookie_, CameFrom(bytes)).first->second;
    Settle(came.fails ? assembler_.Fail(came.AsChunk(), cookie_, absl::UnknownError("fails"), bytes[0] & 16, now_)
                      : assembler_.Add(came.AsChunk(), cookie_, now_),
           false);
    FUZZ_CHECK(!came.fails || owed_.count(cookie_) == 0);
    CheckOpenMessages();
  }

  void End() {
    Settle(assembler_.Flush(), true);
    FUZZ_CHECK(owed_.empty());
    FUZZ_CHECK(assembler_.held_bytes() == 0 && assembler_.open_messages() == 0);
  }

 private:
  // A message's number also says which keys and codec it has, most small numbers the same.
  Came CameFrom(const uint8_t* bytes) const {
    const int which = bytes[1];
    Came came = {{std::string(1, static_cast<char>('a' + which % 5)), static_cast<int8_t>(bytes[2]),
                  static_cast<int8_t>(bytes[4]), (bytes[0] & 1) != 0, which % 7 == 0 ? "other key" : "key",
                  static_cast<Compression>(which / 35 % 5), which < 175 ? 1000u : 2000u},
                 static_cast<int8_t>(bytes[3]),
                 std::string(bytes[5] % (kMostPayload + 1), '\0'),
                 now_,
                 (bytes[0] & 14) == 2};
    std::minstd_rand random(static_cast<unsigned>(cookie_ << 16) + static_cast<unsigned>(which << 8) + bytes[3]);
    for (char& c : came.payload) c = static_cast<char>(random() >> 8);
    return came;
  }

  void Settle(const std::vector<AssembledMessage>& ended, bool is_end) {
    for (const AssembledMessage& message : ended) {
      FUZZ_CHECK(!message.cookies.empty() && owed_.count(message.cookies[0]) == 1);
      const Came first = owed_.at(message.cookies[0]);
      Parts parts;
      uint64_t before = 0;
      for (const uint64_t cookie : message.cookies) {
        const auto found = owed_.find(cookie);
        FUZZ_CHECK(cookie > before && found != owed_.end() && found->second.common == first.common);
        parts.Add(found->second);
        before = cookie;
        owed_.erase(found);
      }
      FUZZ_CHECK(message.uuid == first.common.uuid);
      message.status.ok() ? CheckComplete(message, first, parts) : CheckFailed(message, first, parts, is_end);
    }
  }

  void CheckComplete(const AssembledMessage& message, const Came& first, const Parts& parts) {
    FUZZ_CHECK(message.cookies.back() == cookie_ && !message.failed_before && !message.discard);
    FUZZ_CHECK(parts.are_all_of(first.common) && parts.have_the_size_of(first.common));
    FUZZ_CHECK(message.payload.view() == parts.together());
    FUZZ_CHECK(message.encrypted == first.common.encrypted);
    FUZZ_CHECK(
        std::none_of(owed_.begin(), owed_.end(), [&](const auto& owed) { return owed.second.common == first.common; }));
  }

  void CheckFailed(const AssembledMessage& message, const Came& first, const Parts& parts, bool is_end) {
    FUZZ_CHECK(message.payload.empty());
    if (message.failed_before) {
      FUZZ_CHECK(message.cookies.size() == 1 && message.cookies[0] == cookie_ && failed_.count(first.common) == 1);
      return;
    }
    const bool is_alone = !first.is_good() && message.cookies.size() == 1 && message.cookies[0] == cookie_;
    if (!is_alone) failed_.insert(first.common);
    switch (message.status.code()) {
      case absl::StatusCode::kInvalidArgument:
        FUZZ_CHECK(is_alone || parts.are_too_long_for(first.common) ||
                   (parts.are_all_of(first.common) && !parts.have_the_size_of(first.common)));
        FUZZ_CHECK(message.discard);
        break;
      case absl::StatusCode::kDeadlineExceeded:
        FUZZ_CHECK(is_end || now_ - first.at > Limits().max_age);
        FUZZ_CHECK(message.discard);
        break;
      case absl::StatusCode::kResourceExhausted:
        FUZZ_CHECK(is_full_ || held_before_ + kMostForAChunk > Limits().max_held_bytes);
        FUZZ_CHECK(!message.discard);
        break;
      default: FUZZ_CHECK(message.status == absl::UnknownError("fails") && message.cookies.back() == cookie_);
    }
  }

  // An open message is one whose chunks' cookies haven't come back.
  void CheckOpenMessages() const {
    std::map<Common, Parts> open;
    for (const auto& [cookie, came] : owed_) {
      FUZZ_CHECK(came.is_good() && now_ - came.at <= Limits().max_age);
      open[came.common].Add(came);
    }
    size_t held_bytes = 0;
    for (const auto& [common, parts] : open) {
      FUZZ_CHECK(!parts.are_all_of(common) && !parts.are_too_long_for(common));
      held_bytes += parts.held_bytes();
    }
    FUZZ_CHECK(assembler_.open_messages() == open.size() && open.size() <= Limits().max_open_messages);
    // More, for what is remembered of failed messages.
    FUZZ_CHECK(assembler_.held_bytes() >= held_bytes && assembler_.held_bytes() <= Limits().max_held_bytes);
  }

  ChunkAssembler assembler_{Limits()};
  std::map<uint64_t, Came> owed_;  // by cookie
  std::set<Common> failed_;        // ever
  uint64_t cookie_ = 0;
  nanoseconds now_{0};
  // Before the present call.
  size_t held_before_ = 0;
  bool is_full_ = false;
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
