// SPDX-License-Identifier: Apache-2.0
//
// Any metadata as "pulseal inspect" shows it: in words for a terminal, whatever stands in it.
#include <string_view>

#include "tests/fuzz/fuzz.h"
#include "tools/pulseal/entry_report.h"
#include "tools/pulseal/topic_summary.h"

namespace pulseal::tools {
namespace {

void CheckInspection(uint32_t payload_size, std::string_view metadata) {
  InspectedMessage message;
  message.place = Place{1, 0};
  message.metadata = metadata;
  message.payload_size = payload_size;
  Inspect(message);
  FUZZ_CHECK(IsPlain(MessageLine(message)));
  FUZZ_CHECK(IsPlain(MessageText(message)));
  FUZZ_CHECK(IsPlain(JsonLine(MessageJson(message, true))));

  TopicSummary summary("topic");
  for (int i = 0; i < 2; ++i) {
    if (message.problem.ok()) summary.AddEntry(*message.place, payload_size, message.facts, message.recipients);
    if (!message.problem.ok()) summary.AddMalformed(*message.place, payload_size, message.problem);
  }
  FUZZ_CHECK(IsPlain(summary.Text()));
  FUZZ_CHECK(IsPlain(JsonLine(summary.ToJson())));
}

}  // namespace
}  // namespace pulseal::tools

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view metadata(reinterpret_cast<const char*>(data), size);
  for (const uint32_t payload_size : {0, 100}) pulseal::tools::CheckInspection(payload_size, metadata);
  return 0;
}
