// SPDX-License-Identifier: Apache-2.0
#include "examples/pulsar_client/lookup.h"

#include <utility>

#include "examples/pulsar_client/error.h"

namespace pulsar_client {
namespace {

using wire::LookupResponse;

constexpr int kMostRedirects = 20;

absl::StatusOr<LookupResponse> Lookup(Connection& connection, const std::string& topic, bool authoritative) {
  wire::Command command;
  command.set_type(wire::Command::LOOKUP);
  wire::Lookup& lookup = *command.mutable_lookup();
  lookup.set_topic(topic);
  lookup.set_request_id(connection.NextRequestId());
  lookup.set_authoritative(authoritative);
  absl::StatusOr<wire::Command> answer = connection.Request(command, lookup.request_id());
  if (!answer.ok()) return answer.status();
  const LookupResponse& response = answer->lookup_response();
  if (response.response() != LookupResponse::FAILED) return response;
  const absl::Status refused = BrokerError(response.error(), response.message());
  return Error(refused.code(), topic, ": ", refused.message());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> ConnectToOwner(const ServiceUrl& url, const std::string& topic,
                                                           const ConnectionOptions& options) {
  auto connection = Connection::Open(url, options);
  bool authoritative = false;
  for (int redirects = 0; connection.ok() && redirects <= kMostRedirects; ++redirects) {
    const absl::StatusOr<LookupResponse> response = Lookup(**connection, topic, authoritative);
    if (!response.ok()) return response.status();
    const std::string& owner = url.tls ? response->broker_service_url_tls() : response->broker_service_url();
    const bool is_redirect = response->response() == LookupResponse::REDIRECT;
    if (!is_redirect && response->proxy_through_service_url()) return Connection::Open(url, options, owner);
    const absl::StatusOr<ServiceUrl> next = ParseServiceUrl(owner);
    if (!next.ok())
      return Error(next.status().code(), topic, ": its broker is said to be at ", next.status().message());
    if (next->tls != url.tls) {
      return Error(absl::StatusCode::kFailedPrecondition, topic, ": its broker is said to be at ", next->ToString(),
                   url.tls ? ", without TLS" : ", with TLS");
    }
    const bool is_here = next->ToString() == (*connection)->url().ToString();
    if (!is_here) connection = Connection::Open(*next, options);
    if (!is_redirect) return connection;
    authoritative = response->authoritative();
  }
  if (!connection.ok()) return connection.status();
  return Error(absl::StatusCode::kUnavailable, topic, ": redirected more than ", kMostRedirects, " times");
}

}  // namespace pulsar_client
