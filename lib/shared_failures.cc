// SPDX-License-Identifier: Apache-2.0
#include "lib/shared_failures.h"

namespace pulseal {

const SharedFailures& SharedFailures::Get() {
  static const SharedFailures& shared = *new SharedFailures;
  return shared;
}

}  // namespace pulseal
