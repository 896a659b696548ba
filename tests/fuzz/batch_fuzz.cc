// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a batch: what is read lies inside them, and is written again to a batch that reads the same. Input: four
// bytes of the number of messages (big endian), the batch.
#include <string>
#include <string_view>

#include "lib/framing/big_endian.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/batch.h"
#include "tests/fuzz/fuzz.h"

namespace pulseal::framing {
namespace {

void CheckMessage(const SingleMessage& message, std::string_view batch) {
  FUZZ_CHECK(IsInside(message.payload, batch));
  FUZZ_CHECK(IsInside(message.partition_key.value_or(""), batch));
  FUZZ_CHECK(IsInside(message.ordering_key.value_or(""), batch));
  FUZZ_CHECK(message.properties.size() <= kMaxProperties);
  for (const auto& [name, value] : message.properties) FUZZ_CHECK(IsInside(name, batch) && IsInside(value, batch));
  std::string again;
  FUZZ_CHECK(AppendToBatch(message, &again).ok());
  FUZZ_CHECK(again.size() == SizeInBatch(message));
  BatchReader reader(again, 1);
  SingleMessage read;
  FUZZ_CHECK(reader.Next(&read));
  FUZZ_CHECK(read.payload == message.payload && read.properties == message.properties);
  FUZZ_CHECK(read.partition_key == message.partition_key && read.ordering_key == message.ordering_key);
  FUZZ_CHECK(read.event_time == message.event_time && read.sequence_id == message.sequence_id);
  FUZZ_CHECK(read.null_value == message.null_value && read.compacted_out == message.compacted_out);
  FUZZ_CHECK(read.other_fields == message.other_fields);
}

void CheckBatchOf(std::string_view batch, int32_t num_messages) {
  BatchReader messages(batch, num_messages);
  int32_t count = 0;
  for (SingleMessage message; messages.Next(&message); ++count) CheckMessage(message, batch);
  FUZZ_CHECK(!messages.status().ok() || count == num_messages);
  FUZZ_CHECK(CheckBatch(batch, num_messages) == messages.status());
}

}  // namespace
}  // namespace pulseal::framing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  pulseal::framing::CheckBatchOf(input.substr(4), static_cast<int32_t>(pulseal::framing::LoadBigEndian(input)));
  return 0;
}
