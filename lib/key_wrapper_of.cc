// SPDX-License-Identifier: Apache-2.0
#include "lib/key_wrapper_of.h"

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace pulseal {
namespace {

class NoKeys final : public KeyWrapper {
 public:
  void Wrap(std::string, std::shared_ptr<const SecretBytes>,
            std::function<void(absl::StatusOr<WrappedKey>)> done) override {
    done(NotFound());
  }
  void Unwrap(WrappedKey, int, std::function<void(absl::StatusOr<Unwrapped>)> done) override { done(NotFound()); }

 private:
  static absl::Status NotFound() {
    return absl::NotFoundError("the decryptor has no keys; set key_reader or key_wrapper in its options");
  }
};

template <typename Options>
std::shared_ptr<KeyWrapper> Given(const Options& options) {
  if (options.key_wrapper != nullptr) return options.key_wrapper;
  LocalKeyPolicy policy;
  policy.openssl = options.openssl;
  return LocalKeyWrapper(options.key_reader, std::move(policy));
}

}  // namespace

std::shared_ptr<KeyWrapper> KeyWrapperOf(const EncryptorOptions& options) { return Given(options); }

std::shared_ptr<KeyWrapper> KeyWrapperOf(const DecryptorOptions& options) {
  const bool has_keys = options.key_wrapper != nullptr || options.key_reader != nullptr;
  return has_keys ? Given(options) : std::make_shared<NoKeys>();
}

}  // namespace pulseal
