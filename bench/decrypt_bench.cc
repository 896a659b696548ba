// SPDX-License-Identifier: Apache-2.0
//
// One message decrypted, 64 bytes to 5 MiB: its metadata read, its data key found in the cache.
#include <memory>
#include <string>
#include <vector>

#include "bench/in_turn.h"
#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSizes[] = {64, 256, 1024, 4096, 16384, 65536, 1 << 20, 5 << 20};

template <typename Backend>
Turn Pulseal(size_t size) {
  Buffers& buffers = BuffersFor(size);
  const auto message = std::make_shared<SealedMessage>(Seal(*NewEncryptor<Backend>(), buffers.plaintext));
  return TurnOf([decryptor = std::shared_ptr<MessageDecryptor>(NewDecryptor<Backend>()), message, &buffers] {
    return Delivers(*decryptor, message->metadata, message->payload, buffers);
  });
}

Turn Textbook(size_t size) {
  const auto message =
      std::make_shared<SealedMessage>(Seal(*NewEncryptor<OpenSslBackend>(), BuffersFor(size).plaintext));
  return TurnOf([client = std::make_shared<TextbookClient>(OneRecipient()), message] {
    std::string opened;
    return client->Decrypt(message->metadata, message->payload, &opened);
  });
}

std::vector<Way> Ways(size_t size) {
  std::vector<Way> ways;
  ForEachBackend([size, &ways](auto backend) {
    using Backend = decltype(backend);
    ways.push_back({Name("pulseal", Backend::kName), [size](int) { return Pulseal<Backend>(size); }});
    ways.push_back({Name("floor", Backend::kName), [size](int) { return TurnOf(FloorOpening<Backend>(size)); }});
  });
  ways.push_back({Name("textbook", "openssl"), [size](int) { return Textbook(size); }});
  return ways;
}

const bool registered = [] {
  for (const size_t size : kSizes) RegisterInTurn(Name("decrypt", std::to_string(size)), Ways(size));
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
