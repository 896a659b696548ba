// SPDX-License-Identifier: Apache-2.0
//
// What the threads of the soak share.
#ifndef PULSEAL_TESTS_SOAK_SHARED_H_
#define PULSEAL_TESTS_SOAK_SHARED_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "pulseal/key_readers.h"
#include "pulseal/message_crypto.h"
#include "tests/soak/checks.h"
#include "tests/support/temp_folder.h"

namespace pulseal::soak {

inline constexpr size_t kMaxEntrySize = 8192;         // longer messages travel in chunks
inline constexpr size_t kMaxMessageSize = 64 * 1024;  // of chunks, together

// One AEAD's encryptor and decryptor, each used by several threads, and what the threads counted themselves.
struct Backend {
  std::unique_ptr<MessageEncryptor> encryptor;
  std::unique_ptr<MessageDecryptor> decryptor;
  std::atomic<uint64_t> entries{0};              // handed over by producers
  std::atomic<uint64_t> decided{0}, pending{0};  // answers of the decryptor, and those that were none yet
};

struct Shared {
  testing::TempFolder folder;  // of keys
  std::shared_ptr<CryptoKeyReader> keys = KeyDirectory(folder.path());
  std::shared_ptr<CryptoKeyReader> flaky_keys;  // the same, now and then unavailable
  Violations violations;
  NonceCheck nonces;
  std::atomic<uint64_t> delivered{0}, redelivered{0}, refused{0};  // messages, entries, Send's answers "not now"
};

}  // namespace pulseal::soak

#endif  // PULSEAL_TESTS_SOAK_SHARED_H_
