// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/message_input.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace pulseal::tools {
namespace {

// A byte of a payload may take six in JSON ("\u0000").
constexpr size_t kMaxJsonLineSize = 6 * kMaxMessageSize + 1024 * 1024;

}  // namespace

MessageInput::MessageInput(MessageFormat format, Check check, std::function<absl::Status()> before_waiting)
    : format_(format),
      check_(std::move(check)),
      lines_(STDIN_FILENO, "standard input", format == MessageFormat::kLines ? kMaxMessageSize : kMaxJsonLineSize,
             std::move(before_waiting)) {}

absl::StatusOr<bool> MessageInput::Next(framing::SingleMessage* message) {
  while (true) {
    const absl::StatusOr<LineReader::Line> line = lines_.Next();
    if (!line.ok()) return line.status();
    if (line->kind == LineReader::Kind::kEnd) {
      errors_.ReportRest();
      return false;
    }
    *message = framing::SingleMessage();
    absl::Status status;
    if (line->kind == LineReader::Kind::kTooLong) {
      status = absl::InvalidArgumentError(format_ == MessageFormat::kLines
                                              ? absl::StrCat("is longer than 5 MiB (", kMaxMessageSize, " bytes)")
                                              : absl::StrCat("is longer than ", kMaxJsonLineSize, " bytes"));
    } else if (format_ == MessageFormat::kLines) {
      message->payload = line->text;
    } else {
      status = json_.Read(line->text, message);
    }
    if (status.ok()) status = check_(*message);
    if (status.ok()) return true;
    errors_.Add(line->number, absl::StrCat("it ", status.message()));
  }
}

}  // namespace pulseal::tools
