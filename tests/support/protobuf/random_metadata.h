// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_PROTOBUF_RANDOM_METADATA_H_
#define PULSEAL_TESTS_SUPPORT_PROTOBUF_RANDOM_METADATA_H_

#include <cstdint>
#include <random>
#include <string>

namespace pulseal::testing {

using Random = std::mt19937_64;

// Below `limit`, which is at least 1.
uint64_t Below(Random& random, uint64_t limit);

// A well-formed message: known and unknown fields of every type in any order, scalars repeated, groups, long varints,
// keys with pairs; now and then a known field with a wrong type.
std::string RandomMetadata(Random& random);

// `bytes` cut, or with bytes changed, inserted or removed in a few places.
std::string Mutated(std::string bytes, Random& random);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_PROTOBUF_RANDOM_METADATA_H_
