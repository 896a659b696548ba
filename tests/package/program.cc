// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "pulseal/message_crypto.h"
#include "pulseal/version.h"

int main() {
  pulseal::EncryptorOptions options;
  options.key_names = {"orders"};
  options.key_reader = pulseal::KeyDirectory("no such folder");
  const auto key = options.key_reader->GetPublicKey("orders");
  std::cout << pulseal::Version() << " " << pulseal::ReasonName(pulseal::ReasonOf(key.status())) << "\n";
}
