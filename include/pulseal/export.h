// SPDX-License-Identifier: Apache-2.0
//
// PULSEAL_EXPORT marks what the shared library shows; everything else is hidden.
#ifndef PULSEAL_EXPORT_H_
#define PULSEAL_EXPORT_H_

#define PULSEAL_EXPORT __attribute__((visibility("default")))

#endif  // PULSEAL_EXPORT_H_
