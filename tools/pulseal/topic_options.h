// SPDX-License-Identifier: Apache-2.0
//
// The options of a command that are for one kind of topic only.
#ifndef PULSEAL_TOOLS_TOPIC_OPTIONS_H_
#define PULSEAL_TOOLS_TOPIC_OPTIONS_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/pulseal/websocket_link.h"

namespace CLI {
class App;
}

namespace pulseal::tools {

// The groups in which such options stand, as --help names them.
inline constexpr char kTopicFileOptions[] = "Options for a topic file";
inline constexpr char kWebSocketOptions[] = "Options for a ws:// or wss:// topic";

// INVALID_ARGUMENT where an option of the one group was given and the topic is of the other kind. `why_not` says what makes
// the options of a topic file no options of an endpoint.
absl::Status CheckTopicOptions(const CLI::App& app, const std::string& topic, const char* why_not);

struct WebSocketArguments {
  std::string ca_file, token_file, give_up_after = "5m";
};

// Adds --tls-ca, --token-file and --give-up-after.
void DefineWebSocketOptions(CLI::App& app, WebSocketArguments& arguments);

// INVALID_ARGUMENT where the URL or an option can't be meant; otherwise whatever is wrong with the token's file. Warns of a
// token that would travel in clear.
absl::StatusOr<WebSocketLinkOptions> ToLinkOptions(const std::string& topic, const WebSocketArguments& arguments);

// For the value of an option: "90s", "4h". INVALID_ARGUMENT names the option.
absl::StatusOr<std::chrono::nanoseconds> ToDuration(const char* option, const std::string& text,
                                                    std::chrono::nanoseconds least, std::chrono::nanoseconds most);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_TOPIC_OPTIONS_H_
