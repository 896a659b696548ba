// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SOAK_TOPIC_H_
#define PULSEAL_TESTS_SOAK_TOPIC_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lib/mutex.h"
#include "pulseal/message_decryptor.h"

namespace pulseal::soak {

// What a broker holds of one entry, and what only the soak knows of it.
struct Entry {
  std::string metadata, payload;
  int32_t num_messages = 1;  // as the broker counts permits
  bool is_chunk = false;
  const char* hostile = nullptr;  // which kind; null: an honest producer's
  int redeliveries = 0;
};

// What Resolve answered for the entry of this cookie.
struct Answer {
  uint64_t cookie;
  absl::StatusOr<ResolvedKey> key;
};

// The queue between one producer and one consumer. Thread-safe.
class Topic {
 public:
  void Push(Entry entry);       // waits while it is full
  void Redeliver(Entry entry);  // never waits: the consumer itself calls it
  void AddAnswer(Answer answer);
  void End();  // the producer has sent its last

  struct Next {
    std::optional<Answer> answer;
    std::optional<Entry> entry;  // neither: it has ended, and no answer is owed
  };
  // Waits for one or the other. `answers_owed`: more answers will come.
  Next Pop(size_t answers_owed);

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::deque<Answer> answers_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pulseal::soak

#endif  // PULSEAL_TESTS_SOAK_TOPIC_H_
