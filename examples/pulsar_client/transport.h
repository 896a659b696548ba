// SPDX-License-Identifier: Apache-2.0
//
// A byte stream to a broker: TCP, or TLS 1.2 and later over TCP. Under TLS the broker's certificate and its host name are
// always verified.
#ifndef EXAMPLES_PULSAR_CLIENT_TRANSPORT_H_
#define EXAMPLES_PULSAR_CLIENT_TRANSPORT_H_

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "examples/pulsar_client/service_url.h"

namespace pulsar_client {

class Transport {
 public:
  using Done = std::function<void(const boost::system::error_code&, size_t)>;

  Transport(boost::asio::io_context& io, ServiceUrl url);

  // `ca_file`: certificates of the authorities to trust; empty: the system's. Only for TLS.
  absl::Status TrustOnly(const std::string& ca_file);

  // Resolves, connects, and shakes hands. `done` gets OK or an error that says at which of these it ended.
  void Connect(std::function<void(absl::Status)> done);

  // Fills `buffer`, writes it all; as Asio's own.
  template <typename Buffer>
  void Read(const Buffer& buffer, Done done) {
    if (url_.tls) return boost::asio::async_read(stream_, buffer, std::move(done));
    boost::asio::async_read(stream_.next_layer(), buffer, std::move(done));
  }
  template <typename Buffer>
  void Write(const Buffer& buffer, Done done) {
    if (url_.tls) return boost::asio::async_write(stream_, buffer, std::move(done));
    boost::asio::async_write(stream_.next_layer(), buffer, std::move(done));
  }

  void Close();

  const ServiceUrl& url() const { return url_; }
  // Whether nobody else can listen to what is sent: TLS, or this machine.
  bool IsPrivate();

 private:
  void ConnectTo(const boost::asio::ip::tcp::resolver::results_type& addresses);
  void ShakeHands();
  void Finish(absl::Status status) { std::exchange(done_, nullptr)(std::move(status)); }

  const ServiceUrl url_;
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_client};
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  std::function<void(absl::Status)> done_;
};

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_TRANSPORT_H_
