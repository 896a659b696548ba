// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/websocket_link.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

using std::chrono::steady_clock;

constexpr auto kToConnect = std::chrono::seconds(10);
constexpr auto kToAnswer = std::chrono::seconds(40);  // the endpoint itself gives a message up after 30
constexpr auto kToClose = std::chrono::seconds(2);
constexpr auto kFirstPause = std::chrono::milliseconds(100);
constexpr auto kLongestPause = std::chrono::seconds(5);

bool IsForGood(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kFailedPrecondition: return false;  // an endpoint that starts refuses for a while
    default: return true;
  }
}

}  // namespace

absl::Status WebSocketLink::Named(const absl::Status& status) const {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(options_.access.url.text, ": ", status.message()));
}

Deadline WebSocketLink::AnswerDeadline() const {
  return steady_clock::now() + std::min<std::chrono::nanoseconds>(kToAnswer, options_.patience);
}

absl::Status WebSocketLink::Open(std::string target) {
  Close();
  target_ = std::move(target);
  return Named(Connect());
}

absl::Status WebSocketLink::OpenAgain(const absl::Status& loss, const std::function<absl::Status()>& begin) {
  absl::Status status = loss;
  for (connection_.reset(); !IsForGood(status) && !Interrupted(); connection_.reset()) {
    if (!give_up_at_) {
      give_up_at_ = steady_clock::now() + options_.patience;
      Report(absl::StrCat("warning: ", options_.access.url.text, ": ", status.message(), "; trying again for up to ",
                          absl::FormatDuration(absl::FromChrono(options_.patience))));
    }
    if (steady_clock::now() + pause_ >= *give_up_at_) break;
    Pause(std::chrono::duration_cast<std::chrono::milliseconds>(pause_));
    pause_ = std::clamp<std::chrono::nanoseconds>(2 * pause_, kFirstPause, kLongestPause);
    if (!Interrupted()) status = Connect();
    if (status.ok()) status = begin();
    if (status.ok()) return status;
  }
  return Named(status);
}

absl::Status WebSocketLink::Connect() {
  Deadline deadline = steady_clock::now() + std::min<std::chrono::nanoseconds>(kToConnect, options_.patience);
  auto connection = WebSocketConnection::Open(options_.access, target_, options_.max_frame_size, deadline);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  return absl::OkStatus();
}

void WebSocketLink::Progress() {
  pause_ = std::chrono::nanoseconds(0);
  if (!give_up_at_) return;
  give_up_at_.reset();
  Report(absl::StrCat(options_.access.url.text, ": connected again"));
}

void WebSocketLink::Close() {
  if (connection_ != nullptr) connection_->Close(steady_clock::now() + kToClose);
  connection_.reset();
}

}  // namespace pulseal::tools
