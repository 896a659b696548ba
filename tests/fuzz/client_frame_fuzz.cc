// SPDX-License-Identifier: Apache-2.0
//
// What the example of a client reads from a broker, any bytes: as a frame, whose entry lies inside it and which is made
// again to one that parses the same, and as a broker's URL, which parses again from what is shown of it.
#include <google/protobuf/stubs/logging.h>

#include <string>
#include <string_view>

#include "examples/pulsar_client/frame.h"
#include "examples/pulsar_client/service_url.h"
#include "tests/fuzz/fuzz.h"

namespace pulsar_client {
namespace {

void CheckFrame(std::string_view bytes) {
  const absl::StatusOr<Frame> frame = ParseFrame(bytes);
  if (!frame.ok()) return;
  FUZZ_CHECK(pulseal::IsInside(frame->entry, bytes));
  const std::string made = MakeFrame(frame->command, frame->entry);
  const absl::StatusOr<Frame> again = ParseFrame(std::string_view(made).substr(kFrameSizeSize));
  FUZZ_CHECK(again.ok() && again->entry == frame->entry);
  FUZZ_CHECK(again->command.SerializeAsString() == frame->command.SerializeAsString());
}

void CheckUrl(const std::string& text) {
  const absl::StatusOr<ServiceUrl> url = ParseServiceUrl(text);
  const std::string shown = url.ok() ? url->ToString() : std::string(url.status().message());
  FUZZ_CHECK(pulseal::IsPlain(shown));
  if (!url.ok() || shown.find('\\') != std::string::npos) return;
  const absl::StatusOr<ServiceUrl> again = ParseServiceUrl(shown);
  FUZZ_CHECK(again.ok() && again->host == url->host && again->port == url->port && again->tls == url->tls);
}

}  // namespace
}  // namespace pulsar_client

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool silent = (google::protobuf::SetLogHandler(nullptr), true);
  (void)silent;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  pulsar_client::CheckFrame(bytes);
  pulsar_client::CheckUrl(std::string(bytes));
  return 0;
}
