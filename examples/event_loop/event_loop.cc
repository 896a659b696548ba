// SPDX-License-Identifier: Apache-2.0
//
// A consumer with one thread, which may never wait, and a key service that takes 200 ms. Messages whose data key is at
// hand go through at once; those of one ordering key stay in order, because the client lets them queue up behind the
// first that waits.
#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pulseal/message_crypto.h"

namespace {

using Clock = std::chrono::steady_clock;

// The client's own loop: everything below runs on its one thread.
class EventLoop {
 public:
  void After(std::chrono::nanoseconds delay, std::function<void()> work) {
    due_.emplace(Clock::now() + delay, std::move(work));
  }
  void RunUntil(const std::function<bool()>& done) {
    while (!done() && !due_.empty()) {
      std::this_thread::sleep_until(due_.begin()->first);
      const std::function<void()> work = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      work();
    }
  }

 private:
  std::multimap<Clock::time_point, std::function<void()>> due_;
};

// Stands for a key service behind the network: its answer comes later, on the loop.
class SlowKeyService final : public pulseal::KeyWrapper {
 public:
  explicit SlowKeyService(EventLoop* loop) : loop_(loop) {}

  void Wrap(std::string key_name, std::shared_ptr<const pulseal::SecretBytes> data_key,
            std::function<void(absl::StatusOr<pulseal::WrappedKey>)> done) override {
    keys_->Wrap(std::move(key_name), std::move(data_key), std::move(done));
  }

  void Unwrap(pulseal::WrappedKey wrapped, int max_operations,
              std::function<void(absl::StatusOr<pulseal::Unwrapped>)> done) override {
    loop_->After(std::chrono::milliseconds(200), [keys = keys_, wrapped = std::move(wrapped), max_operations, done] {
      keys->Unwrap(wrapped, max_operations, done);
    });
  }

 private:
  EventLoop* const loop_;
  const std::shared_ptr<pulseal::KeyWrapper> keys_ = pulseal::LocalKeyWrapper(pulseal::KeyDirectory("keys"));
};

struct Message {
  std::string ordering_key, metadata, payload;
};

class Consumer {
 public:
  explicit Consumer(EventLoop* loop) {
    pulseal::DecryptorOptions options;
    options.key_wrapper = std::make_shared<SlowKeyService>(loop);
    options.background.mode = pulseal::Background::Mode::kExecutor;
    options.background.executor = [loop](std::chrono::nanoseconds delay, std::function<void()> work) {
      loop->After(delay, std::move(work));
    };
    decryptor_ = *pulseal::MessageDecryptor::Create(std::move(options));
  }

  // Called by the network. Never waits.
  void OnMessage(Message message) {
    std::deque<Message>& waiting = waiting_[message.ordering_key];
    waiting.push_back(std::move(message));
    if (waiting.size() == 1) Advance(waiting);
  }

  const std::vector<std::string>& delivered() const { return delivered_; }

 private:
  // Delivers from the front until a message has to wait for its key; the rest of its ordering key waits behind it.
  void Advance(std::deque<Message>& waiting) {
    while (!waiting.empty()) {
      std::vector<char> out(waiting.front().payload.size());
      const pulseal::Decision decision =
          decryptor_->TryDecrypt(waiting.front().metadata, waiting.front().payload, absl::MakeSpan(out));
      if (decision.action == pulseal::Decision::Action::kPending) return ResolveFront(waiting);
      Finish(waiting, decision);
    }
  }

  void ResolveFront(std::deque<Message>& waiting) {
    decryptor_->Resolve(waiting.front().metadata, [this, &waiting](absl::StatusOr<pulseal::ResolvedKey> key) {
      std::vector<char> out(waiting.front().payload.size());
      pulseal::Decision decision;
      decision.status = key.status();
      if (key.ok()) {  // with the answer in hand it is never pending again
        decision = decryptor_->TryDecrypt(*key, waiting.front().metadata, waiting.front().payload, absl::MakeSpan(out));
      }
      Finish(waiting, decision);
      Advance(waiting);
    });
  }

  // A real client would acknowledge or not, and give permits back, as docs/failure-actions.md says.
  void Finish(std::deque<Message>& waiting, const pulseal::Decision& decision) {
    const bool delivered = decision.action == pulseal::Decision::Action::kDeliver;
    delivered_.push_back(delivered ? std::string(decision.payload) : std::string(decision.status.message()));
    waiting.pop_front();
  }

  std::unique_ptr<pulseal::MessageDecryptor> decryptor_;
  std::map<std::string, std::deque<Message>> waiting_;
  std::vector<std::string> delivered_;
};

Message Encrypted(pulseal::MessageEncryptor& encryptor, const std::string& ordering_key, const std::string& text) {
  std::string payload, fields;
  const auto sealed = encryptor.Encrypt(text, &payload, &fields);
  return {ordering_key, std::string(sealed->fields), std::string(sealed->payload)};
}

std::unique_ptr<pulseal::MessageEncryptor> EncryptorFor(const std::string& name) {
  pulseal::EncryptorOptions options;
  options.key_names = {name};
  options.key_reader = pulseal::KeyDirectory("keys");
  return *pulseal::MessageEncryptor::Create(std::move(options));
}

}  // namespace

int main() {
  EventLoop loop;
  Consumer consumer(&loop);
  const auto known = EncryptorFor("demo-alice"), unknown = EncryptorFor("demo-bob");

  consumer.OnMessage(Encrypted(*known, "a", "a0"));  // brings alice's data key into the cache
  loop.RunUntil([&] { return consumer.delivered().size() == 1; });

  consumer.OnMessage(Encrypted(*unknown, "b", "b1"));  // has to wait 200 ms
  consumer.OnMessage(Encrypted(*known, "b", "b2"));    // could be read at once, but comes after b1
  consumer.OnMessage(Encrypted(*known, "a", "a1"));    // isn't held up
  consumer.OnMessage({"c", "", "c1"});                 // nor is one that was never encrypted
  loop.RunUntil([&] { return consumer.delivered().size() == 5; });

  std::string order;
  for (const std::string& text : consumer.delivered()) order += text + " ";
  std::cout << "delivered: " << order << "\n";
  return order == "a0 a1 c1 b1 b2 " ? 0 : 1;
}
