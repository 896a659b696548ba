// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"

namespace pulseal::tools {
namespace {

constexpr size_t kReadSize = 256 * 1024;

}  // namespace

absl::StatusOr<LineReader::Line> LineReader::Next() {
  size_t searched = 0;
  while (true) {
    const std::string_view held(buffer_.data() + begin_, end_ - begin_);
    const size_t line_feed = held.find('\n', searched);
    if (std::min(line_feed, held.size()) > max_size_) return SkipLine();
    if (line_feed != std::string_view::npos) return Take(line_feed, 1);
    searched = held.size();
    const absl::StatusOr<bool> more = Fill();
    if (!more.ok()) return more.status();
    if (*more) continue;
    if (held.empty() || Interrupted()) return Line{};
    return Take(held.size(), 0);
  }
}

LineReader::Line LineReader::Take(size_t size, size_t separator) {
  const Line line = {Kind::kLine, ++number_, std::string_view(buffer_.data() + begin_, size)};
  begin_ += size + separator;
  return line;
}

absl::StatusOr<LineReader::Line> LineReader::SkipLine() {
  while (true) {
    const void* const line_feed = memchr(buffer_.data() + begin_, '\n', end_ - begin_);
    if (line_feed != nullptr) {
      begin_ = static_cast<size_t>(static_cast<const char*>(line_feed) - buffer_.data()) + 1;
      break;
    }
    begin_ = end_;
    const absl::StatusOr<bool> more = Fill();
    if (!more.ok()) return more.status();
    if (!*more) break;
  }
  return Line{Kind::kTooLong, ++number_, {}};
}

// Reads more behind what is held; false at the end of the stream.
absl::StatusOr<bool> LineReader::Fill() {
  const size_t held = end_ - begin_;
  if (buffer_.size() < held + kReadSize) buffer_.resize(held + kReadSize);
  memmove(buffer_.data(), buffer_.data() + begin_, held);
  begin_ = 0;
  end_ = held;
  while (true) {
    const absl::StatusOr<bool> ready = WaitForInput();
    if (!ready.ok() || !*ready) return ready;
    const ssize_t count = read(fd_, buffer_.data() + end_, kReadSize);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return ErrnoStatus(name_);
    end_ += static_cast<size_t>(count);
    bytes_read_ += static_cast<uint64_t>(count);
    return count > 0;
  }
}

// False once the program was interrupted.
absl::StatusOr<bool> LineReader::WaitForInput() {
  pollfd sources[] = {{fd_, POLLIN, 0}, {InterruptDescriptor(), POLLIN, 0}};
  if (poll(sources, 2, 0) == 0) {
    if (absl::Status status = before_waiting_(); !status.ok()) return status;
  }
  while (poll(sources, 2, -1) < 0) {
    if (errno != EINTR) return ErrnoStatus(name_);
  }
  return !Interrupted();
}

}  // namespace pulseal::tools
