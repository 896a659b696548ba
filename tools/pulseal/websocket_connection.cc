// SPDX-License-Identifier: Apache-2.0
//
// The only file that sees Boost, which takes long to compile.
#include "tools/pulseal/websocket_connection.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <deque>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/mutex.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/wire_text.h"

namespace pulseal::tools {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kMostHeldBytes = 16 * 1024 * 1024;
// Half of it is how long a silent endpoint is left alone before it is pinged.
constexpr auto kSilence = std::chrono::seconds(60);
constexpr auto kGraceOnInterrupt = std::chrono::seconds(3);
constexpr auto kToEnd = std::chrono::seconds(1);
constexpr size_t kMostOfAnswer = 200;  // bytes of a refusal that are shown

// Runs what is asynchronous below until it is done or time is up.
class Loop {
 public:
  Loop() : interrupt_(io_, dup(InterruptDescriptor())) {
    interrupt_.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this](error_code error) { interrupted_ = !error; });
  }

  asio::io_context& io() { return io_; }

  enum class AtInterrupt { kReturn, kHurry };

  // Whether `done` came true up to the deadline. An interruption ends one call with kReturn, and hurries all others.
  template <typename Done>
  bool RunUntil(const Done& done, Deadline deadline, AtInterrupt at_interrupt) {
    io_.restart();
    io_.poll();
    while (!done()) {
      if (interrupted_) {
        if (at_interrupt == AtInterrupt::kReturn && !std::exchange(returned_, true)) return false;
        deadline = std::min(deadline, HurriedDeadline());
      }
      if (io_.run_one_until(deadline) == 0) return false;
    }
    return true;
  }

 private:
  Deadline HurriedDeadline() {
    if (hurried_ == Deadline()) hurried_ = std::chrono::steady_clock::now() + kGraceOnInterrupt;
    return hurried_;
  }

  asio::io_context io_;
  asio::posix::stream_descriptor interrupt_;
  bool interrupted_ = false, returned_ = false;
  Deadline hurried_;
};

absl::Status TimeIsUp(const char* what) {
  if (Interrupted()) return absl::CancelledError("interrupted");
  return absl::DeadlineExceededError(what);
}

// Without the tags of a page of HTML, in which servers wrap what they have to say.
std::string TextOf(std::string_view page) {
  std::string text;
  bool in_tag = false;
  for (const char c : page) {
    in_tag = c == '<' || (in_tag && c != '>');
    const bool is_text = !in_tag && c != '>' && absl::ascii_isgraph(static_cast<unsigned char>(c));
    if (is_text) text += c;
    if (!is_text && !text.empty() && text.back() != ' ') text += ' ';
    if (text.size() >= kMostOfAnswer) break;
  }
  absl::StripTrailingAsciiWhitespace(&text);
  return absl::StrReplaceAll(text, {{"&quot;", "\""}, {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}});
}

absl::Status Declined(const websocket::response_type& response) {
  const unsigned status = response.result_int();
  const std::string answer = absl::StrCat(status, " ", TextOf({response.reason().data(), response.reason().size()}));
  if (status == 401 || status == 403) {
    return absl::PermissionDeniedError(
        absl::StrCat("not authorised (", answer, "); --token-file FILE or PULSEAL_TOKEN holds the token"));
  }
  const std::string detail = TextOf(response.body());
  return absl::FailedPreconditionError(
      absl::StrCat("the endpoint refuses: ", answer, detail.empty() ? "" : ": ", detail));
}

// What the connection's end means for whoever uses it.
absl::Status Lost(const error_code& error, const websocket::close_reason& reason) {
  if (error == websocket::error::message_too_big || error == websocket::error::buffer_overflow) {
    return absl::ResourceExhaustedError("the endpoint sends a frame that is longer than any message can be");
  }
  if (reason.code == websocket::close_code::none) {
    return absl::UnavailableError(absl::StrCat("the connection is lost: ", error.message()));
  }
  const std::string why = absl::StrCat(reason.code, reason.reason.empty() ? "" : ": ",
                                       WireText({reason.reason.data(), reason.reason.size()}));
  if (reason.code == websocket::close_code::too_big) {
    return absl::InvalidArgumentError(absl::StrCat("a message is too long for the endpoint (", why,
                                                   "); its operator can raise webSocketMaxTextFrameSize"));
  }
  return absl::UnavailableError(absl::StrCat("the endpoint closed the connection (", why, ")"));
}

// Where the thread that looks for the host hands its answer in, if anybody still waits for it.
struct HostLookup {
  explicit HostLookup(asio::io_context& waiting) : io(&waiting) {}

  Mutex mutex;
  asio::io_context* io ABSL_GUARDED_BY(mutex);  // null: nobody does
};

template <typename Stream>
class Connection final : public WebSocketConnection {
 public:
  template <typename... Arguments>
  explicit Connection(size_t max_frame_size, Arguments&&... arguments)
      : websocket_(loop_.io(), std::forward<Arguments>(arguments)...) {
    websocket_.read_message_max(max_frame_size);
    websocket_.auto_fragment(false);
    websocket_.set_option(websocket::stream_base::timeout{websocket::stream_base::none(), kSilence, true});
  }

  ~Connection() override {
    MutexLock lock(lookup_->mutex);
    lookup_->io = nullptr;
  }

  Stream& stream() { return websocket_.next_layer(); }

  absl::Status Reach(const WebSocketUrl& url, Deadline deadline) {
    absl::Status status = Step("no answer", deadline, [&](auto done) { FindHost(url, done); });
    if (!status.ok()) return status;
    if (!error_) {
      status = Step("no answer", deadline, [this](auto done) {
        asio::async_connect(beast::get_lowest_layer(websocket_), addresses_,
                            [done](error_code error, const tcp::endpoint&) { done(error); });
      });
      if (!status.ok()) return status;
    }
    if (error_) return absl::UnavailableError(absl::StrCat("can't be reached: ", error_.message()));
    beast::get_lowest_layer(websocket_).set_option(tcp::no_delay(true), error_);
    return absl::OkStatus();
  }

  absl::Status SecureIt(Deadline deadline) {
    absl::Status status = Step("no answer to TLS", deadline,
                               [this](auto done) { stream().async_handshake(asio::ssl::stream_base::client, done); });
    if (!status.ok() || !error_) return status;
    const long verified = SSL_get_verify_result(stream().native_handle());
    if (verified == X509_V_OK) {
      return absl::FailedPreconditionError(absl::StrCat("no TLS there: ", error_.message()));
    }
    const bool is_authority = verified != X509_V_ERR_HOSTNAME_MISMATCH && verified != X509_V_ERR_IP_ADDRESS_MISMATCH;
    return absl::UnauthenticatedError(
        absl::StrCat("its certificate isn't trusted: ", X509_verify_cert_error_string(verified),
                     is_authority ? "; --tls-ca FILE names an authority to trust" : ""));
  }

  absl::Status Ask(const WebSocketAccess& access, const std::string& target, Deadline deadline) {
    const WebSocketUrl& url = access.url;
    const bool is_ipv6 = url.host.find(':') != std::string::npos;
    const std::string host = absl::StrCat(is_ipv6 ? "[" : "", url.host, is_ipv6 ? "]" : "", ":", url.port);
    websocket_.set_option(websocket::stream_base::decorator([token = access.token](websocket::request_type& request) {
      request.set(http::field::user_agent, "pulseal");
      if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
    }));
    absl::Status status = Step("no answer to the WebSocket handshake", deadline,
                               [&](auto done) { websocket_.async_handshake(response_, host, target, done); });
    if (!status.ok() || !error_) return status;
    if (error_ == websocket::error::upgrade_declined) return Declined(response_);
    return absl::FailedPreconditionError(
        absl::StrCat("doesn't answer as a WebSocket endpoint does: ", error_.message()));
  }

  absl::Status Send(std::string_view text, Deadline deadline) override {
    done_ = false;
    websocket_.async_write(asio::buffer(text.data(), text.size()), [this](error_code error, size_t) {
      error_ = error;
      done_ = true;
    });
    loop_.RunUntil([this] { return done_ || IsLost(); }, deadline, Loop::AtInterrupt::kHurry);
    if (done_ && !error_) return absl::OkStatus();
    if (done_ || IsLost()) return WhyLost();
    End();
    return TimeIsUp("the endpoint takes nothing");
  }

  absl::StatusOr<std::optional<std::string>> Receive(Deadline deadline) override {
    KeepReading();
    loop_.RunUntil([this] { return !texts_.empty() || IsLost(); }, deadline, Loop::AtInterrupt::kReturn);
    if (!texts_.empty()) {
      std::string text = std::move(texts_.front());
      texts_.pop_front();
      held_bytes_ -= HeldFor(text.size());
      return text;
    }
    if (IsLost()) return WhyLost();
    return std::optional<std::string>();
  }

  void Close(Deadline deadline) override {
    (void)Step(
        "", deadline, [this](auto done) { websocket_.async_close(websocket::close_code::normal, done); },
        Loop::AtInterrupt::kHurry);
  }

  // From now on.
  void KeepReading() {
    if (reading_ || read_error_ || held_bytes_ >= kMostHeldBytes) return;
    reading_ = true;
    websocket_.async_read(buffer_, [this](error_code error, size_t size) {
      reading_ = false;
      read_error_ = error;
      if (error) return;
      texts_.push_back(beast::buffers_to_string(buffer_.data()));
      buffer_.consume(size);
      held_bytes_ += HeldFor(size);
      KeepReading();
    });
  }

 private:
  // An empty text takes memory too.
  static constexpr size_t HeldFor(size_t text_size) { return sizeof(std::string) + text_size; }

  // The system's resolver takes as long as it likes and can't be interrupted, and whoever ends Asio's waits for it. So it
  // has a thread that may be left behind.
  template <typename Done>
  void FindHost(const WebSocketUrl& url, Done done) {
    std::thread([this, done, lookup = lookup_, host = url.host, port = std::to_string(url.port)] {
      asio::io_context io;
      error_code error;
      auto found = tcp::resolver(io).resolve(host, port, tcp::resolver::numeric_service, error);
      MutexLock lock(lookup->mutex);
      if (lookup->io == nullptr) return;
      asio::post(*lookup->io, [this, done, error, found = std::move(found)] {
        addresses_ = found;
        done(error);
      });
    }).detach();
  }

  // One thing after another; error_ is what came of it. What is still under way after the deadline stays so.
  template <typename Start>
  absl::Status Step(const char* no_answer, Deadline deadline, const Start& start,
                    Loop::AtInterrupt at_interrupt = Loop::AtInterrupt::kReturn) {
    done_ = false;
    start([this](error_code error) {
      error_ = error;
      done_ = true;
    });
    if (loop_.RunUntil([this] { return done_; }, deadline, at_interrupt)) return absl::OkStatus();
    return TimeIsUp(no_answer);
  }

  // Also where the endpoint has said goodbye, or broken the protocol, and leaves the connection open. To Beast it is open
  // after a goodbye until what is being written is out.
  bool IsLost() const {
    return read_error_ || !websocket_.is_open() || websocket_.reason().code != websocket::close_code::none;
  }

  absl::Status WhyLost() {
    // Why the other side closed stands in what it sent last.
    RunBriefly([this] { return IsLost(); });
    End();
    return Lost(read_error_ ? read_error_ : error_, websocket_.reason());
  }

  // Leaves nothing under way: a write refers to the text of Send's caller.
  void End() {
    tcp::socket& socket = beast::get_lowest_layer(websocket_);
    error_code ignored;
    // Beast, when it is closing, tells what broke the protocol once the other side has ended the connection, as it seems to
    // then; a write waits for that.
    if (!websocket_.is_open()) {
      socket.shutdown(tcp::socket::shutdown_receive, ignored);
      RunBriefly([this] { return !reading_; });
    }
    socket.close(ignored);
    RunBriefly([this] { return done_ && !reading_; });
  }

  template <typename Done>
  void RunBriefly(const Done& done) {
    loop_.RunUntil(done, std::chrono::steady_clock::now() + kToEnd, Loop::AtInterrupt::kHurry);
  }

  Loop loop_;
  websocket::stream<Stream> websocket_;
  const std::shared_ptr<HostLookup> lookup_ = std::make_shared<HostLookup>(loop_.io());
  tcp::resolver::results_type addresses_;
  websocket::response_type response_;
  bool done_ = false, reading_ = false;
  error_code error_, read_error_;
  beast::flat_buffer buffer_;
  std::deque<std::string> texts_;
  size_t held_bytes_ = 0;
};

using PlainConnection = Connection<tcp::socket>;
using TlsConnection = Connection<beast::ssl_stream<tcp::socket>>;

absl::Status TrustAuthorities(const std::string& ca_file, asio::ssl::context& context) {
  error_code error;
  if (ca_file.empty()) {
    context.set_default_verify_paths(error);
    return error ? absl::NotFoundError("the system has no certificate authorities; --tls-ca FILE names some")
                 : absl::OkStatus();
  }
  if (access(ca_file.c_str(), R_OK) != 0) return ErrnoStatus(Shown(ca_file));
  context.load_verify_file(ca_file, error);
  if (!error) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(Shown(ca_file), ": holds no certificate in PEM"));
}

// What the endpoint's certificate is compared with.
bool ExpectHost(const std::string& host, SSL* tls) {
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str()) == 1) return true;
  return SSL_set1_host(tls, host.c_str()) == 1 && SSL_set_tlsext_host_name(tls, host.c_str()) == 1;
}

absl::StatusOr<std::unique_ptr<WebSocketConnection>> OpenPlain(const WebSocketAccess& access, const std::string& target,
                                                               size_t max_frame_size, Deadline deadline) {
  auto connection = std::make_unique<PlainConnection>(max_frame_size);
  absl::Status status = connection->Reach(access.url, deadline);
  if (status.ok()) status = connection->Ask(access, target, deadline);
  if (!status.ok()) return status;
  connection->KeepReading();
  return connection;
}

absl::StatusOr<std::unique_ptr<WebSocketConnection>> OpenTls(const WebSocketAccess& access, const std::string& target,
                                                             size_t max_frame_size, Deadline deadline) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (absl::Status status = TrustAuthorities(access.ca_file, context); !status.ok()) return status;
  auto connection = std::make_unique<TlsConnection>(max_frame_size, context);
  error_code error;
  connection->stream().set_verify_mode(asio::ssl::verify_peer, error);
  if (error || !ExpectHost(access.url.host, connection->stream().native_handle())) {
    return absl::InternalError("TLS can't be set up");
  }
  absl::Status status = connection->Reach(access.url, deadline);
  if (status.ok()) status = connection->SecureIt(deadline);
  if (status.ok()) status = connection->Ask(access, target, deadline);
  if (!status.ok()) return status;
  connection->KeepReading();
  return connection;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WebSocketConnection>> WebSocketConnection::Open(const WebSocketAccess& access,
                                                                               const std::string& target,
                                                                               size_t max_frame_size,
                                                                               Deadline deadline) {
  const auto open = access.url.is_tls ? OpenTls : OpenPlain;
  return open(access, target, max_frame_size, deadline);
}

}  // namespace pulseal::tools
