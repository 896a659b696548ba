// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "pulseal/framing/entry.h"
#include "pulseal/framing/message_metadata.h"
#include "pulseal/message_crypto.h"

int main() {
  // The producer needs public keys: keys/demo-alice.public.pem and keys/demo-bob.public.pem.
  pulseal::EncryptorOptions producer;
  producer.key_names = {"demo-alice", "demo-bob"};
  producer.key_reader = pulseal::KeyDirectory("keys");
  const auto encryptor = pulseal::MessageEncryptor::Create(producer);
  if (!encryptor.ok()) return std::cerr << encryptor.status().message() << "\n", 1;

  const std::string text = "Hello, whoever holds one of the private keys!";
  std::string payload, fields, entry;
  const auto sealed = (*encryptor)->Encrypt(text, &payload, &fields);
  if (!sealed.ok()) return std::cerr << sealed.status().message() << "\n", 1;

  // What a Pulsar client sends and a broker stores: metadata, with the wrapped keys behind it, and the payload.
  pulseal::framing::MessageMetadata metadata;
  metadata.producer_name = "hello";
  metadata.uncompressed_size = static_cast<uint32_t>(text.size());
  const auto stored = pulseal::framing::AppendEntry(metadata.Serialize(), sealed->fields, sealed->payload, &entry);
  if (!stored.ok()) return std::cerr << stored.message() << "\n", 1;

  // The consumer needs one of the private keys: keys/demo-alice.private.pem, say.
  pulseal::DecryptorOptions consumer;
  consumer.key_reader = pulseal::KeyDirectory("keys");
  const auto decryptor = pulseal::MessageDecryptor::Create(consumer);
  const auto received = pulseal::framing::ParseEntry(entry);
  if (!decryptor.ok() || !received.ok()) return std::cerr << "this entry is damaged\n", 1;

  std::string plaintext;
  const auto decision = (*decryptor)->Decrypt(received->metadata, received->payload, &plaintext);
  if (decision.action != pulseal::Decision::Action::kDeliver) return std::cerr << decision.status.message() << "\n", 1;
  std::cout << decision.key_name << " reads: " << decision.payload << "\n";
}
