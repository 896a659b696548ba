// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_RESOLVE_CALLS_H_
#define PULSEAL_LIB_RESOLVE_CALLS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lib/background_worker.h"
#include "lib/key_lookup.h"
#include "lib/tickets.h"

namespace pulseal {

// The calls of MessageDecryptor::Resolve that wait, at most `most_pending`. Each is answered once: by the worker and never
// inside the call, but for what gets lost, which is answered by whoever loses it. Not at all once the worker was stopped,
// nor where the call throws (std::bad_alloc). Thread-safe.
class ResolveCalls {
 public:
  using Done = std::function<void(absl::StatusOr<KeyLookup::Result>)>;

  ResolveCalls(size_t most_pending, std::shared_ptr<BackgroundWorker> worker)
      : tickets_(most_pending), worker_(std::move(worker)) {}

  // Answers with what `lookup` brings for the wrapped keys; RESOURCE_EXHAUSTED (kLimitReached) where too many calls wait, or
  // too many bytes of wrapped keys.
  void LookUp(KeyLookup& lookup, absl::Span<const std::string_view> identities, Done done) const;

  // Answers with `why`.
  void Refuse(absl::Status why, Done done) const;

 private:
  using Answer = std::shared_ptr<absl::StatusOr<KeyLookup::Result>>;

  std::function<void()> Telling(Done done, Answer answer, std::shared_ptr<void> ticket) const;

  const Tickets tickets_;
  const std::shared_ptr<BackgroundWorker> worker_;
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_RESOLVE_CALLS_H_
