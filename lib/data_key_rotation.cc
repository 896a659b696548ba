// SPDX-License-Identifier: Apache-2.0
#include "lib/data_key_rotation.h"

#include <algorithm>
#include <new>
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

// Whoever waits for the key is told why there is none, also where there is no memory for it.
absl::StatusOr<std::shared_ptr<DataKey>> MakeDataKey(const std::shared_ptr<const SecretBytes>& key,
                                                     const std::vector<WrappedKey>& wrapped,
                                                     const DataKey::Config& config, nanoseconds created) {
  try {
    return DataKey::Create(key, wrapped, config, created);
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

absl::Status Destroyed() { return absl::CancelledError("the encryptor was destroyed"); }

// That this thread is starting the turns of `rotation`, inside each other where several are.
class StartingHere {
 public:
  explicit StartingHere(const DataKeyRotation* rotation)
      : rotation_(rotation), outer_(std::exchange(innermost_, this)) {}
  ~StartingHere() { innermost_ = outer_; }
  StartingHere(const StartingHere&) = delete;
  StartingHere& operator=(const StartingHere&) = delete;

  static bool Is(const DataKeyRotation* rotation) {
    const StartingHere* here = innermost_;
    while (here != nullptr && here->rotation_ != rotation) here = here->outer_;
    return here != nullptr;
  }

 private:
  static thread_local const StartingHere* innermost_;
  const DataKeyRotation* const rotation_;
  const StartingHere* const outer_;
};
thread_local const StartingHere* StartingHere::innermost_ = nullptr;

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

bool DataKeyRotation::IsPresent(const std::shared_ptr<DataKey>& key) const {
  MutexLock lock(mutex_);
  return present_ == key;
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
        if (!outcome.status.ok()) return done(outcome.status, std::move(outcome.failed_key_name));
        done(MakeDataKey(key, outcome.wrapped, config, created), {});
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

// The timer starts before the work does: it also covers the time that the work waits for a thread. Without memory for
// either the wrapping is over.
void DataKeyRotation::RunInBackground(const std::shared_ptr<RecipientWrapping>& wrapping, const absl::Status& if_lost) {
  BackgroundWorker& worker = *config_.worker;
  std::function<void()> work = worker.OrElse([wrapping, wrapper = config_.wrapper] { wrapping->Start(*wrapper); },
                                             [wrapping, if_lost] { wrapping->GiveUp(if_lost); });
  worker.After(config_.key_timeout, [wrapping] { wrapping->GiveUp(TimedOut()); });
  worker.Run(std::move(work));
}

// ---- changes by name

// Made before it is taken: without memory nobody has one that doesn't end.
class DataKeyRotation::Turn {
 public:
  Turn() = default;
  ~Turn() { End(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  void Begin(std::weak_ptr<DataKeyRotation> rotation) { rotation_ = std::move(rotation); }
  void End() {
    if (const auto rotation = std::exchange(rotation_, {}).lock()) rotation->EndTurn();
  }

 private:
  std::weak_ptr<DataKeyRotation> rotation_;
};

std::weak_ptr<DataKeyRotation::Turn> DataKeyRotation::JoinQueue(std::function<void(std::shared_ptr<Turn>)> start) {
  auto turn = std::make_shared<Turn>();
  std::weak_ptr<Turn> awaited = turn;
  MutexLock lock(mutex_);
  if (!stopped_) turns_.push_back({std::move(turn), std::move(start)});
  return awaited;
}

void DataKeyRotation::LeaveQueue(const std::weak_ptr<Turn>& awaited) {
  const std::shared_ptr<Turn> turn = awaited.lock();
  decltype(turns_) left;
  MutexLock lock(mutex_);
  const auto found =
      std::find_if(turns_.begin(), turns_.end(), [&turn](const Waiting& waiting) { return waiting.turn == turn; });
  if (found != turns_.end()) left.splice(left.begin(), turns_, found);
}

void DataKeyRotation::EndTurn() {
  {
    MutexLock lock(mutex_);
    turn_taken_ = false;
  }
  GoOnWithTurns();
}

// A turn that ends inside its start is followed by the loop that began it, not by another inside that one: any number may be
// waiting.
void DataKeyRotation::GoOnWithTurns() {
  if (!StartingHere::Is(this)) StartTurns();
}

void DataKeyRotation::StartTurns() {
  // Destroyed when the loop is over: whoever is told by that may ask for the next change, and wait for it.
  std::list<Waiting> begun;
  const StartingHere here(this);
  while (NextTurn(&begun)) {
    Waiting& next = begun.back();
    next.turn->Begin(weak_from_this());
    try {
      next.start(std::move(next.turn));
    } catch (...) {  // NOLINT(bugprone-empty-catch): the change is lost, which is told; its turn ends
    }
  }
}

// Appends it; false where one is taken or none waits.
bool DataKeyRotation::NextTurn(std::list<Waiting>* begun) {
  MutexLock lock(mutex_);
  if (turn_taken_ || turns_.empty()) return false;
  turn_taken_ = true;
  begun->splice(begun->end(), turns_, turns_.begin());
  return true;
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
  std::vector<std::string> names = NamesFor(key_names);
  {
    MutexLock lock(mutex_);
    if (stopped_) return Destroyed();
    key_names_.swap(names);
    changes_.fetch_add(1, std::memory_order_release);
    TakeOver(*std::move(made));
  }
  AfterTakeOver();
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
  const std::weak_ptr<Turn> awaited =
      JoinQueue([granted](std::shared_ptr<Turn> turn) { granted->Set(std::move(turn)); });
  StartTurns();
  const std::optional<std::shared_ptr<Turn>> turn = granted->TakeBy(deadline);
  if (!turn.has_value()) {
    LeaveQueue(awaited);
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

// The telling is made before the work: wherever that is lost, the answer that there is by then is told.
void DataKeyRotation::ChangeAsync(KeyNames key_names, std::function<void(absl::Status)> done) {
  auto answer = std::make_shared<absl::Status>(Lost());
  Telling telling{answer, config_.worker->OrElse([answer, done = std::move(done)] { done(*answer); })};
  auto change = [weak = weak_from_this(), key_names = std::move(key_names), telling = std::move(telling)] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->JoinQueue([self, key_names, telling](const std::shared_ptr<Turn>& turn) {
      self->ChangeInTurn(turn, key_names, telling);
    });
    self->GoOnWithTurns();
  };
  try {
    config_.worker->Run(std::move(change));
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): `telling` is lost, and so told
  }
}

void DataKeyRotation::ChangeInTurn(const std::shared_ptr<Turn>& turn, const KeyNames& key_names,
                                   const Telling& telling) {
  const auto finish = [weak = weak_from_this(), turn, key_names, telling](KeyOrFailure made, const std::string&) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    *telling.answer = self->FinishChange(key_names, std::move(made));
    self->EndChange(*turn, *telling.answer);
    self->config_.worker->Run(telling.tell);
  };
  absl::StatusOr<std::shared_ptr<RecipientWrapping>> wrapping = BeginKey(NamesFor(key_names), finish);
  if (!wrapping.ok()) return finish(wrapping.status(), {});
  RunInBackground(*wrapping, Lost());
}

// ---- the next key, because of a limit

// Lost work is no news of a cryptographic library that fails.
absl::Status DataKeyRotation::LossOfNextLocked() const {
  return absl::IsInternal(last_failure_) ? last_failure_ : Lost();
}

absl::Status DataKeyRotation::LossOfNext() const {
  MutexLock lock(mutex_);
  return LossOfNextLocked();
}

void DataKeyRotation::PrepareNextAfter(const std::shared_ptr<DataKey>& key) {
  const nanoseconds now = config_.worker->Now();
  uint64_t attempt = 0;
  {
    MutexLock lock(mutex_);
    const bool is_there = present_ != nullptr && present_ != key;
    const bool under_way = preparing_ && now < attempt_lapses_;
    if (stopped_ || under_way || is_there) return;
    if (preparing_) {
      last_failure_ = LossOfNextLocked();
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

// Without memory, with the next message anew: this one may have all it needs, and isn't to fail for it.
void DataKeyRotation::AttemptNext(uint64_t attempt) {
  try {
    BeginNext(attempt);
  } catch (const std::bad_alloc&) {
    MutexLock lock(mutex_);
    if (attempt == attempt_) preparing_ = false;
  }
}

void DataKeyRotation::BeginNext(uint64_t attempt) {
  if (!Expect(attempt, config_.key_timeout)) return;
  const auto finish = [weak = weak_from_this(), attempt](KeyOrFailure made, const std::string& failed_key_name) {
    if (const auto self = weak.lock()) self->FinishNext(attempt, std::move(made), failed_key_name);
  };
  absl::StatusOr<std::shared_ptr<RecipientWrapping>> wrapping = BeginKey(NamesFor(std::nullopt), finish);
  if (!wrapping.ok()) return finish(wrapping.status(), {});
  RunInBackground(*wrapping, LossOfNext());
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
  AfterTakeOver();
  config_.events->Emit(CryptoEvent::Kind::kRotated, {}, absl::OkStatus());
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

// The timer first, which looks again where there is no memory for the rest.
void DataKeyRotation::WatchAge() {
  ArmAgeTimer();
  if (const std::shared_ptr<DataKey> key = present().key) CheckAge(key);
}

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
    if (present_->HardAgeReached(now)) delay = kOverdueCheck;  // it is about to be retired: no second look at once
    age_timer_due_ = now + delay;
  }
  const auto timer = [weak = weak_from_this(), due = now + delay] {
    if (const auto self = weak.lock()) self->OnAgeTimer(due);
  };
  const auto lost = [weak = weak_from_this(), due = now + delay] {
    if (const auto self = weak.lock()) self->LoseAgeTimer(due);
  };
  try {
    config_.worker->After(delay, config_.worker->OrElse(timer, lost));
  } catch (const std::bad_alloc&) {
    LoseAgeTimer(now + delay);
  }
}

// The next message of each lane looks at the age, and sets the timer anew.
void DataKeyRotation::LoseAgeTimer(nanoseconds due) {
  MutexLock lock(mutex_);
  if (age_timer_due_ != due) return;
  age_timer_due_.reset();
  epoch_.fetch_add(1, std::memory_order_release);
}

void DataKeyRotation::OnAgeTimer(nanoseconds due) {
  {
    MutexLock lock(mutex_);
    if (age_timer_due_ != due) return;  // late, and replaced by another meanwhile
    age_timer_due_.reset();
  }
  WatchAge();
}

// The new key is in use, whatever becomes of this: lanes ask for it themselves, and ages are looked at with each draw too.
void DataKeyRotation::AfterTakeOver() {
  try {
    config_.on_takeover();
    ArmAgeTimer();
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
  }
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
    reached_limit_ = limit;
    UpdateRefusal();
    refusal = refusal_;
    present_.reset();
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
