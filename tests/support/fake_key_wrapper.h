// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TESTS_SUPPORT_FAKE_KEY_WRAPPER_H_
#define PULSEAL_TESTS_SUPPORT_FAKE_KEY_WRAPPER_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "lib/mutex.h"
#include "pulseal/key_wrapper.h"

namespace pulseal::testing {

// A KeyWrapper without cryptography whose answers a test times: wrapped bytes are "fake:" and the data key with each
// byte xored. It holds every key name for which no status is set. Thread-safe.
class FakeKeyWrapper final : public KeyWrapper {
 public:
  enum class Manner {
    kInside,       // answers inside the call
    kTwice,        // the same, and once again
    kHeld,         // answers when Release or ReleaseOne is called, on that thread
    kOtherThread,  // answers on a thread of its own
    kNever,        // keeps `done` and doesn't call it
    kDropped,      // destroys `done` without calling it
    kThrow,        // throws instead of answering
    kAnswerAndThrow,
  };

  FakeKeyWrapper() = default;
  ~FakeKeyWrapper() override;  // waits for the threads of kOtherThread

  // What Wrap makes of `data_key`.
  static std::string WrappedBytes(std::string_view data_key);
  // The other way round; empty where the bytes aren't of that form.
  static std::string DataKeyIn(std::string_view wrapped_bytes);

  void SetManner(Manner manner);
  // The answer to every later call for `key_name`; OK restores the ordinary answer.
  void SetStatus(const std::string& key_name, absl::Status status);
  void SetOperations(int operations);  // what each successful or failed unwrap says it cost
  void SetGeneration(uint64_t generation);
  // Run at the beginning of each call, on its thread and without a lock.
  void SetBeforeCall(std::function<void(const std::string& key_name)> before_call);

  // Answers every held call, or one: that behind which `behind` wait longer (false: none).
  void Release();
  bool ReleaseOne(size_t behind = 0);
  void WaitForHeld(size_t count);  // until at least so many are held

  size_t wraps() const;
  size_t unwraps() const;
  size_t held() const;
  std::vector<std::string> unwrapped_names() const;  // in order, with repetitions
  std::vector<int> max_operations() const;           // as the unwraps got them

  void Wrap(std::string key_name, std::shared_ptr<const SecretBytes> data_key,
            std::function<void(absl::StatusOr<WrappedKey>)> done) override;
  void Unwrap(WrappedKey wrapped, int max_operations, std::function<void(absl::StatusOr<Unwrapped>)> done) override;
  uint64_t Generation() override;

 private:
  // `answer` calls `done`; it may be called any number of times.
  void Give(const std::string& key_name, std::function<void()> answer);
  absl::Status StatusFor(const std::string& key_name) const;

  mutable Mutex mutex_;
  CondVar changed_;
  Manner manner_ ABSL_GUARDED_BY(mutex_) = Manner::kInside;
  std::map<std::string, absl::Status> statuses_ ABSL_GUARDED_BY(mutex_);
  int operations_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::function<void(const std::string&)> before_call_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::function<void()>> held_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> never_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  size_t wraps_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> unwrapped_names_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> max_operations_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pulseal::testing

#endif  // PULSEAL_TESTS_SUPPORT_FAKE_KEY_WRAPPER_H_
