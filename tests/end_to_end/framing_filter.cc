// SPDX-License-Identifier: Apache-2.0
//
// One step of framing as a filter, for independent_framing_test.py:
//   framing_filter compress CODEC       framing_filter decompress CODEC SIZE       (CODEC: the wire's number)
//   framing_filter batch                each line is a message, and its key         framing_filter split COUNT
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>

#include "pulseal/framing/batch.h"
#include "pulseal/framing/compression.h"

namespace pulseal::framing {
namespace {

absl::Status Batch(const std::string& input, std::string* output) {
  for (size_t start = 0; start < input.size();) {
    const size_t end = input.find('\n', start);
    SingleMessage message;
    message.payload = message.partition_key.emplace(std::string_view(input).substr(start, end - start));
    message.properties = {{"length", message.payload}};
    message.sequence_id = start;
    if (absl::Status status = AppendToBatch(message, output); !status.ok()) return status;
    start = end + 1;
  }
  return absl::OkStatus();
}

absl::Status Split(const std::string& input, int32_t count, std::string* output) {
  BatchReader messages(input, count);
  for (SingleMessage message; messages.Next(&message);) {
    output->append(message.payload).append(" ").append(message.partition_key.value_or("none")).append("\n");
  }
  return messages.status();
}

absl::Status Run(int argc, char** argv, const std::string& input, std::string* output) {
  const std::string step = argc > 1 ? argv[1] : "";
  const int number = argc > 2 ? std::atoi(argv[2]) : 0;
  if (step == "batch") return Batch(input, output);
  if (step == "split") return Split(input, number, output);
  const auto codec = static_cast<Compression>(number);
  if (step == "compress") return Compress(codec, input, output);
  if (step == "decompress" && argc > 3) {
    return Decompress(codec, input, static_cast<uint32_t>(std::atoi(argv[3])), output);
  }
  return absl::InvalidArgumentError("no such step");
}

}  // namespace
}  // namespace pulseal::framing

int main(int argc, char** argv) {
  const std::string input((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
  std::string output;
  const absl::Status status = pulseal::framing::Run(argc, argv, input, &output);
  if (!status.ok()) std::cerr << status << "\n";
  std::cout << output << std::flush;
  return status.ok() ? 0 : 1;
}
