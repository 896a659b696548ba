// SPDX-License-Identifier: Apache-2.0
//
// What must hold while everything happens at once.
#ifndef PULSEAL_TESTS_SOAK_CHECKS_H_
#define PULSEAL_TESTS_SOAK_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lib/mutex.h"

namespace pulseal::soak {

// Everything that went wrong: counted, and the first of it kept. Thread-safe.
class Violations {
 public:
  void Add(std::string what);
  void Require(bool holds, std::string_view what) {
    if (!holds) Add(std::string(what));
  }
  size_t count() const;
  std::vector<std::string> first() const;

 private:
  mutable Mutex mutex_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> first_ ABSL_GUARDED_BY(mutex_);
};

// Message `sequence` of a producer: its bytes follow from these three.
std::string MessageOf(uint64_t producer, uint64_t sequence, size_t size);
// Whether `message` is one, of whichever size, whole and unchanged; and which.
bool IsMessage(std::string_view message, uint64_t* producer, uint64_t* sequence);
inline constexpr size_t kMinMessageSize = 20;

// That of one producer's messages 0, 1, 2, ... each came once. Holds what came ahead of a missing one, and no more.
class SequenceCheck {
 public:
  bool Accept(uint64_t sequence);  // false: it came before
  // All before this came, and those that came later than a missing one.
  uint64_t complete() const { return next_; }
  size_t ahead() const { return ahead_.size(); }

 private:
  uint64_t next_ = 0;
  std::set<uint64_t> ahead_;
};

// That no nonce comes twice under a data key: of the newest data keys, every nonce is kept. Thread-safe.
class NonceCheck {
 public:
  // `fields` as Encrypt made them. False: its nonce was there before.
  bool Accept(std::string_view fields);
  size_t data_keys() const;
  size_t nonces() const;

 private:
  struct Nonces {
    size_t data_key;  // a hash of its wrapped keys
    absl::flat_hash_set<std::string> seen;
  };
  mutable Mutex mutex_;
  std::deque<Nonces> newest_ ABSL_GUARDED_BY(mutex_);
  size_t data_keys_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t nonces_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pulseal::soak

#endif  // PULSEAL_TESTS_SOAK_CHECKS_H_
