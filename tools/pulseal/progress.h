// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_PROGRESS_H_
#define PULSEAL_TOOLS_PROGRESS_H_

#include <cstdint>

namespace pulseal::tools {

// How much of a file has been worked through, in percent, on standard error where that is a terminal (ShowProgress).
class Progress {
 public:
  // Shows nothing for what isn't a regular file or is soon done, and nothing at all where `quiet`.
  Progress(int file, bool quiet);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // To be called for each message: most calls cost one comparison.
  void At(uint64_t position) {
    if (position >= next_) Show(position);
  }

 private:
  void Show(uint64_t position);

  uint64_t size_ = 0;
  uint64_t next_ = UINT64_MAX;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_PROGRESS_H_
