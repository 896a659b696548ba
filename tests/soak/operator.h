// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SOAK_OPERATOR_H_
#define PULSEAL_TESTS_SOAK_OPERATOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/soak/hostile.h"
#include "tests/soak/shared.h"

namespace pulseal::soak {

// The keys: "orders" and "audit", and "rolled", which has three pairs of which one is the newest. Whichever is used, its
// private key is there, so that every message can be read at any time.
void WriteKeys(const testing::TempFolder& folder);

// Whoever runs the system: other recipients, new data keys, new key files, caches dropped, clients that come and go.
class Operator {
 public:
  Operator(std::vector<Backend*> backends, Shared& shared, uint64_t seed);

  void Run(const std::atomic<bool>& ends);
  uint64_t actions() const { return actions_; }
  uint64_t answers_owed() const { return asked_ - answered_; }

 private:
  void Act(Backend& backend);
  void RollKey(Backend& backend);
  void ComeAndGo(Backend& backend);
  std::vector<std::string> AnyKeyNames();
  std::function<void(absl::Status)> Expecting();
  void Check(const absl::Status& status);

  const std::vector<Backend*> backends_;
  Shared& shared_;
  Random random_;
  uint64_t actions_ = 0, asked_ = 0;
  std::atomic<uint64_t> answered_{0};
};

}  // namespace pulseal::soak

#endif  // PULSEAL_TESTS_SOAK_OPERATOR_H_
