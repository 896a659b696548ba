// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/line_writer.h"

#include <algorithm>

#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

constexpr size_t kBufferSize = 256 * 1024;

}  // namespace

absl::Status LineWriter::Write(std::string_view text) {
  const size_t line_size = text.size() + 1;
  if (size_ + line_size > buffer_.size()) {
    if (absl::Status status = Flush(); !status.ok()) return status;
  }
  if (line_size > buffer_.size()) buffer_.resize(std::max(line_size, kBufferSize));
  text.copy(buffer_.data() + size_, text.size());
  size_ += line_size;
  buffer_[size_ - 1] = '\n';
  return absl::OkStatus();
}

absl::Status LineWriter::Flush() {
  const std::string_view lines(buffer_.data(), size_);
  size_ = 0;
  return Print(lines);
}

}  // namespace pulseal::tools
