// SPDX-License-Identifier: Apache-2.0
//
// leaky WHERE TEXT: puts TEXT where no secret may be. leaky data-key: a data key that it has drawn.
#include <chrono>
#include <iostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "lib/crypto/random.h"
#include "lib/event_sink.h"
#include "lib/status.h"

namespace pulseal {
namespace {

absl::Status WithPayload(const std::string& text) {
  absl::Status status = absl::InternalError("words");
  status.SetPayload("type", absl::Cord(text));
  return status;
}

void Emit(const std::string& key_name) {
  EventSink sink([](const CryptoEvent&) {}, [] { return std::chrono::nanoseconds(0); });
  sink.Emit(CryptoEvent::Kind::kRotated, key_name, absl::OkStatus());
}

bool Leak(const std::string& where, const std::string& text) {
  if (where == "made") return !MakeStatus(absl::StatusCode::kInternal, Reason::kMisuse, text).ok();
  if (where == "plain") return !absl::InternalError(text).ok();
  if (where == "prefix") return !Prefixed(text, absl::InternalError("words")).ok();
  if (where == "payload") return !WithPayload(text).ok();
  if (where == "data-key") return !Misuse(Quoted(crypto::NewDataKey(nullptr)->view())).ok();
  if (where == "event") Emit(text);
  return where == "event";
}

}  // namespace
}  // namespace pulseal

int main(int argc, char** argv) {
  if (argc >= 2 && pulseal::Leak(argv[1], argc > 2 ? argv[2] : "")) return 0;
  std::cerr << "usage: leaky made|plain|prefix|payload|event TEXT | data-key\n";
  return 2;
}
