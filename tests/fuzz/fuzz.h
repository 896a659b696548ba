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
#include <string_view>

// libFuzzer's name for it. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// A mutator of the target's own, where it has one: changes data[0, size), which has room for `most` bytes, and returns the
// new size. May call libFuzzer's own, which is LLVMFuzzerMutate; run_corpus_main.cc has one too.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed);
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

// Ends the program where `condition` doesn't hold, in every build.
#define FUZZ_CHECK(condition)                                                            \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: doesn't hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

namespace pulseal {

// Whether a terminal has nothing in `text` to obey: printable ASCII and line feeds.
inline bool IsPlain(std::string_view text) {
  for (const char c : text) {
    if (c != '\n' && (c < ' ' || c > '~')) return false;
  }
  return true;
}

// Whether `part` lies in `whole`; nothing lies anywhere.
inline bool IsInside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace pulseal

#endif  // PULSEAL_TESTS_FUZZ_FUZZ_H_
