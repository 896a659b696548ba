// SPDX-License-Identifier: Apache-2.0
//
// CONSUMER: FLOW -> MESSAGE -> decrypt, put chunks together, decompress, split (EntryConsumer's work) -> application -> ACK
//
// What becomes of an entry, and when its permits go back to the broker:
//
//   the decision       application gets    acknowledged                     permits
//   kDeliver           each message        when the application has them    one for each message that it has
//   kDeliverEncrypted  one ciphertext      when the application has it      num_messages, then
//   kDiscard           nothing             at once, with DecryptionError    num_messages, at once
//   kFail              nothing             not                              num_messages, at once
//   chunk, incomplete  nothing             with the message's last one      its own, at once
//
// A broker takes an entry's number of messages off the permits when it sends the entry, be it the tenth time. So they have
// to be given back each time, and exactly: too few, and the flow stops one day; too many, and the queue overflows.
#ifndef EXAMPLES_PULSAR_CLIENT_CONSUMER_H_
#define EXAMPLES_PULSAR_CLIENT_CONSUMER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/pulsar_client/connection.h"
#include "pulseal/framing/entry_consumer.h"
#include "pulseal/message_decryptor.h"

namespace pulsar_client {

struct ConsumerOptions {
  std::string topic;  // in full
  std::string subscription;
  wire::Subscribe::Type type = wire::Subscribe::EXCLUSIVE;
  wire::Subscribe::Position from = wire::Subscribe::LATEST;
  uint32_t receiver_queue = 1000;            // messages that the broker may send ahead
  std::chrono::milliseconds ack_timeout{0};  // then what is not acknowledged is asked for again; 0: never
  bool acknowledge = true;
  bool compacted = false;  // of each key the newest message only, as far as the broker has compacted the topic
};

// One message, or a ciphertext; all of it lives as long as the call.
struct Delivery {
  const wire::MessageId& id;
  int batch_index;  // -1: not in a batch
  const pulseal::framing::Outcome& outcome;
  const pulseal::framing::SingleMessage* message;  // null: ciphertext, which is outcome.decision.payload
  std::string_view metadata;                       // of the entry, serialised
};

class Consumer {
 public:
  // The application. OK: it has the message, which may now be acknowledged; otherwise consumption ends.
  using Application = std::function<absl::Status(const Delivery&)>;

  // `connection` and `decryptor` must outlive the consumer.
  static absl::StatusOr<std::unique_ptr<Consumer>> Open(Connection& connection, pulseal::MessageDecryptor& decryptor,
                                                        const ConsumerOptions& options, Application application);

  // Until the application has `count` messages (0: no end), or none has come for so long.
  absl::Status Run(uint64_t count, std::chrono::milliseconds longest_silence);

  // Returns when the broker has taken all acknowledgements.
  absl::Status Close();

  // What was neither delivered nor discarded, a line for each cause.
  std::vector<std::string> Failures() const;

 private:
  struct Unacknowledged {
    wire::MessageId id;
    Clock::time_point deadline;
  };
  struct Failure {
    int64_t messages = 0;
    std::string first;
  };
  using Position = std::pair<uint64_t, uint64_t>;  // ledger and entry

  Consumer(Connection& connection, pulseal::MessageDecryptor& decryptor, const ConsumerOptions& options,
           Application application);

  absl::Status Subscribe();
  absl::Status Take(const Frame& frame);
  absl::Status TakeMessage(const wire::MessageId& id, std::string_view entry);
  absl::Status Settle(const pulseal::framing::Outcome& outcome, std::string_view metadata);
  absl::Status Deliver(const pulseal::framing::Outcome& outcome, std::string_view metadata);
  absl::Status DeliverOne(const Delivery& delivery);
  void Acknowledge(const std::vector<uint64_t>& cookies, bool unread);
  void LeaveForRedelivery(const std::vector<uint64_t>& cookies);
  wire::MessageId TakeSettled(uint64_t cookie);
  void Track(const wire::MessageId& id);
  void Count(const pulseal::framing::Outcome& outcome);
  absl::Status DoWhatIsDue();
  void Redeliver();
  void GiveBack(int64_t permits);
  bool IsComplete() const { return wanted_ > 0 && delivered_ >= wanted_; }

  Connection& connection_;
  const ConsumerOptions options_;
  const Application application_;
  pulseal::framing::EntryConsumer entries_;

  uint64_t wanted_ = 0, delivered_ = 0;
  Clock::time_point last_delivery_;

  uint64_t next_cookie_ = 0;
  std::map<uint64_t, wire::MessageId> unsettled_;  // entries in the hands of entries_, by cookie
  std::map<Position, Unacknowledged> unacknowledged_;
  int64_t to_give_back_ = 0;                 // permits that no FLOW has carried yet
  std::map<std::string, Failure> failures_;  // by reason
};

}  // namespace pulsar_client

#endif  // EXAMPLES_PULSAR_CLIENT_CONSUMER_H_
