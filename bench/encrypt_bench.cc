// SPDX-License-Identifier: Apache-2.0
//
// One message encrypted, 64 bytes to 5 MiB, its fields for one RSA recipient included.
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
  return TurnOf([encryptor = std::shared_ptr<MessageEncryptor>(NewEncryptor<Backend>()), &buffers = BuffersFor(size)] {
    return Encrypts(*encryptor, buffers);
  });
}

Turn Textbook(size_t size) {
  return TurnOf([client = std::make_shared<TextbookClient>(OneRecipient(), OneName()), &buffers = BuffersFor(size)] {
    std::string sealed, fields;
    return client->Encrypt(buffers.plaintext, &sealed, &fields);
  });
}

std::vector<Way> Ways(size_t size) {
  std::vector<Way> ways;
  ForEachBackend([size, &ways](auto backend) {
    using Backend = decltype(backend);
    ways.push_back({Name("pulseal", Backend::kName), [size](int) { return Pulseal<Backend>(size); }});
    ways.push_back({Name("floor", Backend::kName), [size](int) { return TurnOf(FloorSealing<Backend>(size)); }});
  });
  ways.push_back({Name("textbook", "openssl"), [size](int) { return Textbook(size); }});
  return ways;
}

const bool registered = [] {
  for (const size_t size : kSizes) RegisterInTurn(Name("encrypt", std::to_string(size)), Ways(size));
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
