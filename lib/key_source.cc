// SPDX-License-Identifier: Apache-2.0
#include "lib/key_source.h"

#include <string_view>

#include "lib/status.h"

namespace pulseal {

absl::Status FromKeySource(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound: return WithReason(status, Reason::kKeyNotFound);
    case absl::StatusCode::kFailedPrecondition: return WithReason(status, Reason::kKeyUnusable);
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnavailable: return WithReason(status, Reason::kKeyServiceUnavailable);
    default:
      return MakeStatus(absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable,
                        std::string_view(status.message().data(), status.message().size()));
  }
}

}  // namespace pulseal
