// SPDX-License-Identifier: Apache-2.0
//
// What a messaging client adds: six lines for the producer, six for the consumer. README.md shows the marked parts.
#include <functional>
#include <iostream>
#include <utility>

#include "pulseal/message_crypto.h"

namespace {

using Send = std::function<void(std::string_view metadata, std::string_view payload)>;

bool Produce(std::string metadata, const std::string& message, const Send& send) {
  // [producer]
  pulseal::EncryptorOptions options;
  options.key_names = {"demo-alice", "demo-bob"};      // whoever holds one of the private keys can read
  options.key_reader = pulseal::KeyDirectory("keys");  // keys/demo-alice.public.pem, keys/demo-bob.public.pem
  auto encryptor = pulseal::MessageEncryptor::Create(std::move(options));  // once; an error names the key
  if (!encryptor.ok()) return false;

  std::string payload, fields;  // per message; there are forms for buffers of your own
  auto sealed = (*encryptor)->Encrypt(message, &payload, &fields);
  if (!sealed.ok()) return false;
  send(metadata.append(sealed->fields), sealed->payload);  // behind your own serialised MessageMetadata
  // [end]
  return true;
}

bool Consume(const std::string& metadata, const std::string& payload) {
  const auto deliver = [](std::string_view message) { std::cout << message << "\n"; };
  // [consumer]
  pulseal::DecryptorOptions options;
  options.key_reader = pulseal::KeyDirectory("keys");                      // whichever private key in it fits
  auto decryptor = pulseal::MessageDecryptor::Create(std::move(options));  // once
  if (!decryptor.ok()) return false;

  std::string plaintext;  // per message
  auto decision = (*decryptor)->Decrypt(metadata, payload, &plaintext);
  switch (decision.action) {
    case pulseal::Decision::Action::kDeliver: deliver(decision.payload); return true;
    case pulseal::Decision::Action::kDeliverEncrypted:  // ciphertext; ParseEncryptionContext(metadata) for later
    case pulseal::Decision::Action::kDiscard:           // acknowledge, give back decision.num_messages permits
    case pulseal::Decision::Action::kFail:              // don't acknowledge; decision.status says why and what to do
    case pulseal::Decision::Action::kPending: return false;  // only from TryDecrypt, for threads that may not block
  }
  // [end]
  return false;
}

}  // namespace

int main() {
  bool consumed = false;
  const bool produced =
      Produce("", "from a client's own buffers", [&](std::string_view metadata, std::string_view payload) {
        consumed = Consume(std::string(metadata), std::string(payload));
      });
  return produced && consumed ? 0 : 1;
}
