// SPDX-License-Identifier: Apache-2.0
//
// One thread, and two at the same moment, on one object that they share and on objects of their own: half the time for a
// message with two is perfect scaling.
#include <memory>
#include <string>
#include <vector>

#include "bench/in_turn.h"
#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSizes[] = {64, 256, 1024, 65536};

Turn Encrypting(std::shared_ptr<MessageEncryptor> encryptor, size_t size, int thread) {
  return TurnOf([encryptor = std::move(encryptor), &buffers = BuffersFor(size, thread)] {
    return Encrypts(*encryptor, buffers);
  });
}

Turn Decrypting(std::shared_ptr<MessageDecryptor> decryptor, std::shared_ptr<const SealedMessage> message, size_t size,
                int thread) {
  // Each thread its own copy, as it comes from its own connection.
  return TurnOf([decryptor = std::move(decryptor), message = *message, &buffers = BuffersFor(size, thread)] {
    return Delivers(*decryptor, message.metadata, message.payload, buffers);
  });
}

// One client, shared, as the threads of a producer share theirs.
Turn TextbookEncrypting(std::shared_ptr<TextbookClient> client, size_t size, int thread) {
  return TurnOf([client = std::move(client), &buffers = BuffersFor(size, thread)] {
    std::string sealed, fields;
    return client->Encrypt(buffers.plaintext, &sealed, &fields);
  });
}

Turn TextbookDecrypting(std::shared_ptr<TextbookClient> client, std::shared_ptr<const SealedMessage> message) {
  return TurnOf([client = std::move(client), message = *message] {
    std::string opened;
    return client->Decrypt(message.metadata, message.payload, &opened);
  });
}

std::vector<Way> WaysToEncrypt(size_t size) {
  std::vector<Way> ways;
  ForEachBackend([size, &ways](auto backend) {
    using Backend = decltype(backend);
    const std::shared_ptr<MessageEncryptor> shared = NewEncryptor<Backend>();
    ways.push_back(
        {Name("pulseal-shared", Backend::kName), [=](int thread) { return Encrypting(shared, size, thread); }});
    ways.push_back({Name("pulseal-own", Backend::kName),
                    [=](int thread) { return Encrypting(NewEncryptor<Backend>(), size, thread); }});
    ways.push_back(
        {Name("floor", Backend::kName), [=](int thread) { return TurnOf(FloorSealing<Backend>(size, thread)); }});
  });
  const auto client = std::make_shared<TextbookClient>(OneRecipient(), OneName());
  ways.push_back({Name("textbook", "openssl"), [=](int thread) { return TextbookEncrypting(client, size, thread); }});
  return ways;
}

std::vector<Way> WaysToDecrypt(size_t size) {
  std::vector<Way> ways;
  const auto message = std::make_shared<SealedMessage>(Seal(*NewEncryptor<OpenSslBackend>(), Text(size)));
  ForEachBackend([&](auto backend) {
    using Backend = decltype(backend);
    const std::shared_ptr<MessageDecryptor> shared = NewDecryptor<Backend>();
    ways.push_back({Name("pulseal-shared", Backend::kName),
                    [=](int thread) { return Decrypting(shared, message, size, thread); }});
    ways.push_back({Name("pulseal-own", Backend::kName),
                    [=](int thread) { return Decrypting(NewDecryptor<Backend>(), message, size, thread); }});
    ways.push_back(
        {Name("floor", Backend::kName), [=](int thread) { return TurnOf(FloorOpening<Backend>(size, thread)); }});
  });
  const auto client = std::make_shared<TextbookClient>(OneRecipient());
  ways.push_back({Name("textbook", "openssl"), [=](int) { return TextbookDecrypting(client, message); }});
  return ways;
}

const bool registered = [] {
  for (const size_t size : kSizes) {
    RegisterInTurn(Name("threads-encrypt", std::to_string(size)), WaysToEncrypt(size))->Threads(2);
    RegisterInTurn(Name("threads-decrypt", std::to_string(size)), WaysToDecrypt(size))->Threads(2);
  }
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
