// SPDX-License-Identifier: Apache-2.0
//
// The first message under a data key that a consumer doesn't know yet, for each type of key pair: 1 KiB, unwrapping
// included.
//   pulseal         a consumer that has used the private key before: a producer rotated, or a new producer came
//   pulseal-first   a new consumer: it reads and parses the private key too
//   floor           the private-key operation alone, with a parsed key: RSAES-OAEP, or ECDH
//   textbook        parses the private key for each data key (RSA only, as the C++ and Go clients)
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/textbook.h"
#include "bench/workload.h"

namespace pulseal::bench {
namespace {

constexpr size_t kSize = 1024;

std::shared_ptr<CryptoKeyReader> ReaderOf(const NamedKeyType& type) {
  const KeyPair& pair = KeyPairOf(type.type);
  std::multimap<std::string, SecretBytes> private_pems;
  private_pems.emplace(type.name, SecretBytes::CopyOf(pair.private_pem.view()));
  return KeysInMemory({{type.name, pair.public_pem}}, std::move(private_pems));
}

template <typename Backend>
SealedMessage MessageFor(const NamedKeyType& type) {
  return Seal(*NewEncryptor<Backend>(ReaderOf(type), {type.name}), BuffersFor(kSize).plaintext);
}

bool Delivers(MessageDecryptor& decryptor, const SealedMessage& message) {
  return bench::Delivers(decryptor, message.metadata, message.payload, BuffersFor(kSize));
}

template <typename Backend>
void Pulseal(benchmark::State& state, const NamedKeyType& type) {
  const auto decryptor = NewDecryptor<Backend>(ReaderOf(type));
  const SealedMessage message = MessageFor<Backend>(type);
  Repeat(state, [&] {
    decryptor->Forget();
    return Delivers(*decryptor, message);
  });
}

template <typename Backend>
void PulsealFirst(benchmark::State& state, const NamedKeyType& type) {
  const std::shared_ptr<CryptoKeyReader> reader = ReaderOf(type);
  const SealedMessage message = MessageFor<Backend>(type);
  Repeat(state, [&] { return Delivers(*NewDecryptor<Backend>(reader), message); });
}

void Textbook(benchmark::State& state, const NamedKeyType& type) {
  TextbookClient client(ReaderOf(type));
  const SealedMessage message = MessageFor<OpenSslBackend>(type);
  Repeat(state, [&] {
    client.Forget();
    std::string opened;
    return client.Decrypt(message.metadata, message.payload, &opened);
  });
}

using Key = std::shared_ptr<EVP_PKEY>;

Key PrivateKeyOf(const NamedKeyType& type) {
  const std::string_view pem = KeyPairOf(type.type).private_pem.view();
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Key key(PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr), EVP_PKEY_free);
  BIO_free_all(bio);
  return key;
}

using KeyContext = std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)>;

void RsaFloor(benchmark::State& state, const NamedKeyType& type) {
  const Key key = PrivateKeyOf(type);
  const std::string wrapped = ParseEncryptionContext(MessageFor<OpenSslBackend>(type).metadata)->keys[0].bytes;
  const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr), EVP_PKEY_CTX_free);
  if (EVP_PKEY_decrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1) {
    return state.SkipWithError("no RSAES-OAEP");
  }
  std::vector<unsigned char> data_key(wrapped.size());
  Repeat(state, [&] {
    size_t size = data_key.size();
    return EVP_PKEY_decrypt(context.get(), data_key.data(), &size,
                            reinterpret_cast<const unsigned char*>(wrapped.data()), wrapped.size()) == 1;
  });
}

// The other side's key is the same one: what it is makes no difference.
void EcFloor(benchmark::State& state, const NamedKeyType& type) {
  const Key key = PrivateKeyOf(type);
  const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr), EVP_PKEY_CTX_free);
  if (EVP_PKEY_derive_init(context.get()) != 1 || EVP_PKEY_derive_set_peer(context.get(), key.get()) != 1) {
    return state.SkipWithError("no ECDH");
  }
  unsigned char secret[128];
  Repeat(state, [&] {
    size_t size = sizeof secret;
    return EVP_PKEY_derive(context.get(), secret, &size) == 1;
  });
}

const bool registered = [] {
  for (const NamedKeyType& type : kKeyTypes) {
    ForEachBackend([&type](auto backend) {
      using Backend = decltype(backend);
      Register(Name("cold-consumer", "pulseal", Backend::kName, type.name),
               [&type](auto& s) { Pulseal<Backend>(s, type); });
      Register(Name("cold-consumer", "pulseal-first", Backend::kName, type.name),
               [&type](auto& s) { PulsealFirst<Backend>(s, type); });
    });
    const bool is_rsa = std::string_view(type.name).substr(0, 3) == "rsa";
    Register(Name("cold-consumer", "floor", "openssl", type.name),
             [&type, is_rsa](auto& s) { is_rsa ? RsaFloor(s, type) : EcFloor(s, type); });
    if (is_rsa) {
      Register(Name("cold-consumer", "textbook", "openssl", type.name), [&type](auto& s) { Textbook(s, type); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace pulseal::bench

BENCHMARK_MAIN();
