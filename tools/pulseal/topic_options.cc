// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/topic_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/input_file.h"
#include "tools/pulseal/report.h"

namespace pulseal::tools {
namespace {

constexpr char kTokenVariable[] = "PULSEAL_TOKEN";
constexpr size_t kMaxTokenSize = 16 * 1024;

// It becomes part of a request's head, where a line feed would begin another line.
absl::StatusOr<std::string> CheckToken(std::string text, const std::string& from) {
  absl::StripAsciiWhitespace(&text);
  const bool is_token = std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isgraph(c); });
  if (!text.empty() && is_token && text.size() <= kMaxTokenSize) return text;
  return absl::FailedPreconditionError(absl::StrCat(from, ": holds no token: one line of printable characters"));
}

absl::StatusOr<std::string> FindToken(const WebSocketArguments& arguments) {
  if (arguments.token_file.empty()) {
    const char* const variable = std::getenv(kTokenVariable);
    return variable == nullptr ? std::string() : CheckToken(variable, kTokenVariable);
  }
  absl::StatusOr<InputFile> file = InputFile::Open(arguments.token_file);
  if (!file.ok()) return file.status();
  absl::StatusOr<std::string> text = file->ReadAll(kMaxTokenSize + 2);
  if (!text.ok()) return text.status();
  return CheckToken(*std::move(text), file->name());
}

}  // namespace

absl::Status CheckTopicOptions(const CLI::App& app, const std::string& topic, const char* why_not) {
  const bool is_url = IsWebSocketUrl(topic);
  for (const CLI::Option* const option : app.get_options()) {
    if (option->count() == 0) continue;
    if (is_url && option->get_group() == kTopicFileOptions) {
      return absl::InvalidArgumentError(absl::StrCat(option->get_name(), ": only for a topic file: ", why_not));
    }
    if (!is_url && option->get_group() == kWebSocketOptions) {
      return absl::InvalidArgumentError(absl::StrCat(option->get_name(), ": only for a ws:// or wss:// topic"));
    }
  }
  return absl::OkStatus();
}

void DefineWebSocketOptions(CLI::App& app, WebSocketArguments& arguments) {
  app.add_option("--tls-ca", arguments.ca_file, "wss: the certificate authorities to trust, in PEM (the system's)")
      ->type_name("FILE")
      ->group(kWebSocketOptions);
  app.add_option("--token-file", arguments.token_file,
                 "The endpoint's token is in this file; without it, in the variable PULSEAL_TOKEN")
      ->type_name("FILE")
      ->group(kWebSocketOptions);
  app.add_option("--give-up-after", arguments.give_up_after,
                 "Try to get a lost connection back for so long, if nothing goes through")
      ->type_name("DURATION")
      ->group(kWebSocketOptions)
      ->capture_default_str();
}

absl::StatusOr<WebSocketLinkOptions> ToLinkOptions(const std::string& topic, const WebSocketArguments& arguments) {
  absl::StatusOr<WebSocketUrl> url = ParseWebSocketUrl(topic);
  if (!url.ok()) return url.status();
  if (!url->is_tls && !arguments.ca_file.empty()) {
    return absl::InvalidArgumentError("--tls-ca: only for a wss:// topic: ws:// has no TLS");
  }
  const auto patience =
      ToDuration("--give-up-after", arguments.give_up_after, std::chrono::seconds(1), std::chrono::hours(24));
  if (!patience.ok()) return patience.status();
  absl::StatusOr<std::string> token = FindToken(arguments);
  if (!token.ok()) return token.status();
  if (!url->is_tls && !token->empty() && !url->is_this_machine()) {
    Report("warning: the token travels in clear: ws:// has no TLS, wss:// has");
  }
  WebSocketLinkOptions options;
  options.access = {*std::move(url), arguments.ca_file, *std::move(token)};
  options.patience = *patience;
  return options;
}

absl::StatusOr<std::chrono::nanoseconds> ToDuration(const char* option, const std::string& text,
                                                    std::chrono::nanoseconds least, std::chrono::nanoseconds most) {
  absl::Duration duration;
  const absl::Duration shortest = absl::FromChrono(least), longest = absl::FromChrono(most);
  if (absl::ParseDuration(text, &duration) && duration >= shortest && duration <= longest) {
    return absl::ToChronoNanoseconds(duration);
  }
  return absl::InvalidArgumentError(absl::StrCat(option, ": has to be a time from ", absl::FormatDuration(shortest),
                                                 " to ", absl::ToInt64Hours(longest), "h, such as 90s, 30m or 4h"));
}

}  // namespace pulseal::tools
