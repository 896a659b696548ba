// SPDX-License-Identifier: Apache-2.0
//
// Messages that a consumer can't decrypt, 1 KiB, under kDiscard.
//   known         the same wrapped key as before: the failure is remembered
//   unknown-name  a wrapped key never seen, for somebody whose private key isn't here
//   unknown-key   a wrapped key never seen, for us, that doesn't open: costs a private-key operation
//   flood         a wrapped key never seen, where unwraps_per_second is used up: not now
//   flood-and-one the same, and an honest message whose data key is cached behind each
// Textbook: asks the key reader, and unwraps, each time. There is no floor: nothing is decrypted.
#include <cstring>
#include <memory>
#include <string>

#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSize = 1024;

// A message whose wrapped key can be changed to one that was never seen, without a change of its length.
class Stranger {
 public:
  explicit Stranger(const std::string& key_name)
      : message_(
            Seal(*NewEncryptor<OpenSslBackend>(RsaReader({key_name}, {}), {key_name}), BuffersFor(kSize).plaintext)) {
    const std::string wrapped = ParseEncryptionContext(message_.metadata)->keys[0].bytes;
    changing_ = message_.metadata.find(wrapped) + wrapped.size() - sizeof number_;
    Change();
  }

  void Change() {
    ++number_;
    std::memcpy(&message_.metadata[changing_], &number_, sizeof number_);
  }

  const SealedMessage& message() const { return message_; }

 private:
  SealedMessage message_;
  size_t changing_ = 0;
  uint64_t number_ = 0;
};

template <typename Backend>
void Pulseal(benchmark::State& state, const char* key_name, bool always_new) {
  DecryptorOptions options;
  options.key_reader = OneRecipient();
  options.failure_action = ConsumerCryptoFailureAction::kDiscard;
  const auto decryptor = NewDecryptor<Backend>(std::move(options));
  Stranger stranger(key_name);
  Buffers& buffers = BuffersFor(kSize);
  Repeat(state, [&] {
    if (always_new) stranger.Change();
    const Decision decision =
        decryptor->Decrypt(stranger.message().metadata, stranger.message().payload, buffers.opened_span());
    return decision.action == Decision::Action::kDiscard;
  });
}

// One unwrap a second, which the honest message has taken: hardly one of the flood gets the next.
template <typename Backend>
void Flood(benchmark::State& state, bool with_an_honest_one) {
  DecryptorOptions options;
  options.key_reader = OneRecipient();
  options.failure_action = ConsumerCryptoFailureAction::kDiscard;
  options.unwraps_per_second = 1;
  options.cipher_backend = Backend::kChoice;
  const auto decryptor = MessageDecryptor::Create(std::move(options));
  if (!decryptor.ok()) return state.SkipWithError("no decryptor");
  Stranger stranger("rsa-2048");
  Buffers& buffers = BuffersFor(kSize);
  const SealedMessage honest = Seal(*NewEncryptor<Backend>(), buffers.plaintext);
  if (!Delivers(**decryptor, honest.metadata, honest.payload, buffers)) return state.SkipWithError("not delivered");
  Repeat(state, [&] {
    stranger.Change();
    const SealedMessage& message = stranger.message();
    return !Delivers(**decryptor, message.metadata, message.payload, buffers) &&
           (!with_an_honest_one || Delivers(**decryptor, honest.metadata, honest.payload, buffers));
  });
}

void Textbook(benchmark::State& state, const char* key_name, bool always_new) {
  TextbookClient client(OneRecipient());
  Stranger stranger(key_name);
  Repeat(state, [&] {
    if (always_new) stranger.Change();
    std::string opened;
    return !client.Decrypt(stranger.message().metadata, stranger.message().payload, &opened);
  });
}

struct Case {
  const char *parameter, *key_name;
  bool always_new;
};
constexpr Case kCases[] = {
    {"known", "rsa-2048", false}, {"unknown-name", "somebody", true}, {"unknown-key", "rsa-2048", true}};

const bool registered = [] {
  for (const Case& one : kCases) {
    ForEachBackend([&one](auto backend) {
      using Backend = decltype(backend);
      Register(Name("undecryptable", "pulseal", Backend::kName, one.parameter),
               [&one](auto& s) { Pulseal<Backend>(s, one.key_name, one.always_new); });
    });
    Register(Name("undecryptable", "textbook", "openssl", one.parameter),
             [&one](auto& s) { Textbook(s, one.key_name, one.always_new); });
  }
  ForEachBackend([](auto backend) {
    using Backend = decltype(backend);
    Register(Name("undecryptable", "pulseal", Backend::kName, "flood"), [](auto& s) { Flood<Backend>(s, false); });
    Register(Name("undecryptable", "pulseal", Backend::kName, "flood-and-one"),
             [](auto& s) { Flood<Backend>(s, true); });
  });
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
