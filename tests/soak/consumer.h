// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SOAK_CONSUMER_H_
#define PULSEAL_TESTS_SOAK_CONSUMER_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "pulseal/framing/entry_consumer.h"
#include "tests/soak/hostile.h"
#include "tests/soak/shared.h"
#include "tests/soak/topic.h"

namespace pulseal::soak {

// Takes a topic's entries as a client would: by Decrypt, or by TryDecrypt and Resolve; settles them by their cookies, and
// has those that failed "not now" delivered again.
class Consumer {
 public:
  Consumer(uint64_t producer, Backend& backend, Topic& topic, Shared& shared, uint64_t seed);

  void Run();  // until the topic has ended
  // After Run: that everything came, once, and is settled.
  void CheckAll(uint64_t sent);

 private:
  void Take(Entry entry);
  void TakeAsync(uint64_t cookie, const Entry& entry);
  void TakeAnswer(Answer answer);
  void Unpack(const Decision& decision, uint64_t cookie);
  void Settle(const framing::Consumed& consumed);
  void SettleOutcome(const framing::Outcome& outcome);
  void Deliver(const framing::Outcome& outcome);
  void Release(const framing::Outcome& outcome);
  bool IsHostile(const framing::Outcome& outcome) const;
  absl::Span<char> Out(const Entry& entry);

  const uint64_t producer_;
  Backend& backend_;
  Topic& topic_;
  Shared& shared_;
  Random random_;
  framing::EntryConsumer entries_;
  std::string out_;
  uint64_t next_cookie_ = 0;
  absl::flat_hash_map<uint64_t, Entry> held_;  // delivered to us, and not settled
  size_t answers_owed_ = 0;
  int64_t permits_taken_ = 0, permits_given_ = 0;  // honest producers' entries
  SequenceCheck sequences_;
};

}  // namespace pulseal::soak

#endif  // PULSEAL_TESTS_SOAK_CONSUMER_H_
