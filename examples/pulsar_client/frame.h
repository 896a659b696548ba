// SPDX-License-Identifier: Apache-2.0
//
// The frames of Pulsar's binary protocol; integers are big-endian:
//
//   frame = [size of all that follows, 4 bytes][size of command, 4 bytes][command][entry]
//
// Only SEND and MESSAGE have an entry. It is byte for byte what pulseal/framing/entry.h builds and parses, checksum
// included.
#ifndef EXAMPLES_PULSAR_CLIENT_FRAME_H_
#define EXAMPLES_PULSAR_CLIENT_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "examples/pulsar_client/pulsar_commands.pb.h"

namespace pulsar_client {

inline constexpr size_t kFrameSizeSize = 4;
// What a frame may be longer than the largest message: brokers leave as much for the command.
inline constexpr size_t kFrameOverhead = 10 * 1024;

struct Frame {
  wire::Command command;
  std::string_view entry;  // inside the bytes that were parsed
};

std::string MakeFrame(const wire::Command& command, std::string_view entry);

uint32_t ReadFrameSize(const char (&bytes)[kFrameSizeSize]);

// Of a frame's bytes without the leading size.
absl::StatusOr<Frame> ParseFrame(std::string_view bytes);

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_FRAME_H_
