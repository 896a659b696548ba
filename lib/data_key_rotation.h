// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_LIB_DATA_KEY_ROTATION_H_
#define PULSEAL_LIB_DATA_KEY_ROTATION_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/background_worker.h"
#include "lib/data_key.h"
#include "lib/event_sink.h"
#include "lib/mutex.h"
#include "lib/recipient_wrapping.h"
#include "pulseal/key_wrapper.h"

struct ossl_lib_ctx_st;

namespace pulseal {

// The present data key and the next one, made ahead of time. A new key is built aside, wrapped for every recipient, and
// takes over in one step; whatever fails leaves the present one in use up to its hard limits. Thread-safe. Answers and
// timers that come late find it stopped, or gone: they don't keep it alive, since whoever owes an answer may be the
// wrapper that it keeps alive itself.
class DataKeyRotation : public std::enable_shared_from_this<DataKeyRotation> {
 public:
  struct Config {
    std::shared_ptr<KeyWrapper> wrapper;
    std::chrono::milliseconds key_timeout;
    DataKey::Config data_key;
    std::shared_ptr<BackgroundWorker> worker;
    std::shared_ptr<EventSink> events;
    ossl_lib_ctx_st* openssl_context = nullptr;
    std::function<void()> on_takeover;  // after each change of present(), with no lock held
  };
  using KeyNames = std::optional<std::vector<std::string>>;  // nothing: those in use

  static std::shared_ptr<DataKeyRotation> Create(Config config);
  // UNAVAILABLE: the background lost the work of making a data key.
  static absl::Status Lost();

  // Changes whenever present() does, or its age isn't watched any more: compare it before each message.
  uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  struct Present {
    uint64_t epoch = 0;
    std::shared_ptr<DataKey> key;  // null: none may be used; refusal says why
    absl::Status refusal;
  };
  Present present() const;
  bool IsPresent(const std::shared_ptr<DataKey>& key) const;

  // Whether a next key was tried for in vain, since the present one was made, or the last one that there was, because its
  // recipients' keys were not to be had.
  bool NextKeyFailed() const;

  // Counts successful Change calls: what was pinned under another number is not good any more.
  uint64_t changes() const { return changes_.load(std::memory_order_acquire); }

  // A new data key for these names, on this thread, up to key_timeout. Where it fails nothing has changed.
  absl::Status Change(KeyNames key_names);
  // The same in the background. `done` is called once, unless Stop comes first; never inside the call, unless the
  // background loses work (see BackgroundWorker::OrElse): then with Lost(), or with what became of the change.
  void ChangeAsync(KeyNames key_names, std::function<void(absl::Status)> done);

  // After each draw from `key`: starts making the next one where a soft limit says so, and retires `key` where it is
  // too old.
  void AfterDraw(const std::shared_ptr<DataKey>& key);
  // `key` has no budget left: nothing is encrypted until the next one is there.
  void Exhausted(const std::shared_ptr<DataKey>& key);
  // Retires the present key where it is too old, and sees that a timer will; where none can be had epoch() changes. Whoever
  // takes up the present key calls it after he has read epoch().
  void WatchAge();
  // A message found no data key: asks for the next one again where the work of making it was lost.
  void Refused();

  // No callback begins afterwards; the present key is let go, and so are those that are being wrapped. Never waits.
  void Stop();

  uint64_t rotations() const { return rotations_.load(std::memory_order_relaxed); }
  uint64_t failed_rotations() const { return failed_rotations_.load(std::memory_order_relaxed); }

 private:
  using KeyOrFailure = absl::StatusOr<std::shared_ptr<DataKey>>;
  class Turn;

  explicit DataKeyRotation(Config config);

  // The steps of making a key.
  absl::StatusOr<std::shared_ptr<RecipientWrapping>> BeginKey(std::vector<std::string> key_names,
                                                              std::function<void(KeyOrFailure, std::string)> done);
  bool Remember(const std::shared_ptr<RecipientWrapping>& wrapping);  // false where it was stopped
  void RunInBackground(const std::shared_ptr<RecipientWrapping>& wrapping, const absl::Status& if_lost);

  struct Waiting {
    std::shared_ptr<Turn> turn;
    std::function<void(std::shared_ptr<Turn>)> start;
  };
  // Changes asked for by name take turns. A turn ends at the latest when nobody holds it any more.
  std::weak_ptr<Turn> JoinQueue(std::function<void(std::shared_ptr<Turn>)> start);  // what it awaits
  void LeaveQueue(const std::weak_ptr<Turn>& awaited);                              // nothing where it has begun
  void EndTurn();
  void GoOnWithTurns();
  void StartTurns();
  bool NextTurn(std::list<Waiting>* begun);
  std::vector<std::string> NamesFor(const KeyNames& key_names) const;
  absl::Status FinishChange(const KeyNames& key_names, KeyOrFailure made);
  void EndChange(Turn& turn, const absl::Status& status);
  struct Telling {
    std::shared_ptr<absl::Status> answer;
    std::function<void()> tell;  // by BackgroundWorker::OrElse
  };
  void ChangeInTurn(const std::shared_ptr<Turn>& turn, const KeyNames& key_names, const Telling& telling);

  // The next key, made because of a limit.
  absl::Status LossOfNext() const;
  absl::Status LossOfNextLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PrepareNextAfter(const std::shared_ptr<DataKey>& key);
  void AttemptNext(uint64_t attempt);
  void BeginNext(uint64_t attempt);
  void FinishNext(uint64_t attempt, KeyOrFailure made, const std::string& failed_key_name);
  void RetryLater(uint64_t attempt);
  bool Expect(uint64_t attempt, std::chrono::nanoseconds step_takes);

  // Time.
  void CheckAge(const std::shared_ptr<DataKey>& key);
  void ArmAgeTimer();
  void OnAgeTimer(std::chrono::nanoseconds due);
  void LoseAgeTimer(std::chrono::nanoseconds due);

  void AfterTakeOver();
  void TakeOver(std::shared_ptr<DataKey> key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Retire(const std::shared_ptr<DataKey>& key, const char* limit);
  void UpdateRefusal() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Config config_;
  std::atomic<uint64_t> epoch_{1};
  std::atomic<uint64_t> changes_{0};
  std::atomic<uint64_t> rotations_{0}, failed_rotations_{0};

  mutable Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<DataKey> present_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> key_names_ ABSL_GUARDED_BY(mutex_);
  const char* reached_limit_ ABSL_GUARDED_BY(mutex_) = "";  // which one ended the key before
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);       // while there is no present key: a copy costs a message nothing
  absl::Status last_failure_ ABSL_GUARDED_BY(mutex_);  // of making the next key; OK since the last success
  bool turn_taken_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Waiting> turns_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<RecipientWrapping>> under_way_ ABSL_GUARDED_BY(mutex_);
  uint64_t attempt_ ABSL_GUARDED_BY(mutex_) = 0;    // of making the next key; another number is out of date
  bool preparing_ ABSL_GUARDED_BY(mutex_) = false;  // an attempt runs, or waits for its retry
  int failures_in_a_row_ ABSL_GUARDED_BY(mutex_) = 0;
  std::chrono::nanoseconds attempt_lapses_ ABSL_GUARDED_BY(mutex_){0};  // its next step should have been done by then
  std::optional<std::chrono::nanoseconds> age_timer_due_ ABSL_GUARDED_BY(mutex_);  // of the timer that counts
};

}  // namespace pulseal

#endif  // PULSEAL_LIB_DATA_KEY_ROTATION_H_
