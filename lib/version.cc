// SPDX-License-Identifier: Apache-2.0
#include "pulseal/version.h"

namespace pulseal {

const char* Version() { return PULSEAL_VERSION_STRING; }

}  // namespace pulseal
