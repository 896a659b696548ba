// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_PULSAR_CLIENT_LOOKUP_H_
#define EXAMPLES_PULSAR_CLIENT_LOOKUP_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "examples/pulsar_client/connection.h"

namespace pulsar_client {

// Asks the broker at `url` who serves `topic` (in full), follows redirects, and connects to that one. A connection that
// began with TLS never ends without it.
absl::StatusOr<std::unique_ptr<Connection>> ConnectToOwner(const ServiceUrl& url, const std::string& topic,
                                                           const ConnectionOptions& options);

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_LOOKUP_H_
