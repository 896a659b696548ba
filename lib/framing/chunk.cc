// SPDX-License-Identifier: Apache-2.0
#include "pulseal/framing/chunk.h"

#include <algorithm>
#include <limits>
#include <list>
#include <map>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/framing/scratch.h"
#include "lib/status.h"

namespace pulseal::framing {
namespace {

constexpr size_t kMaxChunks = 1'000'000;
// For a chunk or message: what containers, allocator and cookie take beside its bytes, and more.
constexpr size_t kOverhead = 256;

absl::Status Malformed(const Chunk& chunk, std::string_view problem) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                    absl::StrCat("chunk ", chunk.chunk_id, " of message ", Quoted(chunk.uuid), ": ", AsAbsl(problem)));
}

// What is wrong with `chunk` whatever the others are.
absl::Status CheckAlone(const Chunk& chunk, const ChunkLimits& limits) {
  if (chunk.uuid.empty()) return Malformed(chunk, "it has no uuid (field 26)");
  if (chunk.num_chunks < 2) return Malformed(chunk, absl::StrCat("it is one of ", chunk.num_chunks, " (field 27)"));
  if (chunk.chunk_id < 0 || chunk.chunk_id >= chunk.num_chunks) {
    return Malformed(chunk, absl::StrCat("there are ", chunk.num_chunks, " (fields 27 and 29)"));
  }
  if (chunk.total_size < chunk.num_chunks) {
    return Malformed(
        chunk, absl::StrCat(chunk.num_chunks, " chunks can't have ", chunk.total_size, " bytes in total (field 28)"));
  }
  if (static_cast<size_t>(chunk.total_size) > limits.max_message_size) {
    return Malformed(chunk, absl::StrCat("the message has ", chunk.total_size, " bytes (field 28); ",
                                         limits.max_message_size, " are allowed"));
  }
  return absl::OkStatus();
}

// All that the chunks of one message have in common.
std::string IdentityOf(const Chunk& chunk) {
  return absl::StrCat(chunk.num_chunks, " ", chunk.total_size, " ", chunk.encrypted, " ",
                      static_cast<int32_t>(chunk.compression), " ", chunk.uncompressed_size, " ", chunk.uuid.size(),
                      " ", AsAbsl(chunk.uuid), AsAbsl(chunk.wrapped_keys));
}

absl::Status TimedOut() {
  return MakeStatus(absl::StatusCode::kDeadlineExceeded, Reason::kLimitReached,
                    "chunked message: chunks were missing until its time was over");
}

absl::Status GivenUpForOthers() {
  return MakeStatus(absl::StatusCode::kResourceExhausted, Reason::kLimitReached,
                    "chunked message: given up for others: too many are open, or too many bytes held (ChunkLimits)");
}

AssembledMessage Failed(const std::string& uuid, const absl::Status& status, bool discard, bool before,
                        std::vector<uint64_t> cookies) {
  AssembledMessage message;
  message.uuid = uuid;
  message.status = status;
  message.discard = discard;
  message.failed_before = before;
  message.cookies = std::move(cookies);
  return message;
}

}  // namespace

absl::StatusOr<int32_t> CountChunks(size_t total_size, size_t max_chunk_size) {
  const size_t count = max_chunk_size == 0 ? 0 : total_size / max_chunk_size + (total_size % max_chunk_size != 0);
  if (count < 1 || count > kMaxChunks || total_size > std::numeric_limits<int32_t>::max()) {
    return Misuse(absl::StrCat("chunks: ", total_size, " bytes can't be cut into chunks of ", max_chunk_size, ": 1 to ",
                               kMaxChunks, " chunks and at most 2^31 - 1 bytes"));
  }
  return static_cast<int32_t>(count);
}

std::string_view ChunkAt(std::string_view message, size_t max_chunk_size, int32_t chunk_id) {
  if (chunk_id < 0 || max_chunk_size == 0) return {};
  const auto id = static_cast<size_t>(chunk_id);
  return id > message.size() / max_chunk_size ? std::string_view()
                                              : message.substr(id * max_chunk_size, max_chunk_size);
}

// What a ChunkAssembler has at hand: open messages, and failed ones that are remembered.
class ChunkAssemblerState {
 public:
  using Ended = std::vector<AssembledMessage>;

  explicit ChunkAssemblerState(const ChunkLimits& limits) : limits_(limits) {}

  Ended Add(const Chunk& chunk, uint64_t cookie, std::chrono::nanoseconds now);
  Ended Fail(const Chunk& chunk, uint64_t cookie, const absl::Status& status, bool discard,
             std::chrono::nanoseconds now);
  Ended Expire(std::chrono::nanoseconds now);
  Ended Flush();
  size_t open_messages() const { return open_.size(); }
  size_t held_bytes() const { return held_bytes_; }

 private:
  struct Failure {
    absl::Status status;
    bool discard = false;
  };
  struct Message {
    std::string uuid, identity;
    int32_t num_chunks = 0;
    bool encrypted = false;
    std::chrono::nanoseconds since{0};     // it was begun, or failed
    std::map<int32_t, WipedBytes> chunks;  // by chunk_id; emptied, but still there, where the message failed
    size_t size = 0;                       // of the chunks' bytes
    std::vector<uint64_t> cookies;
    Failure failure;
    size_t held = 0;  // its part of held_bytes_
  };
  using Messages = std::list<Message>;
  using Index = std::unordered_map<std::string_view, Messages::iterator>;  // by identity; keys are the messages' own

  static void BeginAgain(Messages* messages, std::chrono::nanoseconds now);
  void Count(Message* message);
  void Take(const Chunk& chunk, uint64_t cookie, Failure failure, std::chrono::nanoseconds now, Ended* ended);
  bool AnswerLate(const std::string& identity, int32_t chunk_id, uint64_t cookie, Ended* ended);
  Messages::iterator FindOrBegin(const Chunk& chunk, std::string identity, std::chrono::nanoseconds now);
  absl::Status Keep(const Chunk& chunk, Message* message);
  void Complete(Messages::iterator message, Ended* ended);
  void GiveUp(Messages::iterator message, const Failure& failure, std::chrono::nanoseconds now, Ended* ended);
  void Forget(Messages* messages, Messages::iterator message);
  void HoldLimits(std::chrono::nanoseconds now, Ended* ended);

  const ChunkLimits limits_;
  Messages open_, failed_;  // each in the order of `since`
  Index open_index_, failed_index_;
  size_t held_bytes_ = 0;
};

ChunkAssemblerState::Ended ChunkAssemblerState::Add(const Chunk& chunk, uint64_t cookie, std::chrono::nanoseconds now) {
  Ended ended = Expire(now);
  absl::Status alone = CheckAlone(chunk, limits_);
  if (alone.ok() && chunk.payload.empty()) alone = Malformed(chunk, "it is empty");
  if (!alone.ok()) {
    ended.push_back(Failed(std::string(chunk.uuid), alone, limits_.discard_failed, /*before=*/false, {cookie}));
    return ended;
  }
  Take(chunk, cookie, {absl::OkStatus(), limits_.discard_failed}, now, &ended);
  HoldLimits(now, &ended);
  return ended;
}

ChunkAssemblerState::Ended ChunkAssemblerState::Fail(const Chunk& chunk, uint64_t cookie, const absl::Status& status,
                                                     bool discard, std::chrono::nanoseconds now) {
  Ended ended = Expire(now);
  if (ReasonOf(status) == Reason::kNotEncrypted || !CheckAlone(chunk, limits_).ok()) {
    ended.push_back(Failed(std::string(chunk.uuid), status, discard, /*before=*/false, {cookie}));
    return ended;
  }
  Take(chunk, cookie, {status, discard}, now, &ended);
  HoldLimits(now, &ended);
  return ended;
}

// What seems to come from the future was begun by a clock that has gone back: its time begins anew.
void ChunkAssemblerState::BeginAgain(Messages* messages, std::chrono::nanoseconds now) {
  for (auto message = messages->rbegin(); message != messages->rend() && message->since > now; ++message) {
    message->since = now;
  }
}

ChunkAssemblerState::Ended ChunkAssemblerState::Expire(std::chrono::nanoseconds now) {
  Ended ended;
  BeginAgain(&open_, now);
  BeginAgain(&failed_, now);
  while (!open_.empty() && now - open_.front().since > limits_.max_age)
    GiveUp(open_.begin(), {TimedOut(), limits_.discard_failed}, now, &ended);
  while (!failed_.empty() && now - failed_.front().since > limits_.max_age) Forget(&failed_, failed_.begin());
  return ended;
}

ChunkAssemblerState::Ended ChunkAssemblerState::Flush() {
  Ended ended;
  while (!open_.empty()) GiveUp(open_.begin(), {TimedOut(), limits_.discard_failed}, {}, &ended);
  while (!failed_.empty()) Forget(&failed_, failed_.begin());
  return ended;
}

// Brings held_bytes_ up to date with `message`. Comes after all that can throw, so that the sum holds whatever throws.
void ChunkAssemblerState::Count(Message* message) {
  const size_t chunks = std::max(message->chunks.size(), message->cookies.size());
  const size_t held = message->size + message->uuid.size() + message->identity.size() + kOverhead * (1 + chunks);
  held_bytes_ = held_bytes_ - message->held + held;
  message->held = held;
}

// `failure` is what is known against the chunk already.
void ChunkAssemblerState::Take(const Chunk& chunk, uint64_t cookie, Failure failure, std::chrono::nanoseconds now,
                               Ended* ended) {
  std::string identity = IdentityOf(chunk);
  if (AnswerLate(identity, chunk.chunk_id, cookie, ended)) return;
  const Messages::iterator message = FindOrBegin(chunk, std::move(identity), now);
  message->cookies.push_back(cookie);
  if (failure.status.ok()) failure.status = Keep(chunk, &*message);
  if (!failure.status.ok()) message->chunks.try_emplace(chunk.chunk_id);  // it was answered
  Count(&*message);
  if (!failure.status.ok()) return GiveUp(message, failure, now, ended);
  if (message->chunks.size() == static_cast<size_t>(message->num_chunks)) Complete(message, ended);
}

// Whether the chunk belongs to a message that has failed, and comes for the first time.
bool ChunkAssemblerState::AnswerLate(const std::string& identity, int32_t chunk_id, uint64_t cookie, Ended* ended) {
  const auto found = failed_index_.find(identity);
  if (found == failed_index_.end()) return false;
  Message& message = *found->second;
  const bool is_first = message.chunks.try_emplace(chunk_id).second;
  Count(&message);
  if (is_first) {
    const Failure& failure = message.failure;
    ended->push_back(Failed(message.uuid, failure.status, failure.discard, /*before=*/true, {cookie}));
  }
  const bool all_answered = message.chunks.size() == static_cast<size_t>(message.num_chunks);
  if (!is_first || all_answered) Forget(&failed_, found->second);
  return is_first;
}

ChunkAssemblerState::Messages::iterator ChunkAssemblerState::FindOrBegin(const Chunk& chunk, std::string identity,
                                                                         std::chrono::nanoseconds now) {
  const auto found = open_index_.find(identity);
  if (found != open_index_.end()) return found->second;
  Messages begun(1);
  Message& message = begun.front();
  message.uuid = std::string(chunk.uuid);
  message.identity = std::move(identity);
  message.num_chunks = chunk.num_chunks;
  message.encrypted = chunk.encrypted;
  message.since = now;
  open_index_.emplace(message.identity, begun.begin());
  open_.splice(open_.end(), begun);
  Count(&message);
  return std::prev(open_.end());
}

// The chunk's bytes into `message`, unless it has them; what is wrong where they are too many or too few.
absl::Status ChunkAssemblerState::Keep(const Chunk& chunk, Message* message) {
  if (message->chunks.count(chunk.chunk_id) > 0) return absl::OkStatus();
  const size_t size = message->size + chunk.payload.size();
  const auto total = static_cast<size_t>(chunk.total_size);
  const bool is_last = message->chunks.size() + 1 == static_cast<size_t>(chunk.num_chunks);
  if (size > total || (is_last && size != total)) {
    return Malformed(chunk, absl::StrCat("the chunks have ", size, " bytes, and ", total, " in total (field 28)"));
  }
  message->chunks.emplace(chunk.chunk_id, WipedBytes(chunk.payload.begin(), chunk.payload.end()));
  message->size = size;
  return absl::OkStatus();
}

void ChunkAssemblerState::Complete(Messages::iterator message, Ended* ended) {
  AssembledMessage complete;
  complete.uuid = message->uuid;
  complete.encrypted = message->encrypted;
  complete.cookies = message->cookies;
  complete.payload = SecretBytes::OfSize(message->size);
  char* end = complete.payload.mutable_span().data();
  for (const auto& [id, chunk] : message->chunks) end = std::copy(chunk.begin(), chunk.end(), end);
  ended->push_back(std::move(complete));
  Forget(&open_, message);
}

// Ends an open message that isn't complete, and remembers it among the failed ones.
void ChunkAssemblerState::GiveUp(Messages::iterator message, const Failure& failure, std::chrono::nanoseconds now,
                                 Ended* ended) {
  ended->push_back(
      Failed(message->uuid, failure.status, failure.discard, /*before=*/false, std::exchange(message->cookies, {})));
  failed_index_.emplace(message->identity, message);
  open_index_.erase(message->identity);
  failed_.splice(failed_.end(), open_, message);
  for (auto& [id, chunk] : message->chunks) chunk = WipedBytes();
  message->size = 0;
  message->failure = failure;
  message->since = now;
  Count(&*message);
  if (message->chunks.size() == static_cast<size_t>(message->num_chunks)) Forget(&failed_, message);
}

// Removes a message from `messages`, one of our two lists.
void ChunkAssemblerState::Forget(Messages* messages, Messages::iterator message) {
  held_bytes_ -= message->held;
  (messages == &open_ ? open_index_ : failed_index_).erase(message->identity);
  messages->erase(message);
}

// What is remembered of failed messages goes before what is held of open ones.
void ChunkAssemblerState::HoldLimits(std::chrono::nanoseconds now, Ended* ended) {
  while (open_.size() > limits_.max_open_messages) GiveUp(open_.begin(), {GivenUpForOthers(), false}, now, ended);
  while (failed_.size() > limits_.max_open_messages) Forget(&failed_, failed_.begin());
  while (held_bytes_ > limits_.max_held_bytes && open_.size() + failed_.size() > 0) {
    if (!failed_.empty()) {
      Forget(&failed_, failed_.begin());
    } else {
      GiveUp(open_.begin(), {GivenUpForOthers(), false}, now, ended);
    }
  }
}

ChunkAssembler::ChunkAssembler(ChunkLimits limits) : state_(std::make_unique<ChunkAssemblerState>(limits)) {}

ChunkAssembler::~ChunkAssembler() = default;

std::vector<AssembledMessage> ChunkAssembler::Add(const Chunk& chunk, uint64_t cookie, std::chrono::nanoseconds now) {
  return state_->Add(chunk, cookie, now);
}

std::vector<AssembledMessage> ChunkAssembler::Fail(const Chunk& chunk, uint64_t cookie, const absl::Status& status,
                                                   bool discard, std::chrono::nanoseconds now) {
  return state_->Fail(chunk, cookie, status, discard, now);
}

std::vector<AssembledMessage> ChunkAssembler::Expire(std::chrono::nanoseconds now) { return state_->Expire(now); }

std::vector<AssembledMessage> ChunkAssembler::Flush() { return state_->Flush(); }

size_t ChunkAssembler::open_messages() const { return state_->open_messages(); }

size_t ChunkAssembler::held_bytes() const { return state_->held_bytes(); }

}  // namespace pulseal::framing
