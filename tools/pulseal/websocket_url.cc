// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/websocket_url.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/pulseal/file.h"

namespace pulseal::tools {
namespace {

constexpr std::string_view kPlain = "ws://", kTls = "wss://";
constexpr size_t kLongest = 4096;

absl::string_view AsAbsl(std::string_view text) { return absl::string_view(text.data(), text.size()); }

bool BeginsWith(std::string_view text, std::string_view beginning) {
  return absl::StartsWithIgnoreCase(AsAbsl(text), AsAbsl(beginning));
}

absl::Status Wrong(const char* what) {
  return absl::InvalidArgumentError(
      absl::StrCat(what,
                   "; a topic's URL is ws://HOST:PORT/TENANT/NAMESPACE/TOPIC (or wss://), such as "
                   "ws://localhost:8080/public/default/orders"));
}

// Bytes that have no place in a URL would end up in the request to the endpoint.
bool HasOnlyUrlBytes(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isgraph(c); });
}

// "host:port", "[::1]:port".
absl::Status TakeAuthority(std::string_view authority, WebSocketUrl* url) {
  if (authority.find('@') != std::string_view::npos) {
    return absl::InvalidArgumentError("has a user in it; an endpoint takes a token: --token-file FILE");
  }
  const bool is_ipv6 = !authority.empty() && authority.front() == '[';
  const size_t host_end = is_ipv6 ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos) return Wrong("has no ] behind its address");
  url->host = authority.substr(is_ipv6 ? 1 : 0, is_ipv6 ? host_end - 1 : host_end);
  if (url->host.empty()) return Wrong("names no host");
  const std::string_view rest = authority.substr(host_end + (is_ipv6 ? 1 : 0));
  url->port = url->is_tls ? 443 : 80;
  if (rest.empty()) return absl::OkStatus();
  uint32_t port = 0;
  const bool is_port = rest.front() == ':' && rest.size() > 1 && absl::ascii_isdigit(rest[1]) &&
                       absl::SimpleAtoi(AsAbsl(rest.substr(1)), &port) && port >= 1 && port <= UINT16_MAX;
  if (!is_port) return Wrong("has a port that isn't a number from 1 to 65535");
  url->port = static_cast<uint16_t>(port);
  return absl::OkStatus();
}

// The endpoint's own path, as its documentation writes it, may stand before the topic.
std::string_view TakePrefix(std::string_view path, WebSocketUrl* url) {
  url->prefix = "/ws/v2/";
  for (const std::string_view own : {"/ws/v2/producer/", "/ws/v2/consumer/"}) {
    const size_t at = path.find(own);
    if (at == std::string_view::npos) continue;
    url->prefix = std::string(path.substr(0, at)) + "/ws/v2/";
    return path.substr(at + own.size());
  }
  return path.substr(1);
}

absl::Status TakePath(std::string_view path, WebSocketUrl* url) {
  if (path.empty()) return Wrong("names no topic");
  if (path.find_first_of("?#") != std::string_view::npos) {
    return absl::InvalidArgumentError("has a query (\"?\"); what it would say are options: see --help");
  }
  std::vector<std::string> parts = absl::StrSplit(AsAbsl(TakePrefix(path, url)), '/');
  const bool has_domain = parts.front() == "persistent" || parts.front() == "non-persistent";
  if (!has_domain) parts.insert(parts.begin(), "persistent");
  if (parts.size() == 5) return Wrong("has a name too many; a subscription is named by --subscription NAME");
  const bool is_whole = std::none_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); });
  if (parts.size() != 4 || !is_whole) return Wrong("names no topic of a namespace of a tenant");
  url->topic = absl::StrCat(parts[0], "/", parts[1], "/", parts[2], "/", parts[3]);
  return absl::OkStatus();
}

// `text` without a user's password and without what a query says, which may be a token: errors are kept in logs.
std::string WithoutSecrets(std::string_view text) {
  const size_t authority = text.find("://") + 3;
  const size_t user_end = text.rfind('@');
  const std::string_view user = user_end < text.size() ? "..." : "";
  const std::string_view rest = text.substr(user.empty() ? authority : user_end);
  const size_t query = std::min(rest.find_first_of("?#"), rest.size());
  return absl::StrCat(AsAbsl(text.substr(0, authority)), AsAbsl(user), AsAbsl(rest.substr(0, query + 1)),
                      query < rest.size() ? "..." : "");
}

}  // namespace

bool IsWebSocketUrl(std::string_view topic) { return BeginsWith(topic, kPlain) || BeginsWith(topic, kTls); }

bool WebSocketUrl::is_this_machine() const {
  const bool is_ipv4 = host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "::1" || (is_ipv4 && absl::StartsWith(host, "127."));
}

std::string WebSocketUrl::ConsumerPath(std::string_view subscription) const {
  return absl::StrCat(prefix, "consumer/", topic, "/", PercentEncoded(subscription));
}

absl::StatusOr<WebSocketUrl> ParseWebSocketUrl(std::string_view text) {
  WebSocketUrl url;
  url.text = text;
  url.is_tls = BeginsWith(text, kTls);
  absl::Status status;
  if (text.size() > kLongest) status = Wrong("is too long");
  if (!HasOnlyUrlBytes(text)) status = Wrong("has a space or another byte that no URL has (write it as %20)");
  const std::string_view rest = text.substr(url.is_tls ? kTls.size() : kPlain.size());
  const size_t path = std::min(rest.find('/'), rest.size());
  if (status.ok()) status = TakeAuthority(rest.substr(0, path), &url);
  if (status.ok()) status = TakePath(rest.substr(path), &url);
  if (status.ok()) return url;
  return absl::InvalidArgumentError(
      absl::StrCat(Shown(WithoutSecrets(text).substr(0, kLongest)), " ", status.message()));
}

std::string PercentEncoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      absl::StrAppend(&encoded, "%", absl::string_view("0123456789ABCDEF").substr(byte >> 4, 1),
                      absl::string_view("0123456789ABCDEF").substr(byte & 15, 1));
    }
  }
  return encoded;
}

}  // namespace pulseal::tools
