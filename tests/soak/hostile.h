// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SOAK_HOSTILE_H_
#define PULSEAL_TESTS_SOAK_HOSTILE_H_

#include <memory>
#include <random>

#include "pulseal/key_wrapper.h"
#include "tests/soak/topic.h"

namespace pulseal::soak {

using Random = std::mt19937_64;

// A number below `bound`.
inline uint64_t Below(Random& random, uint64_t bound) { return random() % bound; }

// A message of which nothing may be delivered, by somebody who has seen `good` (encrypted, and not a chunk: a chunk's
// message can be spoiled by design) and has the public key "orders", with which `wrapper` wraps.
Entry MakeHostile(const Entry& good, KeyWrapper& wrapper, Random& random);

}  // namespace pulseal::soak

#endif  // PULSEAL_TESTS_SOAK_HOSTILE_H_
