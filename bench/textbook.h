// SPDX-License-Identifier: Apache-2.0
//
// The textbook way: what Pulsar's C++ client does for each message, written anew and compiled with our flags. For each
// message a random nonce, a new cipher context, the key set again, a metadata object (Protocol Buffers, as there), a
// zero-filled output; on the consumer's side the MD5 of each wrapped key, looked up in a map. One lock around it all.
#ifndef PULSEAL_BENCH_TEXTBOOK_H_
#define PULSEAL_BENCH_TEXTBOOK_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "pulseal/crypto_key_reader.h"

namespace pulseal::bench {

// Thread-safe. RSA only, like the C++ and Go clients.
class TextbookClient {
 public:
  // A producer, with a data key wrapped for each name.
  TextbookClient(std::shared_ptr<CryptoKeyReader> reader, std::vector<std::string> key_names);
  // A consumer.
  explicit TextbookClient(std::shared_ptr<CryptoKeyReader> reader) : reader_(std::move(reader)) {}

  // A new data key; the calling thread reads the keys and wraps, and all others wait. False where that fails.
  bool Rotate();

  // `fields` takes the wrapped keys and the nonce, serialised.
  bool Encrypt(std::string_view payload, std::string* out, std::string* fields);
  bool Decrypt(std::string_view metadata, std::string_view payload, std::string* out);

  // Puts the data key of `metadata` into the cache, as if it had been unwrapped.
  void Learn(std::string_view metadata, std::string data_key);
  void Forget();
  std::string data_key() const { return data_key_; }

 private:
  bool Unwrap(const std::string& key_name, const std::string& wrapped, std::string* data_key);

  const std::shared_ptr<CryptoKeyReader> reader_;
  const std::vector<std::string> key_names_;
  std::mutex mutex_;
  std::string data_key_;
  std::map<std::string, std::string> wrapped_keys_;  // by key name
  std::map<std::string, std::string> data_keys_;     // by MD5 of the wrapped key
};

}  // namespace pulseal::bench

#endif  // PULSEAL_BENCH_TEXTBOOK_H_
