// SPDX-License-Identifier: Apache-2.0
#include "examples/pulsar_client/service_url.h"

#include <regex>

#include "examples/pulsar_client/error.h"

namespace pulsar_client {

std::string ServiceUrl::ToString() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return absl::StrCat(tls ? "pulsar+ssl://" : "pulsar://", is_ipv6 ? "[" : "", absl::CHexEscape(host),
                      is_ipv6 ? "]" : "", ":", port);
}

absl::StatusOr<ServiceUrl> ParseServiceUrl(const std::string& url) {
  constexpr size_t kLongest = 300;
  static const auto* const pattern =
      new std::regex(R"(pulsar(\+ssl)?://(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/,?#\[\]@]+))(?::(\d{1,5}))?/?)");
  std::smatch parts;
  if (url.size() > kLongest || !std::regex_match(url, parts, *pattern)) {
    return Error(absl::StatusCode::kInvalidArgument, Quoted(url),
                 ": not a broker's URL; expected pulsar://HOST:PORT or pulsar+ssl://HOST:PORT");
  }
  ServiceUrl parsed;
  parsed.tls = parts[1].matched;
  parsed.host = parts[2].matched ? parts[2].str() : parts[3].str();
  parsed.port = parts[4].matched ? parts[4].str() : parsed.tls ? "6651" : "6650";
  return parsed;
}

std::string FullTopicName(const std::string& topic) {
  if (topic.find("://") != std::string::npos) return topic;
  const bool is_short = topic.find('/') == std::string::npos;
  return absl::StrCat("persistent://", is_short ? "public/default/" : "", topic);
}

}  // namespace pulsar_client
