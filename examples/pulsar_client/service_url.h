// SPDX-License-Identifier: Apache-2.0
//
// Where a broker is, and how topics are named.
#ifndef EXAMPLES_PULSAR_CLIENT_SERVICE_URL_H_
#define EXAMPLES_PULSAR_CLIENT_SERVICE_URL_H_

#include <string>

#include "absl/status/statusor.h"

namespace pulsar_client {

struct ServiceUrl {
  bool tls = false;
  std::string host;  // a name or an address; an IPv6 address without brackets
  std::string port;

  // What it was parsed from, safe to show.
  std::string ToString() const;
};

// pulsar://HOST[:6650] and pulsar+ssl://HOST[:6651]; INVALID_ARGUMENT for anything else.
absl::StatusOr<ServiceUrl> ParseServiceUrl(const std::string& url);

// "orders" is persistent://public/default/orders, "tenant/namespace/orders" is persistent://tenant/namespace/orders.
std::string FullTopicName(const std::string& topic);

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_SERVICE_URL_H_
