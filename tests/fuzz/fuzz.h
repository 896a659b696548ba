// SPDX-License-Identifier: Apache-2.0
//
// What a fuzz target is made of: one function that is handed any bytes and must come back, and checks that stop the
// program.
#ifndef PULSEAL_TESTS_FUZZ_FUZZ_H_
#define PULSEAL_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

// libFuzzer's name for it. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Ends the program where `condition` doesn't hold, in every build.
#define FUZZ_CHECK(condition)                                                            \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: doesn't hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

#endif  // PULSEAL_TESTS_FUZZ_FUZZ_H_
