// SPDX-License-Identifier: Apache-2.0
//
// Messages as lines of JSON: what this program reads and writes. See README.md for the members.
#ifndef EXAMPLES_PULSAR_CLIENT_JSON_LINES_H_
#define EXAMPLES_PULSAR_CLIENT_JSON_LINES_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/streambuf.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/pulsar_client/consumer.h"
#include "pulseal/framing/batch.h"

namespace pulsar_client {

// One message to produce, and the memory that its views point to.
struct InputMessage {
  std::string payload, key, ordering_key;
  std::vector<std::pair<std::string, std::string>> properties;
  bool has_key = false, key_is_base64 = false, has_ordering_key = false, null_value = false;
  uint64_t event_time = 0;

  pulseal::framing::SingleMessage View() const;
};

// INVALID_ARGUMENT says what is wrong with the line.
absl::StatusOr<InputMessage> ParseMessage(const std::string& line);

std::string ToLine(const Delivery& delivery);
std::string ToLine(const wire::MessageId& id, int batch_index);

// Lines of standard input, read while the connection runs.
class StandardInput {
 public:
  explicit StandardInput(boost::asio::io_context& io);

  // Whether Next has an answer; otherwise it will have one when the io_context has run.
  bool IsReady() const { return has_line_ || ended_; }
  // The next line; nothing at the end.
  std::optional<std::string> Next();

 private:
  void Read();

  boost::asio::posix::stream_descriptor input_;
  boost::asio::streambuf buffer_;
  bool has_line_ = false, ended_ = false;
};

// Writes the line to standard output, and returns when the system has it.
absl::Status Print(const std::string& line);

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_JSON_LINES_H_
