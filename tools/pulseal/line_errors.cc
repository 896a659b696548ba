// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/line_errors.h"

#include "absl/strings/str_cat.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {

void LineErrors::Add(uint64_t line, std::string_view why) {
  if (++count_ > kMostReported) return;
  Report(absl::StrCat(input_, ": line ", line, " was ", outcome_, ": ", absl::string_view(why.data(), why.size())));
}

void LineErrors::ReportRest() const {
  if (count_ <= kMostReported) return;
  const uint64_t rest = count_ - kMostReported;
  Report(absl::StrCat(input_, ": ", Count(rest, "more line"), rest == 1 ? " was " : " were ", outcome_));
}

}  // namespace pulseal::tools
