// SPDX-License-Identifier: Apache-2.0
//
// Messages out, a line each, to standard output.
#ifndef PULSEAL_TOOLS_LINE_WRITER_H_
#define PULSEAL_TOOLS_LINE_WRITER_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace pulseal::tools {

// What was appended and not flushed is lost when the writer is destroyed.
class LineWriter {
 public:
  // `size` bytes in which the next line may be put together; good until the next call. Fails as Flush does.
  absl::StatusOr<absl::Span<char>> Room(size_t size);

  // Adds `text`, which may stand at the beginning of the room given last, and a line feed. `text` is no longer than
  // that room.
  void Append(std::string_view text);

  // As Print.
  absl::Status Flush();

 private:
  std::vector<char> buffer_;
  size_t size_ = 0;  // of it in use
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_LINE_WRITER_H_
