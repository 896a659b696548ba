// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/topic.h"

#include <utility>

namespace pulseal::soak {
namespace {

constexpr size_t kCapacity = 256;

template <typename T>
std::optional<T> TakeFirst(std::deque<T>& queue) {
  std::optional<T> first(std::move(queue.front()));
  queue.pop_front();
  return first;
}

}  // namespace

void Topic::Push(Entry entry) {
  MutexLock lock(mutex_);
  while (entries_.size() >= kCapacity) changed_.Wait(mutex_);
  entries_.push_back(std::move(entry));
  changed_.NotifyAll();
}

void Topic::Redeliver(Entry entry) {
  MutexLock lock(mutex_);
  entries_.push_back(std::move(entry));
}

void Topic::AddAnswer(Answer answer) {
  MutexLock lock(mutex_);
  answers_.push_back(std::move(answer));
  changed_.NotifyAll();
}

void Topic::End() {
  MutexLock lock(mutex_);
  ended_ = true;
  changed_.NotifyAll();
}

Topic::Next Topic::Pop(size_t answers_owed) {
  MutexLock lock(mutex_);
  while (answers_.empty() && entries_.empty() && !(ended_ && answers_owed == 0)) changed_.Wait(mutex_);
  Next next;
  if (!answers_.empty()) {
    next.answer = TakeFirst(answers_);
  } else if (!entries_.empty()) {
    next.entry = TakeFirst(entries_);
    changed_.NotifyAll();
  }
  return next;
}

}  // namespace pulseal::soak
