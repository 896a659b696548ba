// SPDX-License-Identifier: Apache-2.0
//
// Messages out, a line each, to standard output.
#ifndef PULSEAL_TOOLS_LINE_WRITER_H_
#define PULSEAL_TOOLS_LINE_WRITER_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace pulseal::tools {

// What was written and not flushed is lost when the writer is destroyed.
class LineWriter {
 public:
  // Adds `text` and a line feed. Fails as Flush does.
  absl::Status Write(std::string_view text);

  // As Print.
  absl::Status Flush();

 private:
  std::vector<char> buffer_;
  size_t size_ = 0;  // of it in use
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_LINE_WRITER_H_
