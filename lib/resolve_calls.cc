// SPDX-License-Identifier: Apache-2.0
#include "lib/resolve_calls.h"

#include <chrono>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/status.h"

namespace pulseal {
namespace {

absl::Status TooMany(size_t most_pending) {
  return MakeStatus(absl::StatusCode::kResourceExhausted, Reason::kLimitReached,
                    absl::StrCat("max_pending (", most_pending, ") calls of Resolve are waiting already"));
}

absl::Status NoRoom() {
  return MakeStatus(absl::StatusCode::kResourceExhausted, Reason::kLimitReached,
                    absl::StrCat("the lookups that a key service hasn't answered hold ", KeyLookup::kMostHeld >> 20,
                                 " MiB of wrapped keys; ask again later"));
}

}  // namespace

void ResolveCalls::LookUp(KeyLookup& lookup, absl::Span<const std::string_view> identities, Done done) const {
  std::shared_ptr<void> ticket = tickets_.Take();
  if (ticket == nullptr) return Refuse(TooMany(tickets_.most()), std::move(done));
  // Made before anything begins, so that `done` is told wherever memory runs out.
  auto answer = std::make_shared<absl::StatusOr<KeyLookup::Result>>(NoMemory());
  std::function<void()> tell = Telling(std::move(done), answer, std::move(ticket));
  auto take = [worker = worker_, answer, tell = std::move(tell)](KeyLookup::Result result) mutable {
    if (result == nullptr) {
      *answer = NoRoom();
    } else {
      *answer = std::move(result);
    }
    worker->After(std::chrono::nanoseconds(0), std::move(tell));
  };
  try {
    lookup.Start(identities, std::move(take));
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): `tell` is lost, and so told
  }
}

void ResolveCalls::Refuse(absl::Status why, Done done) const {
  auto answer = std::make_shared<absl::StatusOr<KeyLookup::Result>>(std::move(why));
  worker_->After(std::chrono::nanoseconds(0), Telling(std::move(done), std::move(answer), nullptr));
}

// Tells `done` what `answer` is by then. `ticket` is given back before, since `done` may want it for the next call.
std::function<void()> ResolveCalls::Telling(Done done, Answer answer, std::shared_ptr<void> ticket) const {
  return worker_->OrElse([done = std::move(done), answer = std::move(answer), ticket = std::move(ticket)]() mutable {
    ticket.reset();
    done(*std::move(answer));
  });
}

}  // namespace pulseal
