// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/report.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"

namespace pulseal::tools {
namespace {

absl::string_view AsAbsl(std::string_view text) { return absl::string_view(text.data(), text.size()); }

bool progress_is_shown = false;

}  // namespace

void Report(std::string_view text) {
  EndProgress();
  // In one write, so that two programs' lines don't mix. There is nobody to tell of a failure.
  (void)WriteAll(STDERR_FILENO, absl::StrCat("pulseal: ", WithoutControls(text), "\n"));
}

void ShowProgress(std::string_view text) {
  if (isatty(STDERR_FILENO) == 0) return;
  (void)WriteAll(STDERR_FILENO, absl::StrCat("\r\x1b[Kpulseal: ", WithoutControls(text)));
  progress_is_shown = true;
}

void EndProgress() {
  if (std::exchange(progress_is_shown, false)) (void)WriteAll(STDERR_FILENO, "\r\x1b[K");
}

absl::Status Print(std::string_view text) {
  EndProgress();
  if (WriteAll(STDOUT_FILENO, text)) return absl::OkStatus();
  if (errno == EPIPE) EndBySignal(SIGPIPE);
  return ErrnoStatus("standard output");
}

absl::Status PrintToStandardError(std::string_view text) {
  return WriteAll(STDERR_FILENO, text) ? absl::OkStatus() : ErrnoStatus("standard error");
}

ExitCode EnvironmentFailure(const absl::Status& status) {
  Report(std::string(status.message()));
  return ExitCode::kEnvironment;
}

ExitCode Misused(const absl::Status& status) {
  Report(std::string(status.message()));
  return ExitCode::kUsage;
}

std::string Count(uint64_t number, std::string_view noun) {
  return absl::StrCat(number, " ", AsAbsl(noun), number == 1 ? "" : "s");
}

}  // namespace pulseal::tools
