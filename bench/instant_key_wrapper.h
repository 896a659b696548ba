// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_BENCH_INSTANT_KEY_WRAPPER_H_
#define PULSEAL_BENCH_INSTANT_KEY_WRAPPER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "pulseal/key_wrapper.h"

namespace pulseal::bench {

// Wraps by padding the data key to the size of an RSA-2048 wrapped key, so that ten thousand data keys are made and
// unwrapped in a moment. Security: protects nothing.
class InstantKeyWrapper final : public KeyWrapper {
 public:
  void Wrap(std::string key_name, std::shared_ptr<const SecretBytes> data_key,
            std::function<void(absl::StatusOr<WrappedKey>)> done) override {
    std::string bytes(data_key->view());
    bytes.resize(kWrappedSize, 'x');
    done(WrappedKey{std::move(key_name), std::move(bytes), {}});
  }

  void Unwrap(WrappedKey wrapped, int /*max_operations*/,
              std::function<void(absl::StatusOr<Unwrapped>)> done) override {
    Unwrapped unwrapped;
    unwrapped.data_key = SecretBytes::CopyOf(std::string_view(wrapped.bytes).substr(0, kDataKeySize));
    done(std::move(unwrapped));
  }

 private:
  static constexpr size_t kDataKeySize = 32, kWrappedSize = 256;
};

}  // namespace pulseal::bench

#endif  // PULSEAL_BENCH_INSTANT_KEY_WRAPPER_H_
