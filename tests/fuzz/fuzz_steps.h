// SPDX-License-Identifier: Apache-2.0
//
// The input of targets to which one message comes after the other: a byte of options, then for each step one byte of how,
// two bytes of each the metadata's and the payload's size (big endian), metadata, payload. With fuzz_steps.cc goes a mutator
// that knows steps, and metadata.
#ifndef PULSEAL_TESTS_FUZZ_FUZZ_STEPS_H_
#define PULSEAL_TESTS_FUZZ_FUZZ_STEPS_H_

#include <cstdint>
#include <string_view>

namespace pulseal {

struct FuzzStep {
  uint8_t how = 0;
  std::string_view metadata, payload;
};

// Takes a step off the front; false where there is none.
bool TakeFuzzStep(std::string_view* rest, FuzzStep* step);

}  // namespace pulseal

#endif  // PULSEAL_TESTS_FUZZ_FUZZ_STEPS_H_
