// SPDX-License-Identifier: Apache-2.0
#include "lib/fork_sentinel.h"

#include <errno.h>
#include <sys/mman.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/status.h"

namespace pulseal {
namespace {

constexpr size_t kPageBytes = 1;  // mmap rounds up to a page

}  // namespace

absl::StatusOr<std::unique_ptr<ForkSentinel>> ForkSentinel::Create() {
  void* page = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return absl::InternalError(absl::StrCat("mmap for the fork sentinel: ", strerror(errno)));
  std::unique_ptr<ForkSentinel> sentinel(new ForkSentinel(static_cast<volatile char*>(page)));
  if (madvise(page, kPageBytes, MADV_WIPEONFORK) != 0) {
    return absl::InternalError(
        absl::StrCat("madvise(MADV_WIPEONFORK): ", strerror(errno), "; Linux 4.14 or newer is needed"));
  }
  *sentinel->page_ = 1;
  ForkedStatus();  // made now: a child must not wait for a thread that it doesn't have to finish making it
  NoMemory();      // and this one needs some
  return sentinel;
}

ForkSentinel::~ForkSentinel() { munmap(const_cast<char*>(page_), kPageBytes); }

const absl::Status& ForkedStatus() {
  static const absl::Status& status =
      *new absl::Status(MakeStatus(absl::StatusCode::kFailedPrecondition, Reason::kForked,
                                   "made before a fork() and called in the child, where its keys and nonces would be "
                                   "used twice; make a new one here"));
  return status;
}

}  // namespace pulseal
