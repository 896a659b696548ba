// SPDX-License-Identifier: Apache-2.0
//
// Lines of a stream, of any bytes, with bounded memory.
#ifndef PULSEAL_TOOLS_LINE_READER_H_
#define PULSEAL_TOOLS_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pulseal::tools {

// A line ends with a line feed, which is no part of it, or with the stream. A stream that ends with a line feed has no
// empty line after it.
class LineReader {
 public:
  enum class Kind { kLine, kTooLong, kEnd };
  struct Line {
    Kind kind = Kind::kEnd;
    uint64_t number = 0;    // from 1
    std::string_view text;  // kLine only; valid until the next call
  };

  // Reads `fd`, which is `name` in messages. Lines over `max_size` bytes are kTooLong and skipped. `before_waiting`
  // runs before each wait for input that isn't there yet.
  LineReader(int fd, std::string name, size_t max_size, std::function<absl::Status()> before_waiting)
      : fd_(fd), name_(std::move(name)), max_size_(max_size), before_waiting_(std::move(before_waiting)) {}

  // kEnd at the end of the stream, and once the program was interrupted: what was read of a line is then dropped.
  absl::StatusOr<Line> Next();

  // Bytes of the stream behind the lines that were given.
  uint64_t position() const { return bytes_read_ - (end_ - begin_); }

 private:
  absl::StatusOr<bool> Fill();
  absl::StatusOr<bool> WaitForInput();
  absl::StatusOr<Line> SkipLine();
  Line Take(size_t size, size_t separator);

  const int fd_;
  const std::string name_;
  const size_t max_size_;
  const std::function<absl::Status()> before_waiting_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // buffer_[begin_, end_) is read and not yet given
  uint64_t number_ = 0, bytes_read_ = 0;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_LINE_READER_H_
