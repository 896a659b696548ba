// SPDX-License-Identifier: Apache-2.0
//
// One message encrypted, 64 bytes to 5 MiB, its fields for one RSA recipient included.
#include <memory>
#include <string>

#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSizes[] = {64, 256, 1024, 4096, 16384, 65536, 1 << 20, 5 << 20};

template <typename Backend>
void Pulseal(benchmark::State& state, size_t size) {
  const auto encryptor = NewEncryptor<Backend>();
  Buffers& buffers = BuffersFor(size);
  Repeat(state, [&] { return Encrypts(*encryptor, buffers); });
}

void Textbook(benchmark::State& state, size_t size) {
  TextbookClient client(OneRecipient(), OneName());
  const Buffers& buffers = BuffersFor(size);
  Repeat(state, [&] {
    std::string sealed, fields;
    return client.Encrypt(buffers.plaintext, &sealed, &fields);
  });
}

const bool registered = [] {
  for (const size_t size : kSizes) {
    ForEachBackend([size](auto backend) {
      using Backend = decltype(backend);
      const std::string parameter = std::to_string(size);
      Register(Name("encrypt", "pulseal", Backend::kName, parameter), [size](auto& s) { Pulseal<Backend>(s, size); });
      Register(Name("encrypt", "floor", Backend::kName, parameter), [size](auto& s) { FloorSeal<Backend>(s, size); });
    });
    Register(Name("encrypt", "textbook", "openssl", std::to_string(size)), [size](auto& s) { Textbook(s, size); });
  }
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
