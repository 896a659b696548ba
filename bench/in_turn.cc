// SPDX-License-Identifier: Apache-2.0
#include "bench/in_turn.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

namespace pulseal::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

constexpr Nanoseconds kTurn = std::chrono::microseconds(100);
constexpr size_t kWarmUp = 8;  // a turn begins with this part of its messages, which don't count

// Lets the threads go on once all have come. They spin, so that they go on together.
class Barrier {
 public:
  void Wait(int threads) {
    const int round = round_.load();
    if (arrived_.fetch_add(1) + 1 == threads) {
      arrived_.store(0);
      round_.store(round + 1);
      return;
    }
    while (round_.load() == round) std::this_thread::yield();
  }

 private:
  std::atomic<int> arrived_{0}, round_{0};
};

Nanoseconds Time(const Turn& turn, size_t messages) {
  const Clock::time_point start = Clock::now();
  if (!turn(messages)) std::abort();
  return Clock::now() - start;
}

// One thread's share of one way.
class Lap {
 public:
  explicit Lap(Turn turn) : turn_(std::move(turn)) {
    Time(turn_, 1);  // a consumer unwraps its data key here
    Nanoseconds took = Time(turn_, 1);
    for (size_t messages = 1; took < kTurn; messages *= 2) {
      took = Time(turn_, messages);
      messages_ = std::max<size_t>(1, static_cast<size_t>(static_cast<double>(messages) * (kTurn / took)));
    }
  }

  void RunAlone() { alone_.push_back(NsForAMessage()); }
  void RunTogether() { together_.push_back(NsForAMessage()); }

  // Called by each thread: Google Benchmark adds up what they set.
  void Report(const std::string& name, benchmark::State& state) const {
    if (state.threads() == 1) {
      state.counters[name] = Median(together_);
      return;
    }
    if (!alone_.empty()) state.counters[name + "/threads:1"] = Median(alone_);
    const double threads = state.threads();
    state.counters[name + "/threads:" + std::to_string(state.threads())] = Median(together_) / threads / threads;
  }

 private:
  double NsForAMessage() {
    Time(turn_, messages_ / kWarmUp + 1);
    return Time(turn_, messages_).count() / static_cast<double>(messages_);
  }

  static double Median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }

  Turn turn_;
  size_t messages_ = 1;
  std::vector<double> alone_, together_;  // ns for a message, of each turn
};

void RunInTurn(benchmark::State& state, const std::vector<Way>& ways, Barrier& barrier) {
  std::vector<Lap> laps;
  for (const Way& way : ways) {
    barrier.Wait(state.threads());
    laps.emplace_back(way.prepare(state.thread_index()));
  }
  for (auto _ : state) {
    for (Lap& lap : laps) {
      if (state.threads() > 1) {
        barrier.Wait(state.threads());
        state.thread_index() == 0 ? lap.RunAlone() : std::this_thread::sleep_for(kTurn);
      }
      barrier.Wait(state.threads());
      lap.RunTogether();
    }
  }
  for (size_t i = 0; i < ways.size(); ++i) laps[i].Report(ways[i].name, state);
}

}  // namespace

benchmark::internal::Benchmark* RegisterInTurn(const std::string& name, std::vector<Way> ways) {
  return benchmark::RegisterBenchmark(name.c_str(), [ways = std::move(ways), barrier = std::make_shared<Barrier>()](
                                                        benchmark::State& s) { RunInTurn(s, ways, *barrier); })
      ->UseRealTime();
}

}  // namespace pulseal::bench
