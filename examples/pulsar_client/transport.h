// SPDX-License-Identifier: Apache-2.0
//
// A byte stream to a broker: TCP, or TLS 1.2 and later over TCP. Under TLS the broker's certificate and its host name are
// always verified.
#ifndef EXAMPLES_PULSAR_CLIENT_TRANSPORT_H_
#define EXAMPLES_PULSAR_CLIENT_TRANSPORT_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "examples/pulsar_client/service_url.h"

namespace pulsar_client {

class Transport {
 public:
  using Done = std::function<void(absl::Status)>;

  Transport(boost::asio::io_context& io, ServiceUrl url);
  ~Transport();

  // `ca_file`: certificates of the authorities to trust; empty: the system's. Only for TLS.
  absl::Status TrustOnly(const std::string& ca_file);

  // Finds the host, connects, and shakes hands. The error says at which of these it ended.
  void Connect(Done done);

  // Fills all of `data`; writes all of `bytes`. They must live until `done` is called, as the transport must.
  void Read(char* data, size_t size, Done done);
  void Write(std::string_view bytes, Done done);

  void Close();

  const ServiceUrl& url() const { return url_; }
  // Whether nobody else can listen to what is sent: TLS, or this machine.
  bool IsPrivate();

 private:
  using Addresses = boost::asio::ip::tcp::resolver::results_type;

  void FindHost();
  void ConnectTo(const Addresses& addresses);
  void ShakeHands();
  void Finish(absl::Status status) { std::exchange(done_, nullptr)(std::move(status)); }

  const ServiceUrl url_;
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_client};
  const std::shared_ptr<struct HostLookup> lookup_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  Done done_;  // of Connect
};

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_TRANSPORT_H_
