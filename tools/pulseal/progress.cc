// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/progress.h"

#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

constexpr off_t kLongWork = 8 * 1024 * 1024;  // what is less is done before anybody could read a number

}  // namespace

Progress::Progress(int file, bool quiet) {
  struct stat status;
  if (quiet || fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < kLongWork) return;
  size_ = static_cast<uint64_t>(status.st_size);
  next_ = size_ / 100 + 1;  // the first percent says nothing
}

Progress::~Progress() { EndProgress(); }

void Progress::Show(uint64_t position) {
  // The file may have grown since.
  ShowProgress(absl::StrCat(std::min<uint64_t>(position * 100 / std::max<uint64_t>(size_, 1), 100), " %"));
  next_ = position + size_ / 100 + 1;
}

}  // namespace pulseal::tools
