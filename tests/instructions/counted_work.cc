// SPDX-License-Identifier: Apache-2.0
//
// Messages without their cryptography, for counting the instructions of our own code: AES-GCM does nothing, and wrapping
// is a copy. The functions whose names begin with Counted are all that is counted.
//
// usage: counted_work OPERATION MESSAGES    (encrypt, decrypt or undecryptable)
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/crypto/aead.h"
#include "pulseal/message_crypto.h"
#include "tests/support/fake_key_wrapper.h"

namespace pulseal::crypto {
namespace {

class NullContext final : public AeadContext {
 public:
  AeadResult Seal(const char*, std::string_view, std::string_view, char*) override { return AeadResult::kOk; }
  AeadResult Open(const char*, std::string_view, std::string_view, char*) override { return AeadResult::kOk; }
};

class NullBackend final : public AeadBackend {
 public:
  absl::StatusOr<std::unique_ptr<AeadContext>> NewContext(std::string_view) const override {
    return std::make_unique<NullContext>();
  }
  CipherBackend kind() const override { return CipherBackend::kOpenSsl; }
};

}  // namespace

// In place of the library's.
absl::StatusOr<std::shared_ptr<const AeadBackend>> ChooseAead(CipherBackend, const OpenSslSource&) {
  return std::make_shared<NullBackend>();
}

}  // namespace pulseal::crypto

namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "counted_work: " << what << "\n";
  std::exit(1);
}

struct Work {
  std::unique_ptr<pulseal::MessageEncryptor> encryptor;
  std::unique_ptr<pulseal::MessageDecryptor> decryptor;
  std::string plaintext, out, fields, metadata, sealed, opened;
};

// A message behind what a client's metadata has before it; `has_key`: the consumer can open it.
Work NewWork(bool has_key) {
  Work work;
  const auto wrapper = std::make_shared<pulseal::testing::FakeKeyWrapper>();
  pulseal::EncryptorOptions to;
  to.key_names = {"orders"};
  to.key_wrapper = wrapper;
  to.background.mode = pulseal::Background::Mode::kMaintain;
  pulseal::DecryptorOptions from;
  if (has_key) from.key_wrapper = wrapper;
  from.background.mode = pulseal::Background::Mode::kMaintain;
  work.encryptor = std::move(pulseal::MessageEncryptor::Create(std::move(to))).value();
  work.decryptor = std::move(pulseal::MessageDecryptor::Create(std::move(from))).value();
  work.plaintext.assign(1024, 'p');
  work.opened.assign(1024, '\0');
  std::string fields;
  Require(work.encryptor->Encrypt(work.plaintext, &work.sealed, &fields).ok(), "Encrypt failed");
  pulseal::EncryptionContext context;
  context.producer_name = "a-producer";
  context.sequence_id = 7;
  context.publish_time = 1'700'000'000'000;
  work.metadata = context.Serialize() + fields;
  work.out.assign(work.sealed.size(), '\0');
  work.fields.assign(fields.size(), '\0');
  return work;
}

[[gnu::noinline]] void CountedEncrypt(Work& work, long messages) {
  for (long i = 0; i < messages; ++i) {
    const auto sealed = work.encryptor->Encrypt(work.plaintext, absl::MakeSpan(work.out), absl::MakeSpan(work.fields));
    Require(sealed.ok(), "Encrypt failed");
  }
}

[[gnu::noinline]] void CountedDecrypt(Work& work, long messages, pulseal::Decision::Action expected) {
  for (long i = 0; i < messages; ++i) {
    const auto decision = work.decryptor->Decrypt(work.metadata, work.sealed, absl::MakeSpan(work.opened));
    Require(decision.action == expected, "Decrypt decided otherwise");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view operation = argc == 3 ? argv[1] : "";
  Require(operation == "encrypt" || operation == "decrypt" || operation == "undecryptable", "which operation?");
  using Action = pulseal::Decision::Action;
  const Action expected = operation == "undecryptable" ? Action::kFail : Action::kDeliver;
  Work work = NewWork(expected == Action::kDeliver);
  // The cache is warm from here on.
  static_cast<void>(work.decryptor->Decrypt(work.metadata, work.sealed, absl::MakeSpan(work.opened)));
  const long messages = std::strtol(argv[2], nullptr, 10);
  operation == "encrypt" ? CountedEncrypt(work, messages) : CountedDecrypt(work, messages, expected);
}
