// SPDX-License-Identifier: Apache-2.0
//
// Several ways of doing the same, in turn, for a tenth of a millisecond each: what slows the machine down for longer than
// that, such as a neighbour or another clock rate, slows all of them alike, and their ratios stand.
#ifndef PULSEAL_BENCH_IN_TURN_H_
#define PULSEAL_BENCH_IN_TURN_H_

#include <benchmark/benchmark.h>

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace pulseal::bench {

// Handles so many messages; false where one failed.
using Turn = std::function<bool(size_t messages)>;

template <typename Message>
Turn TurnOf(Message message) {
  return [message = std::move(message)](size_t messages) mutable {
    for (size_t i = 0; i < messages; ++i) {
      if (!message()) return false;
      benchmark::ClobberMemory();
    }
    return true;
  };
}

struct Way {
  std::string name;  // "WAY/BACKEND"
  // What thread number `thread` does. Called by that thread, anew for each repetition: other memory, other luck.
  std::function<Turn(int thread)> prepare;
};

// A benchmark `name`, "CASE/PARAMETER", of which the time is nobody's: each way's is a counter with the way's name, the
// median over the turns, in ns of wall-clock time for a message. With several threads there are two, "WAY/BACKEND/threads:1"
// of a thread that works alone and "WAY/BACKEND/threads:N" for a message of all that work at the same moment. A message
// that fails ends the program.
benchmark::internal::Benchmark* RegisterInTurn(const std::string& name, std::vector<Way> ways);

}  // namespace pulseal::bench

#endif  // PULSEAL_BENCH_IN_TURN_H_
