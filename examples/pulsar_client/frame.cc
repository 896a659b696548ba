// SPDX-License-Identifier: Apache-2.0
#include "examples/pulsar_client/frame.h"

#include "examples/pulsar_client/error.h"

namespace pulsar_client {
namespace {

void AppendSize(size_t size, std::string* out) {
  for (const int shift : {24, 16, 8, 0}) out->push_back(static_cast<char>(size >> shift));
}

uint32_t ReadSize(const char* bytes) {
  uint32_t size = 0;
  for (size_t i = 0; i < kFrameSizeSize; ++i) size = size << 8 | static_cast<unsigned char>(bytes[i]);
  return size;
}

}  // namespace

std::string MakeFrame(const wire::Command& command, std::string_view entry) {
  const size_t command_size = command.ByteSizeLong();
  std::string frame;
  frame.reserve(2 * kFrameSizeSize + command_size + entry.size());
  AppendSize(kFrameSizeSize + command_size + entry.size(), &frame);
  AppendSize(command_size, &frame);
  command.AppendToString(&frame);
  frame.append(entry);
  return frame;
}

uint32_t ReadFrameSize(const char (&bytes)[kFrameSizeSize]) { return ReadSize(bytes); }

absl::StatusOr<Frame> ParseFrame(std::string_view bytes) {
  const auto malformed = [](const char* problem) { return Error(absl::StatusCode::kInvalidArgument, problem); };
  if (bytes.size() < kFrameSizeSize) return malformed("sent a frame that is too short for a command");
  const uint32_t command_size = ReadSize(bytes.data());
  bytes.remove_prefix(kFrameSizeSize);
  if (command_size > bytes.size()) return malformed("sent a frame whose command runs past its end");
  Frame frame;
  if (!frame.command.ParseFromArray(bytes.data(), static_cast<int>(command_size))) {
    return malformed("sent a command that doesn't parse");
  }
  frame.entry = bytes.substr(command_size);
  return frame;
}

}  // namespace pulsar_client
