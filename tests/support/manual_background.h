// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_MANUAL_BACKGROUND_H_
#define PULSEAL_TESTS_SUPPORT_MANUAL_BACKGROUND_H_

#include <chrono>
#include <functional>
#include <memory>

#include "pulseal/background.h"

namespace pulseal::testing {

// An executor and a clock that stand still until a test moves them. Thread-safe; copies share everything.
class ManualBackground {
 public:
  ManualBackground();
  ~ManualBackground();  // forgets all work that waits: work keeps its object, which keeps this executor and so the work
  ManualBackground(const ManualBackground&) = delete;
  ManualBackground& operator=(const ManualBackground&) = delete;

  Background options() const;  // mode kExecutor

  std::chrono::nanoseconds now() const;
  void SetNow(std::chrono::nanoseconds now);
  // Moves the clock, then runs what is due by then, in order, and what that work asks for without delay.
  void Advance(std::chrono::nanoseconds by);

  // Runs what is due now and what that asks for without delay; returns how many pieces of work ran.
  size_t RunDue();
  // Runs the work that is due first, one piece; false where nothing is due.
  bool RunOne();
  // How many pieces of work wait, due or not.
  size_t waiting() const;
  // Forgets all work that waits.
  void DropAll();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_MANUAL_BACKGROUND_H_
