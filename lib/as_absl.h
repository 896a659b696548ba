// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_AS_ABSL_H_
#define PULSEAL_LIB_AS_ABSL_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace pulseal {

// Debian's Abseil has a string_view of its own, which std's doesn't convert to.
inline absl::string_view AsAbsl(std::string_view text) { return absl::string_view(text.data(), text.size()); }

}  // namespace pulseal

#endif  // PULSEAL_LIB_AS_ABSL_H_
