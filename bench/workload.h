// SPDX-License-Identifier: Apache-2.0
//
// What the benchmarks have in common: keys, objects, messages and names.
//
// A result is called CASE/WAY/BACKEND/PARAMETER, "encrypt/pulseal/openssl/1024": the ways of one case do the same work on
// the same buffers, so that report.py can divide them by one another. It is a benchmark of that name, or a way of one
// whose ways are measured in turn (bench/in_turn.h).
#ifndef PULSEAL_BENCH_WORKLOAD_H_
#define PULSEAL_BENCH_WORKLOAD_H_

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/backend.h"
#include "pulseal/key_pair.h"
#include "pulseal/message_crypto.h"

namespace pulseal::bench {

inline constexpr size_t kMaxFieldsSize = 16 * 1024;  // 32 recipients' fit

// Each is its own recipient's name.
struct NamedKeyType {
  const char* name;
  KeyType type;
};
inline constexpr NamedKeyType kKeyTypes[] = {{"rsa-2048", KeyType::kRsa2048}, {"rsa-3072", KeyType::kRsa3072},
                                             {"rsa-4096", KeyType::kRsa4096}, {"p-256", KeyType::kP256},
                                             {"p-384", KeyType::kP384},       {"p-521", KeyType::kP521}};

// One key pair of each type, made when first asked for and kept.
const KeyPair& KeyPairOf(KeyType type);

// Names that all have the RSA-2048 pair's public key, with its private key for those in `private_names`.
std::shared_ptr<CryptoKeyReader> RsaReader(const std::vector<std::string>& public_names,
                                           const std::vector<std::string>& private_names);
// One recipient, "rsa-2048", both halves.
std::shared_ptr<CryptoKeyReader> OneRecipient();
std::vector<std::string> OneName();

template <typename Backend>
std::unique_ptr<MessageEncryptor> NewEncryptor(std::shared_ptr<CryptoKeyReader> reader = OneRecipient(),
                                               std::vector<std::string> names = OneName()) {
  EncryptorOptions options;
  options.key_names = std::move(names);
  options.key_reader = std::move(reader);
  options.cipher_backend = Backend::kChoice;
  auto encryptor = MessageEncryptor::Create(std::move(options));
  if (!encryptor.ok()) std::abort();
  return *std::move(encryptor);
}

template <typename Backend>
std::unique_ptr<MessageDecryptor> NewDecryptor(DecryptorOptions options) {
  options.unwraps_per_second = std::numeric_limits<int>::max();
  options.cipher_backend = Backend::kChoice;
  auto decryptor = MessageDecryptor::Create(std::move(options));
  if (!decryptor.ok()) std::abort();
  return *std::move(decryptor);
}

template <typename Backend>
std::unique_ptr<MessageDecryptor> NewDecryptor(std::shared_ptr<CryptoKeyReader> reader = OneRecipient()) {
  DecryptorOptions options;
  options.key_reader = std::move(reader);
  return NewDecryptor<Backend>(std::move(options));
}

// Lines of JSON as services write them: text that compresses about as well as text does. The same in every run.
std::string Text(size_t size);

// What all ways of one case read and write, so that none has the better memory: made once for each size and thread, and
// kept.
struct Buffers {
  std::string plaintext, sealed, opened, fields;

  absl::Span<char> sealed_span() { return absl::MakeSpan(sealed); }
  absl::Span<char> opened_span() { return absl::MakeSpan(opened); }
  absl::Span<char> fields_span() { return absl::MakeSpan(fields); }
};
Buffers& BuffersFor(size_t size, int thread = 0);

// A message as it comes from a broker: `metadata` is a client's, with the encryption fields behind it.
struct SealedMessage {
  std::string metadata, payload;
};
std::string ClientMetadata(size_t payload_size);
SealedMessage Seal(MessageEncryptor& encryptor, std::string_view plaintext);

// Runs `message`, which says whether it worked, once to warm up and then as often as `state` wants.
template <typename Message>
void Repeat(benchmark::State& state, Message message) {
  if (!message()) return state.SkipWithError("a message failed");
  for (auto _ : state) {
    if (!message()) return state.SkipWithError("a message failed");
    benchmark::ClobberMemory();
  }
}

// A message in the buffers, as Pulseal and as the floor encrypt and decrypt it.
inline bool Encrypts(MessageEncryptor& encryptor, Buffers& buffers) {
  return encryptor.Encrypt(buffers.plaintext, buffers.sealed_span(), buffers.fields_span()).ok();
}
inline bool Delivers(MessageDecryptor& decryptor, std::string_view metadata, std::string_view payload,
                     Buffers& buffers) {
  const Decision decision = decryptor.Decrypt(metadata, payload, buffers.opened_span());
  return decision.action == Decision::Action::kDeliver;
}

template <typename Backend>
auto FloorSealing(size_t size, int thread = 0) {
  return [floor = std::make_shared<typename Backend::Floor>(), &buffers = BuffersFor(size, thread),
          nonce = uint64_t{0}]() mutable { return floor->Seal(++nonce, buffers.plaintext, buffers.sealed.data()); };
}

template <typename Backend>
auto FloorOpening(size_t size, int thread = 0) {
  const auto floor = std::make_shared<typename Backend::Floor>();
  Buffers& buffers = BuffersFor(size, thread);
  const auto sealed = std::make_shared<std::string>(size + kTagSize, '\0');
  if (!floor->Seal(1, buffers.plaintext, sealed->data())) std::abort();
  return [floor, sealed, &buffers] { return floor->Open(1, *sealed, buffers.opened.data()); };
}

// "CASE/WAY/BACKEND/PARAMETER", or as much of it as is given.
std::string Name(std::string_view first, std::string_view second, std::string_view third = {},
                 std::string_view fourth = {});

template <typename Run>
benchmark::internal::Benchmark* Register(const std::string& name, Run run) {
  return benchmark::RegisterBenchmark(name.c_str(), std::move(run));
}

}  // namespace pulseal::bench

#endif  // PULSEAL_BENCH_WORKLOAD_H_
