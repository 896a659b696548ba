// SPDX-License-Identifier: Apache-2.0
//
// The mutator of targets whose input is metadata and nothing else.
#include <algorithm>
#include <random>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "tests/support/metadata_mutator.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  const std::string_view metadata(reinterpret_cast<const char*>(data), size);
  const std::string mutant = pulseal::testing::MutateMetadata(metadata, most, LLVMFuzzerMutate, random);
  std::copy(mutant.begin(), mutant.end(), data);
  return mutant.size();
}
