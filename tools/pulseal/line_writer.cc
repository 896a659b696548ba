// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/line_writer.h"

#include <algorithm>
#include <cstring>

#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

constexpr size_t kBufferSize = 256 * 1024;

}  // namespace

absl::StatusOr<absl::Span<char>> LineWriter::Room(size_t size) {
  const size_t line_size = size + 1;
  if (size_ + line_size > buffer_.size()) {
    if (absl::Status status = Flush(); !status.ok()) return status;
  }
  if (line_size > buffer_.size()) buffer_.resize(std::max(line_size, kBufferSize));
  return absl::MakeSpan(buffer_.data() + size_, size);
}

void LineWriter::Append(std::string_view text) {
  if (!text.empty()) memmove(buffer_.data() + size_, text.data(), text.size());
  size_ += text.size();
  buffer_[size_++] = '\n';
}

absl::Status LineWriter::Flush() {
  const std::string_view lines(buffer_.data(), size_);
  size_ = 0;
  return Print(lines);
}

}  // namespace pulseal::tools
