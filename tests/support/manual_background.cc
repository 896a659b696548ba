// SPDX-License-Identifier: Apache-2.0
#include "tests/support/manual_background.h"

#include <map>
#include <utility>

#include "lib/mutex.h"

namespace pulseal::testing {

using std::chrono::nanoseconds;

struct ManualBackground::State {
  mutable Mutex mutex;
  nanoseconds now ABSL_GUARDED_BY(mutex) = std::chrono::hours(1);
  std::multimap<nanoseconds, std::function<void()>> work ABSL_GUARDED_BY(mutex);
};

ManualBackground::ManualBackground() : state_(std::make_shared<State>()) {}
ManualBackground::~ManualBackground() { DropAll(); }

Background ManualBackground::options() const {
  Background options;
  options.mode = Background::Mode::kExecutor;
  options.clock = [state = state_] {
    MutexLock lock(state->mutex);
    return state->now;
  };
  options.executor = [state = state_](nanoseconds delay, std::function<void()> work) {
    MutexLock lock(state->mutex);
    state->work.emplace(state->now + delay, std::move(work));
  };
  return options;
}

nanoseconds ManualBackground::now() const {
  MutexLock lock(state_->mutex);
  return state_->now;
}

void ManualBackground::SetNow(nanoseconds now) {
  MutexLock lock(state_->mutex);
  state_->now = now;
}

void ManualBackground::Advance(nanoseconds by) {
  SetNow(now() + by);
  RunDue();
}

size_t ManualBackground::RunDue() {
  size_t ran = 0;
  while (RunOne()) ++ran;
  return ran;
}

bool ManualBackground::RunOne() {
  std::function<void()> work;
  {
    MutexLock lock(state_->mutex);
    const auto first = state_->work.begin();
    if (first == state_->work.end() || first->first > state_->now) return false;
    work = std::move(first->second);
    state_->work.erase(first);
  }
  work();
  return true;
}

size_t ManualBackground::waiting() const {
  MutexLock lock(state_->mutex);
  return state_->work.size();
}

void ManualBackground::DropAll() {
  std::multimap<nanoseconds, std::function<void()>> dropped;
  MutexLock lock(state_->mutex);
  state_->work.swap(dropped);
}

}  // namespace pulseal::testing
