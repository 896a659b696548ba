// SPDX-License-Identifier: Apache-2.0
//
// One message decrypted, 64 bytes to 5 MiB: its metadata read, its data key found in the cache.
#include <memory>
#include <string>

#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSizes[] = {64, 256, 1024, 4096, 16384, 65536, 1 << 20, 5 << 20};

template <typename Backend>
void Pulseal(benchmark::State& state, size_t size) {
  const auto decryptor = NewDecryptor<Backend>();
  Buffers& buffers = BuffersFor(size);
  const SealedMessage message = Seal(*NewEncryptor<Backend>(), buffers.plaintext);
  buffers.sealed = message.payload;
  Repeat(state, [&] { return Delivers(*decryptor, message.metadata, buffers.sealed, buffers); });
}

void Textbook(benchmark::State& state, size_t size) {
  TextbookClient client(OneRecipient());
  Buffers& buffers = BuffersFor(size);
  const SealedMessage message = Seal(*NewEncryptor<OpenSslBackend>(), buffers.plaintext);
  buffers.sealed = message.payload;
  Repeat(state, [&] {
    std::string opened;
    return client.Decrypt(message.metadata, buffers.sealed, &opened);
  });
}

const bool registered = [] {
  for (const size_t size : kSizes) {
    ForEachBackend([size](auto backend) {
      using Backend = decltype(backend);
      const std::string parameter = std::to_string(size);
      Register(Name("decrypt", "pulseal", Backend::kName, parameter), [size](auto& s) { Pulseal<Backend>(s, size); });
      Register(Name("decrypt", "floor", Backend::kName, parameter), [size](auto& s) { FloorOpen<Backend>(s, size); });
    });
    Register(Name("decrypt", "textbook", "openssl", std::to_string(size)), [size](auto& s) { Textbook(s, size); });
  }
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
