// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/websocket_sink.h"

#include <deque>
#include <string>
#include <utility>

#include "pulseal/encryption_metadata.h"
#include "pulseal/framing/message_metadata.h"
#include "tools/pulseal/websocket_message.h"

namespace pulseal::tools {
namespace {

// Sent and without a receipt, at most; as many as the endpoint's own producer holds.
constexpr size_t kMostUnconfirmed = 1000;
constexpr size_t kMostUnconfirmedBytes = 16 * 1024 * 1024;
constexpr size_t kUsualLimit = 1024 * 1024;  // of the endpoint, for a text
constexpr size_t kMaxReceiptSize = 1024 * 1024;

class WebSocketSink final : public TopicSink {
 public:
  explicit WebSocketSink(WebSocketLinkOptions options)
      : producer_path_(options.access.url.ProducerPath()), link_(std::move(options)) {}

  absl::Status Check(const framing::SingleMessage& message) const override { return CheckWebSocketMessage(message); }

  absl::Status Append(const framing::OutgoingEntry& entry) override { return failure_ = Send(entry); }
  void CountMessages(uint64_t messages) override {
    // Its receipt may have come.
    (unconfirmed_.empty() ? messages_written_ : unconfirmed_.back().messages) += messages;
  }

  absl::Status Flush() override {
    while (failure_.ok() && !unconfirmed_.empty()) failure_ = TakeReceipt();
    return failure_;
  }
  absl::Status Sync() override { return Flush(); }

  uint64_t entries_written() const override { return entries_written_; }
  uint64_t messages_written() const override { return messages_written_; }

 private:
  struct Unconfirmed {
    std::string text;
    uint64_t messages = 0;
    bool is_confirmed = false;
  };

  absl::Status Send(const framing::OutgoingEntry& entry) {
    const absl::StatusOr<EncryptionContext> encryption = ParseEncryptionContext(entry.encryption_fields);
    if (!encryption.ok()) return encryption.status();
    const absl::StatusOr<framing::MessageMetadata> metadata = framing::ParseMessageMetadata(entry.metadata);
    if (!metadata.ok()) return metadata.status();
    if (absl::Status status = ConnectFor(encryption->keys); !status.ok()) return status;
    std::string text = WebSocketSend(*metadata, encryption->nonce, entry.payload, first_number_ + unconfirmed_.size());
    // An endpoint to which it is too long closes the connection: nothing else should be under way then.
    const bool may_be_too_long = text.size() > kUsualLimit;
    if (absl::Status status = may_be_too_long ? Flush() : MakeRoom(text.size()); !status.ok()) return status;
    unconfirmed_bytes_ += text.size();
    unconfirmed_.push_back({std::move(text)});
    absl::Status status = link_.connection().Send(unconfirmed_.back().text, link_.AnswerDeadline());
    return status.ok() ? status : SendAllAgain(status);
  }

  // A connection that has these keys; all that was sent before is confirmed first, so that the order stays.
  absl::Status ConnectFor(const std::vector<WrappedKey>& keys) {
    std::string parameter = WebSocketKeysParameter(keys);
    if (parameter == keys_parameter_) return absl::OkStatus();
    if (absl::Status status = Flush(); !status.ok()) return status;
    const bool is_first = keys_parameter_.empty();
    keys_parameter_ = std::move(parameter);
    absl::Status status = link_.Open(producer_path_ + "?" + keys_parameter_);
    return status.ok() || is_first ? status : OpenAgain(status);
  }

  absl::Status MakeRoom(size_t size) {
    while (unconfirmed_.size() >= kMostUnconfirmed ||
           (!unconfirmed_.empty() && unconfirmed_bytes_ + size > kMostUnconfirmedBytes)) {
      if (absl::Status status = TakeReceipt(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Waits for one receipt.
  absl::Status TakeReceipt() {
    const Deadline deadline = link_.AnswerDeadline();
    absl::StatusOr<std::optional<std::string>> text = link_.connection().Receive(deadline);
    if (text.ok() && !text->has_value()) text = link_.connection().Receive(deadline);
    if (!text.ok()) return SendAllAgain(text.status());
    if (!text->has_value()) return SendAllAgain(absl::DeadlineExceededError("no receipt from the endpoint"));
    const absl::StatusOr<WebSocketReceipt> receipt = ReadWebSocketReceipt(**text);
    if (!receipt.ok()) return link_.Named(receipt.status());
    if (!receipt->status.ok()) return SendAllAgain(receipt->status);
    return Confirm(receipt->number);
  }

  absl::Status Confirm(uint64_t number) {
    if (number < first_number_ || number - first_number_ >= unconfirmed_.size()) {
      return link_.Named(absl::InvalidArgumentError("the endpoint sends a receipt for no message"));
    }
    unconfirmed_[number - first_number_].is_confirmed = true;
    for (; !unconfirmed_.empty() && unconfirmed_.front().is_confirmed; ++first_number_) {
      unconfirmed_bytes_ -= unconfirmed_.front().text.size();
      messages_written_ += unconfirmed_.front().messages;
      ++entries_written_;
      unconfirmed_.pop_front();
    }
    link_.Progress();
    return absl::OkStatus();
  }

  absl::Status SendAllAgain(const absl::Status& loss) {
    TakeReceiptsThatCame();
    return OpenAgain(loss);
  }

  absl::Status OpenAgain(const absl::Status& loss) {
    return link_.OpenAgain(loss, [this] {
      absl::Status status = SendUnconfirmed();
      if (!status.ok()) TakeReceiptsThatCame();
      return status;
    });
  }

  // What has its receipt must not be sent again.
  void TakeReceiptsThatCame() {
    while (true) {
      const absl::StatusOr<std::optional<std::string>> text = link_.connection().Receive(Deadline());
      if (!text.ok() || !text->has_value()) return;
      const absl::StatusOr<WebSocketReceipt> receipt = ReadWebSocketReceipt(**text);
      if (!receipt.ok() || (receipt->status.ok() && !Confirm(receipt->number).ok())) return;
    }
  }

  absl::Status SendUnconfirmed() {
    for (const Unconfirmed& entry : unconfirmed_) {
      if (entry.is_confirmed) continue;
      if (absl::Status status = link_.connection().Send(entry.text, link_.AnswerDeadline()); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

  const std::string producer_path_;
  WebSocketLink link_;
  std::string keys_parameter_;  // of the connection; empty: there was none yet
  std::deque<Unconfirmed> unconfirmed_;
  uint64_t first_number_ = 1;  // of them
  size_t unconfirmed_bytes_ = 0;
  uint64_t entries_written_ = 0, messages_written_ = 0;
  absl::Status failure_;  // after which there is no connection
};

}  // namespace

std::unique_ptr<TopicSink> MakeWebSocketSink(WebSocketLinkOptions options) {
  options.max_frame_size = kMaxReceiptSize;
  return std::make_unique<WebSocketSink>(std::move(options));
}

}  // namespace pulseal::tools
