// SPDX-License-Identifier: Apache-2.0
//
// One and two threads, on one object that they share and on objects of their own. Times are wall-clock time for a message
// of all threads together: half with two threads is perfect scaling.
#include <array>
#include <memory>
#include <string>

#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSizes[] = {64, 256, 1024, 65536};
constexpr int kMaxThreads = 2;

// What thread number `thread` works on; the same for all threads in objects that are shared.
template <typename T>
using PerThread = std::array<std::shared_ptr<T>, kMaxThreads>;

template <typename T, typename Make>
PerThread<T> MakePerThread(bool shared, Make make) {
  PerThread<T> objects;
  for (auto& object : objects) object = shared && objects[0] != nullptr ? objects[0] : std::shared_ptr<T>(make());
  return objects;
}

template <typename Run>
void RegisterThreads(const std::string& name, Run run) {
  Register(name, run)->Threads(1)->Threads(kMaxThreads)->UseRealTime();
}

const char* WayOf(bool shared) { return shared ? "pulseal-shared" : "pulseal-own"; }

template <typename Backend>
void RegisterPulseal(size_t size, bool shared) {
  const std::string parameter = std::to_string(size);
  RegisterThreads(Name("threads-encrypt", WayOf(shared), Backend::kName, parameter),
                  [size, encryptors = MakePerThread<MessageEncryptor>(shared, [] { return NewEncryptor<Backend>(); })](
                      benchmark::State& state) {
                    MessageEncryptor& encryptor = *encryptors[static_cast<size_t>(state.thread_index())];
                    Buffers& buffers = BuffersFor(size, state.thread_index());
                    Repeat(state, [&] { return Encrypts(encryptor, buffers); });
                  });
  const auto message = std::make_shared<SealedMessage>(Seal(*NewEncryptor<Backend>(), Text(size)));
  RegisterThreads(Name("threads-decrypt", WayOf(shared), Backend::kName, parameter),
                  [size, message, decryptors = MakePerThread<MessageDecryptor>(shared, [] {
                                    return NewDecryptor<Backend>();
                                  })](benchmark::State& state) {
                    MessageDecryptor& decryptor = *decryptors[static_cast<size_t>(state.thread_index())];
                    Buffers& buffers = BuffersFor(size, state.thread_index());
                    buffers.sealed = message->payload;
                    Repeat(state, [&] { return Delivers(decryptor, message->metadata, buffers.sealed, buffers); });
                  });
}

template <typename Backend>
void RegisterFloor(size_t size) {
  const std::string parameter = std::to_string(size);
  RegisterThreads(Name("threads-encrypt", "floor", Backend::kName, parameter),
                  [size](benchmark::State& state) { FloorSeal<Backend>(state, size); });
  RegisterThreads(Name("threads-decrypt", "floor", Backend::kName, parameter),
                  [size](benchmark::State& state) { FloorOpen<Backend>(state, size); });
}

// One client, shared, as the threads of a producer share theirs.
void RegisterTextbook(size_t size) {
  const std::string parameter = std::to_string(size);
  const auto client = std::make_shared<TextbookClient>(OneRecipient(), OneName());
  RegisterThreads(Name("threads-encrypt", "textbook", "openssl", parameter), [size, client](benchmark::State& state) {
    const Buffers& buffers = BuffersFor(size, state.thread_index());
    Repeat(state, [&] {
      std::string sealed, fields;
      return client->Encrypt(buffers.plaintext, &sealed, &fields);
    });
  });
  const auto message = std::make_shared<SealedMessage>(Seal(*NewEncryptor<OpenSslBackend>(), Text(size)));
  RegisterThreads(Name("threads-decrypt", "textbook", "openssl", parameter),
                  [client, message](benchmark::State& state) {
                    Repeat(state, [&] {
                      std::string opened;
                      return client->Decrypt(message->metadata, message->payload, &opened);
                    });
                  });
}

const bool registered = [] {
  for (const size_t size : kSizes) {
    ForEachBackend([size](auto backend) {
      using Backend = decltype(backend);
      RegisterPulseal<Backend>(size, /*shared=*/true);
      RegisterPulseal<Backend>(size, /*shared=*/false);
      RegisterFloor<Backend>(size);
    });
    RegisterTextbook(size);
  }
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
