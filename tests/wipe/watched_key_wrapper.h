// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_WIPE_WATCHED_KEY_WRAPPER_H_
#define PULSEAL_TESTS_WIPE_WATCHED_KEY_WRAPPER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "pulseal/key_wrapper.h"
#include "tests/wipe/leftover_search.h"

namespace pulseal::testing {

// Another wrapper, and makes `search` look for every data key that goes through it.
class WatchedKeyWrapper final : public KeyWrapper {
 public:
  WatchedKeyWrapper(LeftoverSearch& search, std::shared_ptr<KeyWrapper> wrapper)
      : search_(search), wrapper_(std::move(wrapper)) {}

  void Wrap(std::string key_name, std::shared_ptr<const SecretBytes> data_key,
            std::function<void(absl::StatusOr<WrappedKey>)> done) override {
    search_.Keep("data key", data_key->view());
    wrapper_->Wrap(std::move(key_name), std::move(data_key), std::move(done));
  }

  void Unwrap(WrappedKey wrapped, int max_operations, std::function<void(absl::StatusOr<Unwrapped>)> done) override {
    wrapper_->Unwrap(std::move(wrapped), max_operations,
                     [&search = search_, done = std::move(done)](absl::StatusOr<Unwrapped> answer) {
                       if (answer.ok()) search.Keep("data key", answer->data_key.view());
                       done(std::move(answer));
                     });
  }

 private:
  LeftoverSearch& search_;
  const std::shared_ptr<KeyWrapper> wrapper_;
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_WIPE_WATCHED_KEY_WRAPPER_H_
