// SPDX-License-Identifier: Apache-2.0
//
// One message encrypted and decrypted, 64 bytes to 1 MiB, three ways in one process so that the ratios mean something:
//   Pulseal   MessageEncryptor and MessageDecryptor, metadata and data-key lookup included
//   Floor     AES-256-GCM alone: OpenSSL's cipher with the key set once and a nonce for each message
//   Textbook  as OpenSSL's examples do it: for each message a new context, a random nonce, a new std::string
#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "pulseal/key_pair.h"
#include "pulseal/message_crypto.h"

namespace {

constexpr size_t kKeySize = 32, kNonceSize = pulseal::kNonceSize, kTagSize = pulseal::kTagSize;

struct ContextFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextFree>;

unsigned char* Bytes(char* text) { return reinterpret_cast<unsigned char*>(text); }
const unsigned char* Bytes(const char* text) { return reinterpret_cast<const unsigned char*>(text); }

// `key` null: the context has one. `out` takes the ciphertext and the tag.
bool Seal(EVP_CIPHER_CTX* context, const char* key, const char* nonce, const std::string& plaintext, char* out) {
  int size = 0, last = 0;
  char* const tag = out + plaintext.size();
  return EVP_EncryptInit_ex(context, key != nullptr ? EVP_aes_256_gcm() : nullptr, nullptr,
                            key != nullptr ? Bytes(key) : nullptr, Bytes(nonce)) == 1 &&
         EVP_EncryptUpdate(context, Bytes(out), &size, Bytes(plaintext.data()), static_cast<int>(plaintext.size())) ==
             1 &&
         EVP_EncryptFinal_ex(context, Bytes(out) + size, &last) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) == 1;
}

bool Open(EVP_CIPHER_CTX* context, const char* key, const char* nonce, const std::string& sealed, char* out) {
  int size = 0, last = 0;
  const size_t plain_size = sealed.size() - kTagSize;
  char tag[kTagSize];
  sealed.copy(tag, kTagSize, plain_size);
  return EVP_DecryptInit_ex(context, key != nullptr ? EVP_aes_256_gcm() : nullptr, nullptr,
                            key != nullptr ? Bytes(key) : nullptr, Bytes(nonce)) == 1 &&
         EVP_DecryptUpdate(context, Bytes(out), &size, Bytes(sealed.data()), static_cast<int>(plain_size)) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag) == 1 &&
         EVP_DecryptFinal_ex(context, Bytes(out) + size, &last) == 1;
}

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  RAND_bytes(Bytes(bytes.data()), static_cast<int>(size));
  return bytes;
}

// A nonce that counts, as cheap as can be.
void Advance(char* nonce) {
  uint64_t counter = 0;
  std::memcpy(&counter, nonce, sizeof counter);
  ++counter;
  std::memcpy(nonce, &counter, sizeof counter);
}

void Count(benchmark::State& state) { state.SetBytesProcessed(state.iterations() * state.range(0)); }

std::shared_ptr<pulseal::CryptoKeyReader> Keys() {
  static const auto* const keys = new std::shared_ptr<pulseal::CryptoKeyReader>([] {
    absl::StatusOr<pulseal::KeyPair> pair = pulseal::GenerateKeyPair(pulseal::KeyType::kRsa2048);
    if (!pair.ok()) std::abort();
    std::map<std::string, pulseal::SecretBytes> private_pems;
    private_pems.emplace("bench", std::move(pair->private_pem));
    return pulseal::KeysInMemory({{"bench", pair->public_pem}}, std::move(private_pems));
  }());
  return *keys;
}

std::unique_ptr<pulseal::MessageEncryptor> NewEncryptor() {
  pulseal::EncryptorOptions options;
  options.key_names = {"bench"};
  options.key_reader = Keys();
  return std::move(pulseal::MessageEncryptor::Create(std::move(options))).value();
}

void PulsealEncrypt(benchmark::State& state) {
  const auto encryptor = NewEncryptor();
  const std::string plaintext = RandomBytes(static_cast<size_t>(state.range(0)));
  std::string out(plaintext.size() + pulseal::MessageEncryptor::kPayloadOverhead, '\0');
  std::string fields(4096, '\0');
  for (auto _ : state) {
    const auto sealed = encryptor->Encrypt(plaintext, absl::MakeSpan(out), absl::MakeSpan(fields));
    if (!sealed.ok()) return state.SkipWithError("Encrypt failed");
    benchmark::DoNotOptimize(sealed->payload.data());
  }
  Count(state);
}

void PulsealDecrypt(benchmark::State& state) {
  pulseal::DecryptorOptions options;
  options.key_reader = Keys();
  const auto decryptor = std::move(pulseal::MessageDecryptor::Create(std::move(options))).value();
  const std::string plaintext = RandomBytes(static_cast<size_t>(state.range(0)));
  std::string payload, metadata;
  if (!NewEncryptor()->Encrypt(plaintext, &payload, &metadata).ok()) return state.SkipWithError("Encrypt failed");
  std::string out(plaintext.size(), '\0');
  for (auto _ : state) {
    const auto decision = decryptor->Decrypt(metadata, payload, absl::MakeSpan(out));
    if (decision.action != pulseal::Decision::Action::kDeliver) return state.SkipWithError("Decrypt failed");
    benchmark::DoNotOptimize(decision.payload.data());
  }
  Count(state);
}

void FloorEncrypt(benchmark::State& state) {
  const std::string key = RandomBytes(kKeySize);
  std::string nonce(kNonceSize, '\0');
  const std::string plaintext = RandomBytes(static_cast<size_t>(state.range(0)));
  std::string out(plaintext.size() + kTagSize, '\0');
  const Context context(EVP_CIPHER_CTX_new());
  if (!Seal(context.get(), key.data(), nonce.data(), plaintext, out.data())) return state.SkipWithError("no cipher");
  for (auto _ : state) {
    Advance(nonce.data());
    if (!Seal(context.get(), nullptr, nonce.data(), plaintext, out.data())) return state.SkipWithError("seal");
    benchmark::DoNotOptimize(out.data());
  }
  Count(state);
}

void FloorDecrypt(benchmark::State& state) {
  const std::string key = RandomBytes(kKeySize), nonce = RandomBytes(kNonceSize);
  const std::string plaintext = RandomBytes(static_cast<size_t>(state.range(0)));
  std::string sealed(plaintext.size() + kTagSize, '\0'), out(plaintext.size(), '\0');
  const Context sealer(EVP_CIPHER_CTX_new()), context(EVP_CIPHER_CTX_new());
  if (!Seal(sealer.get(), key.data(), nonce.data(), plaintext, sealed.data()) ||
      !Open(context.get(), key.data(), nonce.data(), sealed, out.data())) {
    return state.SkipWithError("no cipher");
  }
  for (auto _ : state) {
    if (!Open(context.get(), nullptr, nonce.data(), sealed, out.data())) return state.SkipWithError("open");
    benchmark::DoNotOptimize(out.data());
  }
  Count(state);
}

void TextbookEncrypt(benchmark::State& state) {
  const std::string key = RandomBytes(kKeySize);
  const std::string plaintext = RandomBytes(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    const Context context(EVP_CIPHER_CTX_new());
    const std::string nonce = RandomBytes(kNonceSize);
    std::string out(plaintext.size() + kTagSize, '\0');
    if (!Seal(context.get(), key.data(), nonce.data(), plaintext, out.data())) return state.SkipWithError("seal");
    benchmark::DoNotOptimize(out.data());
  }
  Count(state);
}

void TextbookDecrypt(benchmark::State& state) {
  const std::string key = RandomBytes(kKeySize), nonce = RandomBytes(kNonceSize);
  const std::string plaintext = RandomBytes(static_cast<size_t>(state.range(0)));
  std::string sealed(plaintext.size() + kTagSize, '\0');
  const Context sealer(EVP_CIPHER_CTX_new());
  if (!Seal(sealer.get(), key.data(), nonce.data(), plaintext, sealed.data())) return state.SkipWithError("no cipher");
  for (auto _ : state) {
    const Context context(EVP_CIPHER_CTX_new());
    std::string out(plaintext.size(), '\0');
    if (!Open(context.get(), key.data(), nonce.data(), sealed, out.data())) return state.SkipWithError("open");
    benchmark::DoNotOptimize(out.data());
  }
  Count(state);
}

void Sizes(benchmark::internal::Benchmark* benchmark) { benchmark->RangeMultiplier(4)->Range(64, 1 << 20); }

BENCHMARK(PulsealEncrypt)->Apply(Sizes);
BENCHMARK(FloorEncrypt)->Apply(Sizes);
BENCHMARK(TextbookEncrypt)->Apply(Sizes);
BENCHMARK(PulsealDecrypt)->Apply(Sizes);
BENCHMARK(FloorDecrypt)->Apply(Sizes);
BENCHMARK(TextbookDecrypt)->Apply(Sizes);

}  // namespace

BENCHMARK_MAIN();
