// SPDX-License-Identifier: Apache-2.0
#include "lib/data_key_rotation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/crypto/random.h"
#include "lib/status.h"

namespace pulseal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kFirstRetry{1000};
constexpr milliseconds kLongestRetry{5 * 60 * 1000};
constexpr int kMostDoublings = 9;
constexpr std::chrono::seconds kOverdueCheck{1};

// Background work that is so late is taken for lost (an executor that was full and threw, a thread that could not be
// started), and done anew when a message needs it.
constexpr std::chrono::minutes kLost{1};

// Doubling, and up to half of it by chance, so that many producers don't ask a key service that comes back all at once.
nanoseconds RetryDelay(int failures_in_a_row) {
  const milliseconds delay =
      std::min(kFirstRetry * (1 << std::clamp(failures_in_a_row - 1, 0, kMostDoublings)), kLongestRetry);
  unsigned char chance = 0;
  if (!crypto::FillFromKernel(absl::MakeSpan(reinterpret_cast<char*>(&chance), 1)).ok()) chance = 0;
  return delay + delay * chance / 512;
}

absl::Status TimedOut() {
  return MakeStatus(absl::StatusCode::kDeadlineExceeded, Reason::kKeyServiceUnavailable,
                    "no answer within key_timeout");
}

absl::Status Destroyed() { return absl::CancelledError("the encryptor was destroyed"); }

// What one thread waits for and another one sets.
template <typename T>
class Awaited {
 public:
  void Set(T value) {
    {
      MutexLock lock(mutex_);
      value_ = std::move(value);
    }
    changed_.NotifyAll();
  }

  // Nothing where it was not set by then.
  std::optional<T> TakeBy(std::chrono::steady_clock::time_point deadline) {
    MutexLock lock(mutex_);
    while (!value_.has_value() && std::chrono::steady_clock::now() < deadline) changed_.WaitUntil(mutex_, deadline);
    return std::exchange(value_, std::nullopt);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::optional<T> value_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<DataKeyRotation> DataKeyRotation::Create(Config config) {
  return std::shared_ptr<DataKeyRotation>(new DataKeyRotation(std::move(config)));
}

DataKeyRotation::DataKeyRotation(Config config) : config_(std::move(config)) {
  MutexLock lock(mutex_);
  UpdateRefusal();
}

absl::Status DataKeyRotation::Lost() {
  return MakeStatus(absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable,
                    "the background (options.background) did not do the work of making the data key");
}

DataKeyRotation::Present DataKeyRotation::present() const {
  MutexLock lock(mutex_);
  return {epoch_.load(std::memory_order_relaxed), present_, present_ == nullptr ? refusal_ : absl::OkStatus()};
}

bool DataKeyRotation::NextKeyFailed() const {
  MutexLock lock(mutex_);
  return !last_failure_.ok() && !absl::IsInternal(last_failure_);  // see kSend
}

// ---- making a key

absl::StatusOr<std::shared_ptr<RecipientWrapping>> DataKeyRotation::BeginKey(
    std::vector<std::string> key_names, std::function<void(KeyOrFailure, std::string)> done) {
  if (absl::Status status = crypto::ReseedGenerator(config_.openssl_context); !status.ok()) return status;
  absl::StatusOr<SecretBytes> bytes = crypto::NewDataKey(config_.openssl_context);
  if (!bytes.ok()) return bytes.status();
  auto key = std::make_shared<const SecretBytes>(*std::move(bytes));
  const nanoseconds created = config_.worker->Now();
  std::shared_ptr<RecipientWrapping> wrapping = RecipientWrapping::Create(
      std::move(key_names), key,
      [config = config_.data_key, key, created, done = std::move(done)](RecipientWrapping::Outcome outcome) {
        if (!outcome.status.ok()) return done(outcome.status, outcome.failed_key_name);
        done(DataKey::Create(key, outcome.wrapped, config, created), {});
      });
  if (!Remember(wrapping)) return Destroyed();
  return wrapping;
}

// A wrapper that never answers keeps the wrapping alive, and that its data key and us: Stop must find it.
bool DataKeyRotation::Remember(const std::shared_ptr<RecipientWrapping>& wrapping) {
  std::vector<std::shared_ptr<RecipientWrapping>> seen;  // let go with no lock held: the last reference ends a turn
  MutexLock lock(mutex_);
  if (stopped_) return false;
  const auto is_over = [&seen](const std::weak_ptr<RecipientWrapping>& weak) {
    seen.push_back(weak.lock());
    return seen.back() == nullptr || seen.back()->is_over();
  };
  under_way_.erase(std::remove_if(under_way_.begin(), under_way_.end(), is_over), under_way_.end());
  under_way_.push_back(wrapping);
  return true;
}

// The timer starts before the work does: it also covers the time that the work waits for a thread.
void DataKeyRotation::RunInBackground(const std::shared_ptr<RecipientWrapping>& wrapping) {
  BackgroundWorker& worker = *config_.worker;
  worker.After(config_.key_timeout, [wrapping] { wrapping->GiveUp(TimedOut()); });
  worker.Run(worker.OrElse([wrapping, wrapper = config_.wrapper] { wrapping->Start(*wrapper); },
                           [wrapping] { wrapping->GiveUp(Lost()); }));
}

// ---- changes by name

class DataKeyRotation::Turn {
 public:
  explicit Turn(std::weak_ptr<DataKeyRotation> rotation) : rotation_(std::move(rotation)) {}
  ~Turn() { End(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  void End() {
    if (const auto rotation = std::exchange(rotation_, {}).lock()) rotation->EndTurn();
  }

 private:
  std::weak_ptr<DataKeyRotation> rotation_;
};

void DataKeyRotation::AwaitTurn(std::function<void(std::shared_ptr<Turn>)> start) {
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    if (turn_taken_) return turns_.push_back(std::move(start));
    turn_taken_ = true;
  }
  start(std::make_shared<Turn>(weak_from_this()));
}

void DataKeyRotation::EndTurn() {
  std::function<void(std::shared_ptr<Turn>)> next;
  {
    MutexLock lock(mutex_);
    turn_taken_ = !turns_.empty();
    if (!turn_taken_) return;
    next = std::move(turns_.front());
    turns_.pop_front();
  }
  next(std::make_shared<Turn>(weak_from_this()));
}

std::vector<std::string> DataKeyRotation::NamesFor(const KeyNames& key_names) const {
  if (key_names.has_value()) return *key_names;
  MutexLock lock(mutex_);
  return key_names_;
}

absl::Status DataKeyRotation::FinishChange(const KeyNames& key_names, KeyOrFailure made) {
  if (!made.ok()) {
    failed_rotations_.fetch_add(1, std::memory_order_relaxed);
    return made.status();
  }
  {
    MutexLock lock(mutex_);
    if (stopped_) return Destroyed();
    if (key_names.has_value()) key_names_ = *key_names;
    changes_.fetch_add(1, std::memory_order_release);
    TakeOver(*std::move(made));
  }
  config_.on_takeover();
  ArmAgeTimer();
  return absl::OkStatus();
}

// The turn ends first, so that whoever is told may ask for a change in turn.
void DataKeyRotation::EndChange(Turn& turn, const absl::Status& status) {
  turn.End();
  if (status.ok()) config_.events->Emit(CryptoEvent::Kind::kRotated, {}, status);
}

absl::Status DataKeyRotation::Change(KeyNames key_names) {
  const auto deadline = std::chrono::steady_clock::now() + config_.key_timeout;

  auto granted = std::make_shared<Awaited<std::shared_ptr<Turn>>>();
  AwaitTurn([granted](std::shared_ptr<Turn> turn) { granted->Set(std::move(turn)); });
  const std::optional<std::shared_ptr<Turn>> turn = granted->TakeBy(deadline);
  if (!turn.has_value()) {
    return MakeStatus(absl::StatusCode::kDeadlineExceeded, Reason::kKeyServiceUnavailable,
                      "another change of the data key was still under way after key_timeout");
  }

  auto made = std::make_shared<Awaited<KeyOrFailure>>();
  absl::StatusOr<std::shared_ptr<RecipientWrapping>> wrapping =
      BeginKey(NamesFor(key_names), [made](KeyOrFailure result, const std::string&) { made->Set(std::move(result)); });
  if (!wrapping.ok()) made->Set(wrapping.status());
  if (wrapping.ok()) (*wrapping)->Start(*config_.wrapper);
  std::optional<KeyOrFailure> result = made->TakeBy(deadline);
  if (!result.has_value()) {
    (*wrapping)->GiveUp(TimedOut());
    result = made->TakeBy(std::chrono::steady_clock::time_point::max());
  }
  const absl::Status status = FinishChange(key_names, *std::move(result));
  EndChange(**turn, status);
  return status;
}

void DataKeyRotation::ChangeAsync(KeyNames key_names, std::function<void(absl::Status)> done) {
  const auto begin = [weak = weak_from_this(), key_names = std::move(key_names), done] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->AwaitTurn(
        [self, key_names, done](const std::shared_ptr<Turn>& turn) { self->ChangeInTurn(turn, key_names, done); });
  };
  config_.worker->Run(config_.worker->OrElse(begin, [done] { done(Lost()); }));
}

void DataKeyRotation::ChangeInTurn(const std::shared_ptr<Turn>& turn, const KeyNames& key_names,
                                   const std::function<void(absl::Status)>& done) {
  const auto finish = [weak = weak_from_this(), turn, key_names, done](KeyOrFailure made, const std::string&) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    const absl::Status status = self->FinishChange(key_names, std::move(made));
    self->EndChange(*turn, status);
    BackgroundWorker& worker = *self->config_.worker;
    worker.Run(worker.OrElse([done, status] { done(status); }));
  };
  absl::StatusOr<std::shared_ptr<RecipientWrapping>> wrapping = BeginKey(NamesFor(key_names), finish);
  if (!wrapping.ok()) return finish(wrapping.status(), {});
  RunInBackground(*wrapping);
}

// ---- the next key, because of a limit

void DataKeyRotation::PrepareNextAfter(const std::shared_ptr<DataKey>& key) {
  const nanoseconds now = config_.worker->Now();
  uint64_t attempt = 0;
  {
    MutexLock lock(mutex_);
    const bool is_there = present_ != nullptr && present_ != key;
    const bool under_way = preparing_ && now < attempt_lapses_;
    if (stopped_ || under_way || is_there) return;
    if (preparing_) {
      last_failure_ = Lost();
      UpdateRefusal();
    }
    preparing_ = true;
    failures_in_a_row_ = 0;
    attempt = ++attempt_;
  }
  AttemptNext(attempt);
}

// False where the attempt is out of date.
bool DataKeyRotation::Expect(uint64_t attempt, nanoseconds step_takes) {
  const nanoseconds now = config_.worker->Now();
  MutexLock lock(mutex_);
  if (stopped_ || attempt != attempt_) return false;
  attempt_lapses_ = now + step_takes + kLost;
  return true;
}

void DataKeyRotation::AttemptNext(uint64_t attempt) {
  if (!Expect(attempt, config_.key_timeout)) return;
  const auto finish = [weak = weak_from_this(), attempt](KeyOrFailure made, const std::string& failed_key_name) {
    if (const auto self = weak.lock()) self->FinishNext(attempt, std::move(made), failed_key_name);
  };
  absl::StatusOr<std::shared_ptr<RecipientWrapping>> wrapping = BeginKey(NamesFor(std::nullopt), finish);
  if (!wrapping.ok()) return finish(wrapping.status(), {});
  RunInBackground(*wrapping);
}

void DataKeyRotation::FinishNext(uint64_t attempt, KeyOrFailure made, const std::string& failed_key_name) {
  {
    MutexLock lock(mutex_);
    if (stopped_ || attempt != attempt_) return;  // a change by name came first: this key isn't for its recipients
    if (made.ok()) TakeOver(*made);
    if (!made.ok()) {
      last_failure_ = made.status();
      UpdateRefusal();
    }
  }
  if (!made.ok()) {
    failed_rotations_.fetch_add(1, std::memory_order_relaxed);
    config_.events->Emit(CryptoEvent::Kind::kRotationFailed, failed_key_name, made.status());
    return RetryLater(attempt);
  }
  config_.on_takeover();
  config_.events->Emit(CryptoEvent::Kind::kRotated, {}, absl::OkStatus());
  ArmAgeTimer();
}

void DataKeyRotation::RetryLater(uint64_t attempt) {
  nanoseconds delay;
  {
    MutexLock lock(mutex_);
    delay = RetryDelay(++failures_in_a_row_);
  }
  if (!Expect(attempt, delay)) return;
  config_.worker->After(delay, [weak = weak_from_this(), attempt] {
    if (const auto self = weak.lock()) self->AttemptNext(attempt);
  });
}

// ---- limits and time

void DataKeyRotation::AfterDraw(const std::shared_ptr<DataKey>& key) {
  if (key->SoftLimitReached()) PrepareNextAfter(key);
  CheckAge(key);
}

void DataKeyRotation::Exhausted(const std::shared_ptr<DataKey>& key) {
  Retire(key, "messages or bytes");
  PrepareNextAfter(key);
}

void DataKeyRotation::Refused() { PrepareNextAfter(nullptr); }

void DataKeyRotation::CheckAge(const std::shared_ptr<DataKey>& key) {
  const nanoseconds now = config_.worker->Now();
  if (!key->SoftAgeReached(now)) return;
  if (key->HardAgeReached(now)) Retire(key, "age");
  PrepareNextAfter(key);
}

// One timer counts: it looks at whichever key is present when it fires, and sets itself again. It never waits beyond
// the soft age of the present key, nor, once that is overdue, longer than a moment: so it can't be too late for the
// next key either.
void DataKeyRotation::ArmAgeTimer() {
  const nanoseconds now = config_.worker->Now();
  nanoseconds delay;
  {
    MutexLock lock(mutex_);
    const bool armed = age_timer_due_.has_value() && now < *age_timer_due_ + kLost;
    if (stopped_ || armed || present_ == nullptr) return;
    delay = present_->UntilNextAge(now);
    if (present_->SoftAgeReached(now)) delay = std::min<nanoseconds>(delay, kOverdueCheck);
    age_timer_due_ = now + delay;
  }
  config_.worker->After(delay, [weak = weak_from_this(), due = now + delay] {
    if (const auto self = weak.lock()) self->OnAgeTimer(due);
  });
}

void DataKeyRotation::OnAgeTimer(nanoseconds due) {
  std::shared_ptr<DataKey> key;
  {
    MutexLock lock(mutex_);
    if (age_timer_due_ != due) return;  // late, and replaced by another meanwhile
    age_timer_due_.reset();
    key = present_;
  }
  if (key == nullptr) return;
  CheckAge(key);
  ArmAgeTimer();
}

void DataKeyRotation::TakeOver(std::shared_ptr<DataKey> key) {
  present_ = std::move(key);
  last_failure_ = absl::OkStatus();
  preparing_ = false;
  ++attempt_;
  rotations_.fetch_add(1, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
}

void DataKeyRotation::Retire(const std::shared_ptr<DataKey>& key, const char* limit) {
  absl::Status refusal;
  {
    MutexLock lock(mutex_);
    if (stopped_ || present_ != key) return;
    present_.reset();
    reached_limit_ = limit;
    UpdateRefusal();
    refusal = refusal_;
    epoch_.fetch_add(1, std::memory_order_release);
  }
  config_.on_takeover();
  config_.events->Emit(CryptoEvent::Kind::kHardLimit, {}, refusal);
}

void DataKeyRotation::UpdateRefusal() {
  refusal_ = MakeStatus(absl::StatusCode::kUnavailable, Reason::kLimitReached,
                        absl::StrCat("the data key reached its hard limit of ", reached_limit_,
                                     last_failure_.ok() ? "; the next one is being made, ask again later"
                                                        : "; the next one can't be made: ",
                                     last_failure_.message()));
}

void DataKeyRotation::Stop() {
  std::shared_ptr<DataKey> present;
  decltype(turns_) turns;
  std::vector<std::weak_ptr<RecipientWrapping>> under_way;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    present_.swap(present);
    turns_.swap(turns);
    under_way_.swap(under_way);
    epoch_.fetch_add(1, std::memory_order_release);
  }
  for (const std::weak_ptr<RecipientWrapping>& weak : under_way) {
    if (const auto wrapping = weak.lock()) wrapping->Abandon();
  }
}

}  // namespace pulseal
