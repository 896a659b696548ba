// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_VERSION_H_
#define PULSEAL_VERSION_H_

#include "pulseal/export.h"

// The version of these headers. Until 1.0 each minor version is an ABI of its own: the shared library's SONAME is
// libpulseal.so.MAJOR.MINOR. Types of Abseil and of the standard library are part of it: compile with those that the
// library was built with.
//
// Within a minor version no declaration changes or goes; values may come behind an enum's others, and overloads. A later
// minor version may also append members to structs, and virtual functions that have a default. To compile with them, name
// the members that you set, take what a switch doesn't know for the failure (of a Decision: as kFail), take no function's
// address, and add nothing to namespace pulseal.
#define PULSEAL_VERSION_MAJOR 0
#define PULSEAL_VERSION_MINOR 1
#define PULSEAL_VERSION_PATCH 0
#define PULSEAL_VERSION_STRING "0.1.0"

namespace pulseal {

// The version of the library that the program runs with, "MAJOR.MINOR.PATCH". Compare it with PULSEAL_VERSION_STRING to
// notice headers and a shared library that don't belong together. Never fails; the text lives as long as the program.
PULSEAL_EXPORT const char* Version();

}  // namespace pulseal

#endif  // PULSEAL_VERSION_H_
