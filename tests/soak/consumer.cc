// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/consumer.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pulseal::soak {
namespace {

using Action = Decision::Action;

constexpr int kMaxRedeliveries = 60'000;     // a minute of them
constexpr std::chrono::nanoseconds kNow{0};  // no chunk is late

framing::EntryConsumerOptions Options() {
  framing::EntryConsumerOptions options;
  options.max_message_size = kMaxMessageSize + kMaxEntrySize;
  return options;
}

}  // namespace

Consumer::Consumer(uint64_t producer, Backend& backend, Topic& topic, Shared& shared, uint64_t seed)
    : producer_(producer),
      backend_(backend),
      topic_(topic),
      shared_(shared),
      random_(seed),
      entries_(*backend.decryptor, Options()) {}

void Consumer::Run() {
  for (Topic::Next next = topic_.Pop(0); next.answer.has_value() || next.entry.has_value();
       next = topic_.Pop(answers_owed_)) {
    if (next.answer.has_value()) {
      TakeAnswer(*std::move(next.answer));
    } else {
      Take(*std::move(next.entry));
    }
  }
}

void Consumer::CheckAll(uint64_t sent) {
  const auto require = [this](bool holds, std::string_view what) { shared_.violations.Require(holds, what); };
  require(entries_.Flush().empty(), "chunks were left over");
  require(held_.empty(), "entries were never settled");
  require(permits_taken_ == permits_given_,
          absl::StrCat(permits_taken_, " permits were taken, ", permits_given_, " given back"));
  require(sequences_.complete() == sent && sequences_.ahead() == 0,
          absl::StrCat("messages were lost: of ", sent, " the first ", sequences_.complete(), " came"));
}

void Consumer::Take(Entry entry) {
  if (entry.redeliveries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // as a broker does
  const uint64_t cookie = next_cookie_++;
  if (entry.hostile == nullptr) permits_taken_ += entry.num_messages;
  const Entry& held = held_.emplace(cookie, std::move(entry)).first->second;
  if (Below(random_, 2) == 0) return TakeAsync(cookie, held);
  ++backend_.decided;
  Settle(entries_.Consume(held.metadata, held.payload, cookie, kNow));
}

void Consumer::TakeAsync(uint64_t cookie, const Entry& entry) {
  const Decision decision = backend_.decryptor->TryDecrypt(entry.metadata, entry.payload, Out(entry));
  if (decision.action != Action::kPending) return Unpack(decision, cookie);
  ++backend_.pending;
  ++answers_owed_;
  backend_.decryptor->Resolve(entry.metadata, [&topic = topic_, cookie](absl::StatusOr<ResolvedKey> key) {
    topic.AddAnswer({cookie, std::move(key)});
  });
}

void Consumer::TakeAnswer(Answer answer) {
  --answers_owed_;
  const auto held = held_.find(answer.cookie);
  if (held == held_.end()) return shared_.violations.Add("Resolve answered twice");
  const Entry& entry = held->second;
  if (answer.key.ok()) {
    return Unpack(backend_.decryptor->TryDecrypt(*answer.key, entry.metadata, entry.payload, Out(entry)),
                  answer.cookie);
  }
  // Too many were waiting; Decrypt waits with them.
  shared_.violations.Require(absl::IsResourceExhausted(answer.key.status()), answer.key.status().ToString());
  ++backend_.decided;
  Settle(entries_.Consume(entry.metadata, entry.payload, answer.cookie, kNow));
}

void Consumer::Unpack(const Decision& decision, uint64_t cookie) {
  ++backend_.decided;
  Settle(entries_.Unpack(decision, held_.at(cookie).metadata, cookie, kNow));
}

absl::Span<char> Consumer::Out(const Entry& entry) {
  out_.resize(std::max(entry.payload.size(), kTagSize));
  return absl::MakeSpan(out_);
}

void Consumer::Settle(const framing::Consumed& consumed) {
  const bool hostile = !consumed.outcomes.empty() && IsHostile(consumed.outcomes.front());
  if (!hostile) permits_given_ += consumed.permits;
  for (const framing::Outcome& outcome : consumed.outcomes) SettleOutcome(outcome);
}

void Consumer::SettleOutcome(const framing::Outcome& outcome) {
  const Decision& decision = outcome.decision;
  if (IsHostile(outcome)) {
    shared_.violations.Require(decision.action != Action::kDeliver,
                               absl::StrCat("delivered: ", held_.at(outcome.cookies.front()).hostile));
    return Release(outcome);
  }
  if (decision.action == Action::kDeliver) {
    Deliver(outcome);
    return Release(outcome);
  }
  const bool is_redelivered = decision.action == Action::kFail && decision.worth_asking_again;
  shared_.violations.Require(is_redelivered, absl::StrCat("an honest message was lost: ", decision.status.ToString()));
  for (const uint64_t cookie : outcome.cookies) {
    const auto held = held_.find(cookie);
    if (held == held_.end()) return shared_.violations.Add("an entry was settled twice");
    Entry entry = std::move(held->second);
    held_.erase(held);
    if (++entry.redeliveries == kMaxRedeliveries)
      shared_.violations.Add(absl::StrCat("starved: ", decision.status.ToString()));
    ++shared_.redelivered;
    if (is_redelivered) topic_.Redeliver(std::move(entry));
  }
}

void Consumer::Deliver(const framing::Outcome& outcome) {
  framing::MessageReader reader(outcome);
  for (framing::SingleMessage message; reader.Next(&message);) {
    uint64_t producer = 0, sequence = 0;
    ++permits_given_;
    ++shared_.delivered;
    if (!IsMessage(message.payload, &producer, &sequence) || producer != producer_) {
      shared_.violations.Add("something was delivered that nobody sent");
    } else if (!sequences_.Accept(sequence)) {
      shared_.violations.Add(absl::StrCat("message ", sequence, " came again"));
    }
  }
}

void Consumer::Release(const framing::Outcome& outcome) {
  for (const uint64_t cookie : outcome.cookies) {
    shared_.violations.Require(held_.erase(cookie) == 1, "an entry was settled twice");
  }
}

bool Consumer::IsHostile(const framing::Outcome& outcome) const {
  return std::any_of(outcome.cookies.begin(), outcome.cookies.end(), [this](uint64_t cookie) {
    const auto held = held_.find(cookie);
    return held != held_.end() && held->second.hostile != nullptr;
  });
}

}  // namespace pulseal::soak
