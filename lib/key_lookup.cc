// SPDX-License-Identifier: Apache-2.0
#include "lib/key_lookup.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/as_absl.h"
#include "lib/crypto/random.h"
#include "lib/metadata_fields.h"
#include "lib/shared_failures.h"
#include "lib/status.h"

namespace pulseal {
namespace {

using Result = KeyLookup::Result;

uint64_t GenerationOf(KeyWrapper& wrapper) {
  try {
    return wrapper.Generation();
  } catch (...) {
    return 0;
  }
}

bool IsDataKeySize(size_t size, bool require_256_bits) {
  return size == crypto::kDataKeySize || (!require_256_bits && (size == 16 || size == 24));
}

// What a failed unwrap cost. An embedder's wrapper doesn't say: its failures count as one operation where it tried. No more
// where its service throttles, or that would keep the message's other wrapped keys from being asked for.
int OperationsOf(const absl::Status& failure) {
  if (const std::optional<int> told = OperationsIn(failure); told.has_value()) return *told;
  return absl::IsUnauthenticated(failure) || absl::IsResourceExhausted(failure) ? 1 : 0;
}

std::string NamesIn(absl::Span<const std::string_view> identities) {
  constexpr size_t kMostShown = 4;
  std::string names;
  for (const std::string_view identity : identities.subspan(0, kMostShown)) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", Quoted(KeyNameOf(identity)));
  }
  if (identities.size() > kMostShown) absl::StrAppend(&names, " and ", identities.size() - kMostShown, " more");
  return names;
}

// A second's worth and the dearest message's price: that message, begun with the last token, comes to its end.
int MostOwed(const KeyLookup::Limits& limits) {
  const int64_t most = int64_t{limits.unwraps_per_second} + limits.max_wrapped_keys + limits.max_private_key_operations;
  return static_cast<int>(std::min<int64_t>(most, std::numeric_limits<int>::max()));
}

}  // namespace

std::string JoinIdentities(absl::Span<const std::string_view> identities) {
  std::string joined;
  for (const std::string_view identity : identities) {
    const uint64_t size = identity.size();
    joined.append(reinterpret_cast<const char*>(&size), sizeof size);
    joined.append(identity);
  }
  return joined;
}

// One lookup under way. Whoever waits for it, and every answer still to come, holds a reference; it holds none to the
// KeyLookup, so that a wrapper that never answers keeps no data key alive.
//
// The wrapped keys are asked for one after the other, by whichever thread brought the last answer. An answer inside the
// call is left to the thread that asked, in a loop, so that 64 of them don't nest.
class Flight : public std::enable_shared_from_this<Flight> {
 public:
  Flight(const std::shared_ptr<KeyLookup>& lookup, std::string asked_for)
      : lookup_(lookup),
        limits_(lookup->limits_),
        epoch_(lookup->cache_->epoch()),
        answer_(std::make_shared<ResolvedState>(ResolvedState{lookup, std::move(asked_for), nullptr, Failure()})),
        identities_(Split(answer_->asked_for)),
        held_(lookup->held_),
        operations_left_(limits_.max_private_key_operations) {
    held_->fetch_add(joined().size(), std::memory_order_relaxed);
  }
  ~Flight() {
    if (!Ended()) LoseAnswer();
    held_->fetch_sub(joined().size(), std::memory_order_relaxed);
  }
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;

  const std::string& joined() const { return answer_->asked_for; }

  // True for the first caller alone.
  bool ClaimSchedule() { return !scheduled_.exchange(true); }

  void StartOnce() {
    if (started_.exchange(true)) return;
    EndingWithoutMemory([this] {
      if (Begin()) Drive();
    });
  }

  // Runs `step`. Where there is no memory for it the flight ends, or whoever joined it would wait for nothing.
  template <typename Step>
  void EndingWithoutMemory(Step step) {
    try {
      step();
    } catch (const std::bad_alloc&) {
      End(nullptr, SharedFailures::Get().no_memory);
    }
  }

  // The background won't start it, ever: whoever joined it is not to wait for that.
  void LoseStart() {
    if (started_.exchange(true)) return;
    EndUnavailable(
        "the background (options.background) did not do the work of looking the data key up; ask again later");
  }

  Result AwaitFor(std::chrono::nanoseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    {
      MutexLock lock(mutex_);
      while (result_ == nullptr && std::chrono::steady_clock::now() < deadline) ended_.WaitUntil(mutex_, deadline);
      if (result_ != nullptr) return result_;
    }
    Expire();
    MutexLock lock(mutex_);
    return result_;
  }

  // Calls `done` when it ends, or now.
  void OnEnd(std::function<void(Result)> done) {
    Result result;
    {
      MutexLock lock(mutex_);
      if (result_ == nullptr) return waiters_.push_back(std::move(done));
      result = result_;
    }
    done(std::move(result));
  }

  void Expire() {
    EndingWithoutMemory([this] { EndExpired(); });
  }

 private:
  // A wrapper has dropped its question, and Forget this: nobody is left who could end it, nor a timer.
  void LoseAnswer() {
    EndingWithoutMemory(
        [this] { EndUnavailable("the key wrapper dropped a question without an answer; ask again later"); });
  }

  void EndUnavailable(const char* why) {
    EndWithFailure("",
                   MakeFailure(Outlook::kNotNow, absl::StatusCode::kUnavailable, Reason::kKeyServiceUnavailable, why));
  }

  void EndExpired() {
    const std::string_view name = identities_.size() == 1 ? KeyNameOf(identities_[0]) : std::string_view();
    EndWithFailure(
        name,
        MakeFailure(Outlook::kNotNow, absl::StatusCode::kDeadlineExceeded, Reason::kKeyServiceUnavailable,
                    absl::StrCat("no answer about the message's wrapped keys within key_timeout (",
                                 std::chrono::duration_cast<std::chrono::milliseconds>(limits_.key_timeout).count(),
                                 " ms); ask again later")));
  }
  struct Question {
    size_t attempt;
    WrappedKey wrapped;
    int max_operations;
  };
  enum class Phase { kAsking, kAnswered, kWaiting };

  static std::vector<std::string_view> Split(std::string_view joined) {
    std::vector<std::string_view> identities;
    while (!joined.empty()) {
      uint64_t size;
      memcpy(&size, joined.data(), sizeof size);
      identities.push_back(joined.substr(sizeof size, size));
      joined.remove_prefix(sizeof size + size);
    }
    return identities;
  }

  // False where it has ended already: what it was to find is known by now, or nobody may ask for more.
  bool Begin() {
    const std::shared_ptr<KeyWrapper> wrapper = Wrapper();
    if (wrapper == nullptr) return false;
    generation_ = GenerationOf(*wrapper);
    const std::shared_ptr<KeyLookup> lookup = lookup_.lock();
    if (lookup == nullptr) return false;
    if (DataKeyCache::Known known = lookup->cache_->Find(identities_); known.key != nullptr) {
      EndWithKey(std::move(known.key));
      return false;
    } else if (known.failure.has_value()) {
      End(nullptr, *known.failure);
      return false;
    }
    if (lookup->budget_.Begin(lookup->worker_->Now())) return true;
    EndWithFailure("", BudgetUsedUp());
    return false;
  }

  Failure BudgetUsedUp() const {
    return MakeFailure(
        Outlook::kNotNow, absl::StatusCode::kResourceExhausted, Reason::kLimitReached,
        absl::StrCat("unwraps_per_second (", limits_.unwraps_per_second, ") is used up; ask again in a second"));
  }

  void Drive() {
    while (std::optional<Question> question = NextQuestion()) {
      Ask(*std::move(question));
      MutexLock lock(mutex_);
      if (phase_ != Phase::kAnswered) {
        phase_ = Phase::kWaiting;
        return;
      }
    }
  }

  // The next wrapped key of which nothing is known; where there is none the flight ends.
  std::optional<Question> NextQuestion() {
    const std::shared_ptr<KeyLookup> lookup = lookup_.lock();
    if (lookup == nullptr) return std::nullopt;
    for (; next_ < identities_.size(); ++next_) {
      if (IsRepeated(next_)) continue;
      if (std::optional<Failure> failure = lookup->cache_->FindFailure(identities_[next_])) {
        Note(*failure);
        continue;
      }
      absl::StatusOr<WrappedKey> wrapped = ParseWrappedKey(identities_[next_]);
      if (!wrapped.ok()) {
        Learn(Failure{Outlook::kNever, Reason::kMalformed, wrapped.status()});
        continue;
      }
      if (operations_left_ <= 0) {
        Note(MakeFailure(Outlook::kNotNow, absl::StatusCode::kResourceExhausted, Reason::kLimitReached,
                         absl::StrCat("max_private_key_operations (", limits_.max_private_key_operations,
                                      ") opened none of the first ", next_, " of the message's ", identities_.size(),
                                      " wrapped keys; ask again to try the others")));
        break;
      }
      if (!PayForQuestion(*lookup)) {
        Note(BudgetUsedUp());
        break;
      }
      MutexLock lock(mutex_);
      phase_ = Phase::kAsking;
      return Question{attempt_, *std::move(wrapped), operations_left_};
    }
    EndUnopened(*lookup);
    return std::nullopt;
  }

  // A question without an operation isn't free: a reader may have looked at a file, a service been asked.
  bool PayForQuestion(KeyLookup& lookup) {
    return std::exchange(begin_paid_, false) || lookup.budget_.GoOn(lookup.worker_->Now());
  }

  // The C++ client's chunks list the same wrapped keys again and again: one that didn't open doesn't the second time.
  bool IsRepeated(size_t index) const {
    const auto it = identities_.begin() + static_cast<ptrdiff_t>(index);
    return std::find(identities_.begin(), it, *it) != it;
  }

  // Never kept: a wrapper keeps the flight, by the answers that it still owes.
  std::shared_ptr<KeyWrapper> Wrapper() const {
    const std::shared_ptr<KeyLookup> lookup = lookup_.lock();
    return lookup == nullptr ? nullptr : lookup->wrapper_;
  }

  void Ask(Question question) {
    const std::shared_ptr<KeyWrapper> wrapper = Wrapper();
    if (wrapper == nullptr) return;
    const size_t attempt = question.attempt;
    try {
      wrapper->Unwrap(std::move(question.wrapped), question.max_operations,
                      [self = shared_from_this(), attempt](absl::StatusOr<Unwrapped> answer) {
                        self->OnAnswer(attempt, std::move(answer));
                      });
    } catch (const std::bad_alloc&) {
      OnAnswer(attempt, NoMemory());
    } catch (...) {
      OnAnswer(attempt, absl::UnavailableError("the key wrapper threw an exception"));
    }
  }

  void OnAnswer(size_t attempt, absl::StatusOr<Unwrapped> answer) {
    EndingWithoutMemory([&] { TakeAnswer(attempt, std::move(answer)); });
  }

  void TakeAnswer(size_t attempt, absl::StatusOr<Unwrapped> answer) {
    {
      MutexLock lock(mutex_);
      if (attempt != attempt_) return;  // answered before
      ++attempt_;
    }
    if (!Digest(std::move(answer))) return;
    {
      MutexLock lock(mutex_);
      if (phase_ == Phase::kAsking) {
        phase_ = Phase::kAnswered;
        return;
      }
    }
    Drive();
  }

  // True where the next wrapped key is to be asked for. A key that comes too late is kept for whoever asks next.
  bool Digest(absl::StatusOr<Unwrapped> answer) {
    const std::shared_ptr<KeyLookup> lookup = lookup_.lock();
    if (lookup == nullptr) return false;
    Account(*lookup, answer.ok() ? answer->operations : OperationsOf(answer.status()));
    if (answer.ok() && IsDataKeySize(answer->data_key.size(), limits_.require_256_bit_data_keys)) {
      EndWithKey(lookup->cache_->AddUnverified(std::string(identities_[next_]), std::move(answer->data_key), epoch_,
                                               lookup->worker_->Now()));
      lookup->on_learnt_();
      return false;
    }
    if (Ended()) return false;
    Learn(answer.ok() ? NoDataKey(answer->data_key.size()) : FailureOf(answer.status()));
    ++next_;
    return true;
  }

  Failure NoDataKey(size_t size) const {
    return MakeFailure(Outlook::kNever, absl::StatusCode::kInvalidArgument, Reason::kMalformed,
                       absl::StrCat(AsAbsl(Subject()), ": it holds ", size, " bytes, which is no data key (",
                                    limits_.require_256_bit_data_keys ? "32" : "16, 24 or 32", ")"));
  }

  // Of the wrapped key at next_, which took what OperationsIn says.
  Failure FailureOf(const absl::Status& answer) const {
    Failure failure = FailureOfUnwrap(answer, Subject());
    // It alone costs more than a message may: the next call, with as many operations, would end in the same place.
    const bool is_too_dear = failure.reason == Reason::kLimitReached &&
                             OperationsIn(answer) == std::optional<int>(limits_.max_private_key_operations);
    if (is_too_dear) failure.outlook = Outlook::kNever;
    return failure;
  }

  void Account(KeyLookup& lookup, int operations) {
    operations = std::clamp(operations, 0, operations_left_);
    lookup.unwraps_.fetch_add(static_cast<uint64_t>(operations), std::memory_order_relaxed);
    operations_left_ -= operations;
    lookup.budget_.Charge(std::max(operations - 1, 0));  // the first was paid for when it was asked
  }

  // Goes before why the wrapped key at next_ doesn't open, which is told only where none does.
  std::string Subject() const {
    const std::string name = Quoted(KeyNameOf(identities_[next_]));
    if (identities_.size() == 1) return absl::StrCat("wrapped key for ", name);
    return absl::StrCat("none of the ", identities_.size(), " wrapped keys (", NamesIn(identities_),
                        ") opens; wrapped key ", next_ + 1, ", for ", name);
  }

  // Of the wrapped key at next_, news.
  void Learn(Failure failure) {
    Note(failure);
    if (failure.outlook == Outlook::kNever) learnt_.emplace_back(next_, std::move(failure));
  }

  void Note(const Failure& failure) {
    if (failure_.has_value() && &MoreTelling(*failure_, failure) == &*failure_) return;
    failure_ = failure;
    failed_ = next_;
  }

  bool Ended() {
    MutexLock lock(mutex_);
    return result_ != nullptr;
  }

  // Only now are failures remembered: beside a wrapped key that opens they would never be asked for again.
  void EndUnopened(KeyLookup& lookup) {
    const std::chrono::nanoseconds now = lookup.worker_->Now();
    for (const auto& [index, failure] : learnt_) {
      lookup.cache_->RememberFailure(std::string(identities_[index]), failure, epoch_, generation_, now);
    }
    lookup.on_learnt_();
    EndWithFailure(KeyNameOf(identities_[failed_]), *failure_);
  }

  void EndWithKey(std::shared_ptr<CachedKey> key) { End(std::move(key), Failure()); }

  void EndWithFailure(std::string_view key_name, const Failure& failure) {
    const bool ended = End(nullptr, failure);
    const std::shared_ptr<KeyLookup> lookup = lookup_.lock();
    if (!ended || lookup == nullptr) return;
    lookup->events_->Emit(
        failure.outlook == Outlook::kNever ? CryptoEvent::Kind::kKeyFailed : CryptoEvent::Kind::kKeyUnavailable,
        key_name, failure.status);
  }

  // False where it had ended before. Asks for no memory itself.
  bool End(std::shared_ptr<CachedKey> key, const Failure& failure) {
    std::vector<std::function<void(Result)>> waiters;
    {
      MutexLock lock(mutex_);
      if (result_ != nullptr) return false;
      answer_->key = std::move(key);
      answer_->failure = failure;
      result_ = answer_;
      waiters.swap(waiters_);
    }
    if (const std::shared_ptr<KeyLookup> lookup = lookup_.lock()) lookup->Leave(*this);
    ended_.NotifyAll();
    for (const std::function<void(Result)>& waiter : waiters) Tell(waiter);
    return true;
  }

  // One who has no memory to hear it is no reason not to tell the others.
  void Tell(const std::function<void(Result)>& waiter) const {
    try {
      waiter(answer_);
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
    }
  }

  const std::weak_ptr<KeyLookup> lookup_;
  const KeyLookup::Limits limits_;
  const uint64_t epoch_;
  const std::shared_ptr<ResolvedState> answer_;      // the result to be: not touched any more once it is result_
  const std::vector<std::string_view> identities_;   // in what it was asked_for
  const std::shared_ptr<std::atomic<size_t>> held_;  // by all flights together
  std::atomic<bool> scheduled_{false}, started_{false};

  // Belong to the one thread that has the last answer, or asks.
  uint64_t generation_ = 0;
  size_t next_ = 0;
  int operations_left_;
  bool begin_paid_ = true;  // for one question
  std::optional<Failure> failure_;
  size_t failed_ = 0;
  std::vector<std::pair<size_t, Failure>> learnt_;

  Mutex mutex_;
  CondVar ended_;
  size_t attempt_ ABSL_GUARDED_BY(mutex_) = 0;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kWaiting;
  Result result_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void(Result)>> waiters_ ABSL_GUARDED_BY(mutex_);
};

KeyLookup::KeyLookup(Limits limits, std::shared_ptr<KeyWrapper> wrapper, std::shared_ptr<DataKeyCache> cache,
                     std::shared_ptr<BackgroundWorker> worker, std::shared_ptr<EventSink> events,
                     std::function<void()> on_learnt)
    : limits_(limits),
      wrapper_(std::move(wrapper)),
      cache_(std::move(cache)),
      worker_(std::move(worker)),
      events_(std::move(events)),
      on_learnt_(std::move(on_learnt)),
      budget_(limits.unwraps_per_second, MostOwed(limits)) {}

KeyLookup::Result KeyLookup::Await(absl::Span<const std::string_view> identities) {
  // However much is held: there are no more of these than threads.
  const std::shared_ptr<Flight> flight = Join(identities, std::numeric_limits<size_t>::max());
  flight->StartOnce();
  return flight->AwaitFor(limits_.key_timeout);
}

void KeyLookup::Start(absl::Span<const std::string_view> identities, std::function<void(Result)> done) {
  const std::shared_ptr<Flight> flight = Join(identities, kMostHeld);
  if (flight == nullptr) return done(nullptr);
  flight->OnEnd(std::move(done));
  if (!flight->ClaimSchedule()) return;
  flight->EndingWithoutMemory([&] {
    worker_->Run(worker_->OrElse([flight] { flight->StartOnce(); }, [flight] { flight->LoseStart(); }));
    const std::weak_ptr<Flight> weak = flight;
    worker_->AfterUnlessGone(weak, limits_.key_timeout, [weak] {
      if (const std::shared_ptr<Flight> still_there = weak.lock()) still_there->Expire();
    });
  });
}

void KeyLookup::Forget() {
  decltype(flights_) left;
  MutexLock lock(mutex_);
  flights_.swap(left);
}

std::shared_ptr<Flight> KeyLookup::Join(absl::Span<const std::string_view> identities, size_t most) {
  std::string joined = JoinIdentities(identities);
  std::shared_ptr<Flight> flight;  // where there is no room for it in the table it is lost with no lock held
  MutexLock lock(mutex_);
  if (const auto found = flights_.find(joined); found != flights_.end()) return found->second;
  if (joined.size() > most - std::min(most, held_->load(std::memory_order_relaxed))) return nullptr;
  flight = std::make_shared<Flight>(shared_from_this(), joined);
  flights_.emplace(std::move(joined), flight);
  return flight;
}

void KeyLookup::Leave(const Flight& flight) {
  std::shared_ptr<Flight> left;
  MutexLock lock(mutex_);
  const auto found = flights_.find(flight.joined());
  if (found == flights_.end() || found->second.get() != &flight) return;
  left = std::move(found->second);
  flights_.erase(found);
}

}  // namespace pulseal
