// SPDX-License-Identifier: Apache-2.0
//
// Any stream in lines: those that a plain search for line feeds finds, with those that are too long marked. Input: one
// byte of the longest line, the stream.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "tests/fuzz/fuzz.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/line_reader.h"

namespace pulseal::tools {
namespace {

void CheckLines(size_t longest, std::string_view stream) {
  const FileDescriptor file(memfd_create("stream", MFD_CLOEXEC));
  FUZZ_CHECK(file.valid() && WriteAll(file.get(), stream) && lseek(file.get(), 0, SEEK_SET) == 0);
  LineReader lines(file.get(), "stream", longest, [] { return absl::OkStatus(); });
  for (uint64_t number = 1; !stream.empty(); ++number) {
    const size_t size = std::min(stream.find('\n'), stream.size());
    const absl::StatusOr<LineReader::Line> line = lines.Next();
    FUZZ_CHECK(line.ok() && line->number == number);
    FUZZ_CHECK(line->kind == (size > longest ? LineReader::Kind::kTooLong : LineReader::Kind::kLine));
    FUZZ_CHECK(size > longest || line->text == stream.substr(0, size));
    stream.remove_prefix(std::min(size + 1, stream.size()));
  }
  FUZZ_CHECK(lines.Next()->kind == LineReader::Kind::kEnd);
}

}  // namespace
}  // namespace pulseal::tools

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  pulseal::tools::CheckLines(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
