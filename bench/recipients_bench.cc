// SPDX-License-Identifier: Apache-2.0
//
// 1 KiB for 1 to 32 recipients. What each adds to a message is its wrapped key: `field_bytes` says how many there are in
// all. The consumer is the last recipient, and holds no other's key.
#include <memory>
#include <string>
#include <vector>

#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSize = 1024;
constexpr int kCounts[] = {1, 2, 4, 8, 16, 32};

std::vector<std::string> Names(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("recipient-" + std::to_string(10 + i));
  return names;
}

std::shared_ptr<CryptoKeyReader> ReaderOf(int count) {
  const std::vector<std::string> names = Names(count);
  return RsaReader(names, {names.back()});
}

void CountFields(benchmark::State& state, size_t size) { state.counters["field_bytes"] = static_cast<double>(size); }

template <typename Backend>
void Encrypt(benchmark::State& state, int count) {
  const auto encryptor = NewEncryptor<Backend>(ReaderOf(count), Names(count));
  Buffers& buffers = BuffersFor(kSize);
  Repeat(state, [&] { return Encrypts(*encryptor, buffers); });
  CountFields(state, encryptor->fields_size());
}

template <typename Backend>
void Decrypt(benchmark::State& state, int count) {
  const auto encryptor = NewEncryptor<Backend>(ReaderOf(count), Names(count));
  const auto decryptor = NewDecryptor<Backend>(ReaderOf(count));
  Buffers& buffers = BuffersFor(kSize);
  const SealedMessage message = Seal(*encryptor, buffers.plaintext);
  buffers.sealed = message.payload;
  Repeat(state, [&] { return Delivers(*decryptor, message.metadata, buffers.sealed, buffers); });
  CountFields(state, encryptor->fields_size());
}

void TextbookEncrypt(benchmark::State& state, int count) {
  TextbookClient client(ReaderOf(count), Names(count));
  Repeat(state, [&] {
    std::string sealed, fields;
    return client.Encrypt(BuffersFor(kSize).plaintext, &sealed, &fields);
  });
}

// Like the clients, it asks for a private key for each wrapped key in front of its own, each time: here it holds them all.
void TextbookDecrypt(benchmark::State& state, int count) {
  TextbookClient client(RsaReader(Names(count), Names(count)));
  Buffers& buffers = BuffersFor(kSize);
  const SealedMessage message = Seal(*NewEncryptor<OpenSslBackend>(ReaderOf(count), Names(count)), buffers.plaintext);
  Repeat(state, [&] {
    std::string opened;
    return client.Decrypt(message.metadata, message.payload, &opened);
  });
}

const bool registered = [] {
  ForEachBackend([](auto backend) {
    using Backend = decltype(backend);
    for (const int count : kCounts) {
      const std::string parameter = std::to_string(count);
      Register(Name("recipients-encrypt", "pulseal", Backend::kName, parameter),
               [count](auto& s) { Encrypt<Backend>(s, count); });
      Register(Name("recipients-decrypt", "pulseal", Backend::kName, parameter),
               [count](auto& s) { Decrypt<Backend>(s, count); });
    }
    Register(Name("recipients-encrypt", "floor", Backend::kName, "any"),
             [](auto& s) { Repeat(s, FloorSealing<Backend>(kSize)); });
    Register(Name("recipients-decrypt", "floor", Backend::kName, "any"),
             [](auto& s) { Repeat(s, FloorOpening<Backend>(kSize)); });
  });
  for (const int count : kCounts) {
    const std::string parameter = std::to_string(count);
    Register(Name("recipients-encrypt", "textbook", "openssl", parameter),
             [count](auto& s) { TextbookEncrypt(s, count); });
    Register(Name("recipients-decrypt", "textbook", "openssl", parameter),
             [count](auto& s) { TextbookDecrypt(s, count); });
  }
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
