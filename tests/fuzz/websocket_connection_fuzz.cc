// SPDX-License-Identifier: Apache-2.0
//
// Any bytes from a WebSocket endpoint: as its answer to the handshake or, behind a good answer, as frames. Each text
// keeps the limit, and what ends the connection is an error that the header names, in words for a terminal. Input: one
// byte, whose lowest bit chooses, and the bytes.
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/fuzz/fuzz.h"
#include "tools/pulseal/file.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/websocket_connection.h"

namespace pulseal::tools {
namespace {

constexpr size_t kMaxFrameSize = 200;

// On this machine, at a port of the system's choice.
class Listener {
 public:
  Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    FUZZ_CHECK(bind(socket_.get(), generic, size) == 0 && listen(socket_.get(), 1) == 0);
    FUZZ_CHECK(getsockname(socket_.get(), generic, &size) == 0);
    port_ = ntohs(address.sin_port);
  }

  uint16_t port() const { return port_; }
  FileDescriptor Accept() const { return FileDescriptor(accept(socket_.get(), nullptr, nullptr)); }

 private:
  const FileDescriptor socket_;
  uint16_t port_ = 0;
};

// RFC 6455 section 4.2.2: what a client with this key expects.
std::string GoodAnswer(std::string_view key) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const std::string text =
      absl::StrCat(absl::string_view(key.data(), key.size()), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  FUZZ_CHECK(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) == 1);
  return absl::StrCat(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
      absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(digest), size)), "\r\n\r\n");
}

std::string ReadRequest(int socket) {
  std::string request;
  char bytes[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = recv(socket, bytes, sizeof bytes, 0);
    if (count <= 0) break;
    request.append(bytes, static_cast<size_t>(count));
  }
  return request;
}

std::string KeyIn(const std::string& request) {
  constexpr std::string_view kName = "Sec-WebSocket-Key: ";
  const size_t at = request.find(kName);
  FUZZ_CHECK(at != std::string::npos);
  return request.substr(at + kName.size(), request.find("\r\n", at) - at - kName.size());
}

void BeEndpoint(const Listener& listener, bool answers_well, std::string_view bytes) {
  const FileDescriptor socket = listener.Accept();
  const std::string request = ReadRequest(socket.get());
  const std::string sent =
      absl::StrCat(answers_well ? GoodAnswer(KeyIn(request)) : "", absl::string_view(bytes.data(), bytes.size()));
  send(socket.get(), sent.data(), sent.size(), MSG_NOSIGNAL);
  shutdown(socket.get(), SHUT_WR);
  char ignored[4096];
  while (recv(socket.get(), ignored, sizeof ignored, 0) > 0) {
  }
}

void CheckError(const absl::Status& status) {
  FUZZ_CHECK(IsPlain({status.message().data(), status.message().size()}));
  switch (status.code()) {
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded: break;  // where this machine stood still
    default: FUZZ_CHECK(!"an error that the header names");
  }
}

void BeClient(uint16_t port) {
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  WebSocketAccess access;
  access.url = *ParseWebSocketUrl(absl::StrCat("ws://127.0.0.1:", port, "/tenant/namespace/topic"));
  const auto connection = WebSocketConnection::Open(access, "/", kMaxFrameSize, deadline);
  if (!connection.ok()) return CheckError(connection.status());
  while (true) {
    const auto text = (*connection)->Receive(deadline);
    if (!text.ok()) return CheckError(text.status());
    if (!text->has_value()) return;
    FUZZ_CHECK((*text)->size() <= kMaxFrameSize);
  }
}

}  // namespace
}  // namespace pulseal::tools

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const auto& listener = *new pulseal::tools::Listener();
  static const bool ready = (pulseal::tools::CatchInterrupts(), true);
  (void)ready;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::thread endpoint([&] { pulseal::tools::BeEndpoint(listener, data[0] & 1, bytes); });
  pulseal::tools::BeClient(listener.port());
  endpoint.join();
  return 0;
}
