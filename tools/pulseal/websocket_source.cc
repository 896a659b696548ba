// SPDX-License-Identifier: Apache-2.0
#include "tools/pulseal/websocket_source.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/pulseal/interrupt.h"
#include "tools/pulseal/websocket_message.h"

namespace pulseal::tools {
namespace {

using std::chrono::steady_clock;

constexpr uint64_t kPermits = 1000;          // messages that the endpoint may send before we have dealt with one
constexpr size_t kMostRemembered = 100'000;  // entries; more than are ever on their way
// A batch of 64 MiB in base64, with its metadata.
constexpr size_t kMaxMessageTextSize = 96 * 1024 * 1024;
constexpr auto kMoment = std::chrono::seconds(1);

// The name of each type for the endpoint.
std::string EndpointsName(const std::string& subscription_type) {
  if (subscription_type == "shared") return "Shared";
  if (subscription_type == "failover") return "Failover";
  if (subscription_type == "key-shared") return "Key_Shared";
  return "Exclusive";
}

std::string Target(const WebSocketSourceOptions& options) {
  return absl::StrCat(options.link.access.url.ConsumerPath(options.subscription),
                      "?subscriptionType=", EndpointsName(options.subscription_type),
                      "&subscriptionInitialPosition=Earliest&cryptoFailureAction=CONSUME&pullMode=true",
                      "&receiverQueueSize=", kPermits);
}

// What was given, by the endpoint's names for it.
class Given {
 public:
  // The number of the entry; 0 where it isn't known.
  uint64_t NumberOf(const std::string& message_id) const {
    const auto found = numbers_.find(message_id);
    return found == numbers_.end() ? 0 : found->second;
  }

  uint64_t Add(const std::string& message_id) {
    if (entries_.size() == kMostRemembered) {
      numbers_.erase(entries_.front().message_id);
      entries_.pop_front();
      ++first_number_;
    }
    const uint64_t number = first_number_ + entries_.size();
    entries_.push_back({message_id});
    numbers_[message_id] = number;
    return number;
  }

  // False for one that so many have come after that it was forgotten. An endpoint that waits for permits sends none as far.
  bool Remembers(uint64_t number) const { return number >= first_number_; }
  const std::string& message_id(uint64_t number) const { return entries_[number - first_number_].message_id; }
  bool is_settled(uint64_t number) const { return entries_[number - first_number_].is_settled; }
  void Settle(uint64_t number) { entries_[number - first_number_].is_settled = true; }

 private:
  struct Entry {
    std::string message_id;
    bool is_settled = false;
  };
  std::deque<Entry> entries_;
  uint64_t first_number_ = 1;
  std::map<std::string, uint64_t> numbers_;
};

class WebSocketSource final : public TopicSource {
 public:
  explicit WebSocketSource(const WebSocketSourceOptions& options)
      : target_(Target(options)), follow_(options.follow), idle_(options.idle), link_(options.link) {}

  absl::Status Open() {
    absl::Status status = link_.Open(target_);
    return status.ok() ? link_.Named(Begin()) : status;
  }

  absl::StatusOr<std::optional<TopicEntry>> Next() override {
    // After so many that came before, what was given is to be dealt with.
    for (uint64_t passed = 0; passed < kPermits && !Interrupted(); ++passed) {
      absl::StatusOr<std::optional<std::string>> text = std::exchange(waited_for_, std::nullopt);
      if (!text->has_value()) text = link_.connection().Receive(Deadline());
      if (!text.ok()) {
        if (absl::Status status = BeginAgain(text.status()); !status.ok()) return status;
        continue;
      }
      if (!text->has_value()) return std::optional<TopicEntry>();
      link_.Progress();
      end_ = steady_clock::now() + idle_;
      ++used_permits_;
      absl::StatusOr<WebSocketMessage> message = ReadWebSocketMessage(**text);
      if (!message.ok()) return link_.Named(message.status());
      const uint64_t number = given_.NumberOf(message->message_id);
      if (number == 0) return Entry(*std::move(message));
      ++repeats_;
      if (!given_.is_settled(number)) continue;
      if (absl::Status status = Acknowledge(number); !status.ok()) return status;
    }
    return std::optional<TopicEntry>();
  }

  absl::Status Settle(const std::vector<uint64_t>& entry_numbers) override {
    for (const uint64_t number : entry_numbers) {
      if (!given_.Remembers(number)) continue;  // it comes again, and is given again
      given_.Settle(number);
      if (absl::Status status = Acknowledge(number); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Wait() override {
    if (used_permits_ > 0) {
      absl::Status status = Permit(std::exchange(used_permits_, 0));
      if (!status.ok()) status = BeginAgain(status);
      if (!status.ok()) return status;
    }
    const Deadline now = steady_clock::now();
    // More than a new connection could bring again.
    if (repeats_ > kMostRemembered && !follow_) return false;
    absl::StatusOr<std::optional<std::string>> text =
        link_.connection().Receive(follow_ ? now + kMoment : std::min(end_, now + kMoment));
    if (!text.ok()) {
      if (absl::Status status = BeginAgain(text.status()); !status.ok()) return status;
      return true;
    }
    waited_for_ = *std::move(text);
    // What has come counts, however late we ask for it.
    if (!waited_for_ && !follow_ && now >= end_) return false;
    // It was quiet, and the connection has stayed.
    if (!waited_for_ && !Interrupted() && now > began_ + 5 * kMoment) link_.Progress();
    return true;
  }

  bool ReportUnreadable() const override { return false; }

 private:
  absl::StatusOr<std::optional<TopicEntry>> Entry(WebSocketMessage message) {
    repeats_ = 0;
    message_ = std::move(message);
    TopicEntry entry;
    entry.place.entry_number = given_.Add(message_.message_id);
    entry.place.message_id = message_.message_id;
    entry.status = message_.status;
    entry.metadata = message_.metadata;
    entry.payload = message_.payload;
    return entry;
  }

  absl::Status Acknowledge(uint64_t number) {
    absl::Status status =
        link_.connection().Send(WebSocketAcknowledgement(given_.message_id(number)), link_.AnswerDeadline());
    // Over the next connection it comes again, and is acknowledged then.
    return status.ok() ? status : BeginAgain(status);
  }

  absl::Status Permit(uint64_t messages) {
    return link_.connection().Send(WebSocketPermit(messages), link_.AnswerDeadline());
  }

  // On a connection that is new.
  absl::Status Begin() {
    used_permits_ = repeats_ = 0;
    began_ = steady_clock::now();
    end_ = began_ + idle_;
    return Permit(kPermits);
  }

  absl::Status BeginAgain(const absl::Status& loss) {
    return link_.OpenAgain(loss, [this] { return Begin(); });
  }

  const std::string target_;
  const bool follow_;
  const std::chrono::nanoseconds idle_;
  WebSocketLink link_;
  Given given_;
  WebSocketMessage message_;               // of the entry that was given last
  std::optional<std::string> waited_for_;  // came in Wait
  uint64_t used_permits_ = 0;              // not yet given back
  uint64_t repeats_ = 0;                   // on this connection, since something new came
  Deadline began_, end_;                   // of the connection; of the topic, unless something comes before
};

}  // namespace

absl::StatusOr<std::unique_ptr<TopicSource>> OpenWebSocketSource(WebSocketSourceOptions options) {
  options.link.max_frame_size = kMaxMessageTextSize;
  auto source = std::make_unique<WebSocketSource>(options);
  if (absl::Status status = source->Open(); !status.ok()) return status;
  return source;
}

}  // namespace pulseal::tools
