// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_FORK_SENTINEL_H_
#define PULSEAL_LIB_FORK_SENTINEL_H_

#include <memory>

#include "absl/status/statusor.h"

namespace pulseal {

// Tells a forked child from its parent by a page that the kernel empties on fork (madvise MADV_WIPEONFORK, Linux 4.14),
// which also holds where the process id stays the same in a new pid namespace. forked() is one load; it takes no lock.
class ForkSentinel {
 public:
  // INTERNAL where the kernel has no such page: there is no safe substitute.
  static absl::StatusOr<std::unique_ptr<ForkSentinel>> Create();
  ~ForkSentinel();
  ForkSentinel(const ForkSentinel&) = delete;
  ForkSentinel& operator=(const ForkSentinel&) = delete;

  bool forked() const { return *page_ == 0; }

 private:
  explicit ForkSentinel(volatile char* page) : page_(page) {}
  volatile char* page_;
};

// What every call answers in a child: FAILED_PRECONDITION, kForked. A shared copy.
const absl::Status& ForkedStatus();

}  // namespace pulseal

#endif  // PULSEAL_LIB_FORK_SENTINEL_H_
