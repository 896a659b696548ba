// SPDX-License-Identifier: Apache-2.0
//
// Any line as a message in JSON, as a message that was kept, and as JSON at all: what is taken lies within the limits
// and can be sent, what is refused is refused in words for a terminal, and what is written reads the same.
#include <string>
#include <string_view>

#include "pulseal/framing/batch.h"
#include "tests/fuzz/fuzz.h"
#include "tools/pulseal/json_line.h"
#include "tools/pulseal/json_message.h"
#include "tools/pulseal/kept_message.h"

namespace pulseal::tools {
namespace {

void CheckMessage(std::string_view line) {
  JsonMessage json;
  framing::SingleMessage message;
  const absl::Status status = json.Read(line, &message);
  FUZZ_CHECK(IsPlain({status.message().data(), status.message().size()}));
  if (!status.ok()) return;
  FUZZ_CHECK(message.payload.size() <= kMaxMessageSize && message.properties.size() <= framing::kMaxProperties);
  FUZZ_CHECK(!message.null_value || message.payload.empty());
  std::string batch;
  FUZZ_CHECK(framing::AppendToBatch(message, &batch).ok());
  FUZZ_CHECK(framing::CheckBatch(batch, 1).ok());
}

void CheckJson(std::string_view line) {
  const absl::StatusOr<Json> object = ParseJson(line);
  FUZZ_CHECK(object.ok() || IsPlain({object.status().message().data(), object.status().message().size()}));
  if (!object.ok()) return;
  const std::string written = JsonLine(*object);
  FUZZ_CHECK(IsPlain(written) && written.find('\n') == written.size() - 1);
  FUZZ_CHECK(JsonLine(ParseJson(written).value()) == written);
  const absl::StatusOr<KeptMessage> kept = ReadKeptMessage(*object);
  FUZZ_CHECK(kept.ok() || IsPlain({kept.status().message().data(), kept.status().message().size()}));
}

}  // namespace
}  // namespace pulseal::tools

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  pulseal::tools::CheckMessage(line);
  pulseal::tools::CheckJson(line);
  FUZZ_CHECK(!pulseal::tools::ParseJson(line).ok() || pulseal::tools::IsUtf8(line));
  return 0;
}
