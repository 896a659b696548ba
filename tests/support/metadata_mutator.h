// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_METADATA_MUTATOR_H_
#define PULSEAL_TESTS_SUPPORT_METADATA_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace pulseal::testing {

// Changes the first `size` bytes at `data`, which has room for `most`, and returns how many they are then: libFuzzer's
// LLVMFuzzerMutate.
using MutateBytes = size_t (*)(uint8_t* data, size_t size, size_t most);

// `message`, a serialised message of Protocol Buffers, with one thing changed: a field repeated, dropped, moved, written
// longer than needed, resized, given another number or wire type, or its value mutated: as a message again where it is
// one, otherwise as bytes. What isn't a message, and now and then what is one, is mutated as bytes altogether. At most
// `most` bytes. Depends on nothing but the arguments and mutate_bytes.
std::string MutateMetadata(std::string_view message, size_t most, MutateBytes mutate_bytes, std::minstd_rand& random);

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_METADATA_MUTATOR_H_
