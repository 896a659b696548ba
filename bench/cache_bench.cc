// SPDX-License-Identifier: Apache-2.0
//
// A consumer with 1 to 10,000 live data keys in its cache, of which each message has the next one. The messages, 10,000
// of 1 KiB, are as many in each case: what differs between the cases is the cache, not the memory that messages take.
// The floor cycles through as many keyed contexts.
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/instant_key_wrapper.h"
#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSize = 1024, kMessages = 10'000;
constexpr size_t kKeys[] = {1, 10, 100, 1000, 10'000};

// 0 to kMessages - 1, and again.
class Cycle {
 public:
  size_t Next() { return next_ = next_ + 1 == kMessages ? 0 : next_ + 1; }

 private:
  size_t next_ = 0;
};

// Messages of which number i is under data key i % keys, and a consumer that has them all in its cache. Slow to make, so
// made once for each number of keys.
struct Consumer {
  std::unique_ptr<MessageDecryptor> decryptor;
  std::vector<SealedMessage> messages;
};

template <typename Backend>
std::unique_ptr<MessageEncryptor> NewRotatingEncryptor() {
  EncryptorOptions options;
  options.key_names = OneName();
  options.key_wrapper = std::make_shared<InstantKeyWrapper>();
  options.cipher_backend = Backend::kChoice;
  return std::move(MessageEncryptor::Create(std::move(options))).value();
}

template <typename Backend>
Consumer MakeConsumer(size_t keys) {
  DecryptorOptions options;
  options.key_wrapper = std::make_shared<InstantKeyWrapper>();
  options.cache_max_keys = kMessages;
  Consumer consumer = {NewDecryptor<Backend>(std::move(options)), std::vector<SealedMessage>(kMessages)};
  const auto encryptor = NewRotatingEncryptor<Backend>();
  for (size_t key = 0; key < keys; ++key) {
    if (key > 0 && !encryptor->Rotate().ok()) std::abort();
    for (size_t i = key; i < kMessages; i += keys) {
      consumer.messages[i] = Seal(*encryptor, BuffersFor(kSize).plaintext);
    }
  }
  // Copied, so that they lie in memory in the order in which they come, as those of one key do.
  consumer.messages = std::vector<SealedMessage>(consumer.messages);
  return consumer;
}

bool Delivers(Consumer& consumer, size_t index) {
  const SealedMessage& message = consumer.messages[index];
  return bench::Delivers(*consumer.decryptor, message.metadata, message.payload, BuffersFor(kSize));
}

template <typename Backend>
Consumer& ConsumerOf(size_t keys) {
  static auto* const all = new std::map<size_t, Consumer>;
  const auto found = all->find(keys);
  if (found != all->end()) return found->second;
  Consumer& consumer = all->emplace(keys, MakeConsumer<Backend>(keys)).first->second;
  for (size_t i = 0; i < kMessages; ++i) {
    if (!Delivers(consumer, i)) std::abort();
  }
  return consumer;
}

template <typename Backend>
void Pulseal(benchmark::State& state, size_t keys) {
  Consumer& consumer = ConsumerOf<Backend>(keys);
  if (consumer.decryptor->counters().keys_cached != keys) return state.SkipWithError("the cache lost keys");
  Buffers& buffers = BuffersFor(kSize);
  Cycle cycle;
  Repeat(state, [&] {
    const SealedMessage& message = consumer.messages[cycle.Next()];
    return bench::Delivers(*consumer.decryptor, message.metadata, message.payload, buffers);
  });
}

template <typename Backend>
void Floor(benchmark::State& state, size_t keys) {
  std::vector<typename Backend::Floor> floors(keys);
  std::vector<std::string> sealed(kMessages, std::string(kSize + kTagSize, '\0'));
  Buffers& buffers = BuffersFor(kSize);
  for (size_t i = 0; i < kMessages; ++i) floors[i % keys].Seal(i, buffers.plaintext, sealed[i].data());
  Cycle cycle;
  Repeat(state, [&] {
    const size_t i = cycle.Next();
    return floors[i % keys].Open(i, sealed[i], buffers.opened.data());
  });
}

struct TextbookConsumer {
  std::unique_ptr<TextbookClient> client;
  std::vector<SealedMessage> messages;
};

TextbookConsumer MakeTextbook(size_t keys) {
  TextbookConsumer consumer = {std::make_unique<TextbookClient>(OneRecipient()), std::vector<SealedMessage>(kMessages)};
  TextbookClient producer(OneRecipient(), OneName());
  for (size_t key = 0; key < keys; ++key) {
    if (key > 0 && !producer.Rotate()) std::abort();
    for (size_t i = key; i < kMessages; i += keys) {
      SealedMessage& message = consumer.messages[i];
      std::string fields;
      if (!producer.Encrypt(BuffersFor(kSize).plaintext, &message.payload, &fields)) std::abort();
      message.metadata = ClientMetadata(kSize) + fields;
    }
    consumer.client->Learn(consumer.messages[key].metadata, producer.data_key());
  }
  return consumer;
}

void Textbook(benchmark::State& state, size_t keys) {
  static auto* const all = new std::map<size_t, TextbookConsumer>;
  if (all->find(keys) == all->end()) all->emplace(keys, MakeTextbook(keys));
  const TextbookConsumer& consumer = (*all)[keys];
  Cycle cycle;
  Repeat(state, [&] {
    const SealedMessage& message = consumer.messages[cycle.Next()];
    std::string opened;
    return consumer.client->Decrypt(message.metadata, message.payload, &opened);
  });
}

const bool registered = [] {
  for (const size_t keys : kKeys) {
    const std::string parameter = std::to_string(keys);
    ForEachBackend([&](auto backend) {
      using Backend = decltype(backend);
      Register(Name("cache", "pulseal", Backend::kName, parameter), [keys](auto& s) { Pulseal<Backend>(s, keys); });
      Register(Name("cache", "floor", Backend::kName, parameter), [keys](auto& s) { Floor<Backend>(s, keys); });
    });
    Register(Name("cache", "textbook", "openssl", parameter), [keys](auto& s) { Textbook(s, keys); });
  }
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
