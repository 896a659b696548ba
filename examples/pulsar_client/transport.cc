// SPDX-License-Identifier: Apache-2.0
#include "examples/pulsar_client/transport.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <mutex>
#include <thread>

#include "examples/pulsar_client/error.h"

namespace pulsar_client {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

absl::Status Unreachable(const char* step, const error_code& error) {
  return Error(absl::StatusCode::kUnavailable, step, ": ", error.message());
}

}  // namespace

// Where the thread that looks for the host hands its answer in, if anybody still waits for it.
struct HostLookup {
  std::mutex mutex;  // guards io; not one that clang checks, which would be longer than all that it does here
  asio::io_context* io = nullptr;  // null: nobody does
};

Transport::Transport(asio::io_context& io, ServiceUrl url)
    : url_(std::move(url)), lookup_(std::make_shared<HostLookup>()), stream_(io, tls_) {
  lookup_->io = &io;
}

Transport::~Transport() {
  const std::lock_guard<std::mutex> lock(lookup_->mutex);
  lookup_->io = nullptr;
}

absl::Status Transport::TrustOnly(const std::string& ca_file) {
  error_code error;
  ca_file.empty() ? tls_.set_default_verify_paths(error) : tls_.load_verify_file(ca_file, error);
  if (error) {
    return Error(absl::StatusCode::kInvalidArgument, Quoted(ca_file), ": no certificates to trust: ", error.message());
  }
  // The stream was made from the context, but shares its store of certificates.
  SSL* const ssl = stream_.native_handle();
  SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  error_code not_an_address;
  asio::ip::make_address(url_.host, not_an_address);
  const bool is_set = not_an_address ? SSL_set1_host(ssl, url_.host.c_str()) == 1 &&
                                           SSL_set_tlsext_host_name(ssl, const_cast<char*>(url_.host.c_str())) == 1
                                     : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), url_.host.c_str()) == 1;
  if (!is_set) return Error(absl::StatusCode::kInternal, "OpenSSL doesn't take the host name ", Quoted(url_.host));
  return absl::OkStatus();
}

void Transport::Connect(Done done) {
  done_ = std::move(done);
  FindHost();
}

// The system's resolver takes as long as it likes and can't be interrupted, and whoever ends Asio's waits for it. So it has a
// thread that may be left behind.
void Transport::FindHost() {
  std::thread([this, lookup = lookup_, host = url_.host, port = url_.port] {
    asio::io_context io;
    error_code error;
    const Addresses addresses = asio::ip::tcp::resolver(io).resolve(host, port, error);
    const std::lock_guard<std::mutex> lock(lookup->mutex);
    if (lookup->io == nullptr) return;
    asio::post(*lookup->io, [this, error, addresses] {
      error ? Finish(Unreachable("can't find the host", error)) : ConnectTo(addresses);
    });
  }).detach();
}

void Transport::ConnectTo(const Addresses& addresses) {
  asio::async_connect(stream_.next_layer(), addresses, [this](const error_code& error, const auto&) {
    if (error) return Finish(Unreachable("can't connect (is a broker listening there?)", error));
    error_code ignored;
    stream_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
    url_.tls ? ShakeHands() : Finish(absl::OkStatus());
  });
}

void Transport::ShakeHands() {
  stream_.async_handshake(asio::ssl::stream_base::client, [this](const error_code& error) {
    if (!error) return Finish(absl::OkStatus());
    const long verdict = SSL_get_verify_result(stream_.native_handle());
    if (verdict == X509_V_OK) return Finish(Unreachable("the TLS handshake failed", error));
    Finish(Error(absl::StatusCode::kUnauthenticated,
                 "the broker's certificate can't be trusted: ", X509_verify_cert_error_string(verdict)));
  });
}

void Transport::Read(char* data, size_t size, Done done) {
  const auto ended = [done = std::move(done)](const error_code& error, size_t) {
    done(error ? Unreachable("the broker ended the connection", error) : absl::OkStatus());
  };
  const auto buffer = asio::buffer(data, size);
  url_.tls ? asio::async_read(stream_, buffer, ended) : asio::async_read(stream_.next_layer(), buffer, ended);
}

void Transport::Write(std::string_view bytes, Done done) {
  const auto ended = [done = std::move(done)](const error_code& error, size_t) {
    done(error ? Unreachable("the connection broke", error) : absl::OkStatus());
  };
  const auto buffer = asio::buffer(bytes);
  url_.tls ? asio::async_write(stream_, buffer, ended) : asio::async_write(stream_.next_layer(), buffer, ended);
}

void Transport::Close() {
  error_code ignored;
  stream_.next_layer().close(ignored);
}

bool Transport::IsPrivate() {
  error_code error;
  const auto peer = stream_.next_layer().remote_endpoint(error);
  return url_.tls || (!error && peer.address().is_loopback());
}

}  // namespace pulsar_client
