// SPDX-License-Identifier: Apache-2.0
//
// What was wrong with lines of an input.
#ifndef PULSEAL_TOOLS_LINE_ERRORS_H_
#define PULSEAL_TOOLS_LINE_ERRORS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace pulseal::tools {

// Reports the first few as they come; the others are only counted, so that a file of the wrong kind doesn't fill the
// terminal.
class LineErrors {
 public:
  static constexpr uint64_t kMostReported = 10;

  // `outcome` is what becomes of such a line of `input`: "left out".
  LineErrors(std::string input, std::string outcome) : input_(std::move(input)), outcome_(std::move(outcome)) {}

  // "standard input: line 3 was left out: why".
  void Add(uint64_t line, std::string_view why);

  // Says how many weren't reported, where there are any. After the last Add.
  void ReportRest() const;

  uint64_t count() const { return count_; }

 private:
  const std::string input_, outcome_;
  uint64_t count_ = 0;
};

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_LINE_ERRORS_H_
