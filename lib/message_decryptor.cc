// SPDX-License-Identifier: Apache-2.0
//
// CONSUMER: metadata -> cache -> unwrap -> decrypt -> decision. This file knows the order; each step is somebody
// else's: metadata_form.h, data_key_cache.h, key_lookup.h, crypto/aead.h, decision.h; and resolve_calls.h for who can't
// wait.
#include "pulseal/message_decryptor.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/background_worker.h"
#include "lib/crypto/aead.h"
#include "lib/data_key_cache.h"
#include "lib/decision.h"
#include "lib/decrypt_lane.h"
#include "lib/decryptor_options.h"
#include "lib/event_sink.h"
#include "lib/failure.h"
#include "lib/fork_sentinel.h"
#include "lib/key_lookup.h"
#include "lib/key_wrapper_of.h"
#include "lib/lanes.h"
#include "lib/metadata_fields.h"
#include "lib/metadata_form.h"
#include "lib/resolve_calls.h"
#include "lib/shared_failures.h"
#include "lib/status.h"
#include "pulseal/message_encryptor.h"

namespace pulseal {
namespace {

using absl::StatusCode;
using Action = Decision::Action;
using Lane = Lanes<DecryptLane>::Lease;
using Resolved = KeyLookup::Result;
using ResolveDone = std::function<void(absl::StatusOr<ResolvedKey>)>;

constexpr size_t kMostPayload = MessageEncryptor::kMaxPayloadSize + kTagSize;
constexpr std::chrono::seconds kTick{1};

Failure OutTooSmall(size_t size, size_t needed) {
  return MakeFailure(Outlook::kRefused, StatusCode::kOutOfRange, Reason::kMisuse,
                     absl::StrCat("out has ", size, " bytes; the plaintext needs ", needed));
}

}  // namespace

// Everything of a decryptor's. Background work and late answers hold it weakly.
class DecryptorState : public std::enable_shared_from_this<DecryptorState> {
 public:
  DecryptorState(const DecryptorOptions& options, std::unique_ptr<ForkSentinel> sentinel,
                 std::shared_ptr<const crypto::AeadBackend> backend)
      : policy_{options.failure_action, options.deliver_whole_batch, options.apply_action_when_unavailable},
        require_encryption_(options.require_encryption),
        max_wrapped_keys_(static_cast<size_t>(options.max_wrapped_keys)),
        sentinel_(std::move(sentinel)),
        backend_(std::move(backend)),
        worker_(BackgroundWorker::Create(options.background)),
        events_(std::make_shared<EventSink>(options.on_event, [worker = worker_] { return worker->Now(); })),
        wrapper_(KeyWrapperOf(options)),
        cache_(std::make_shared<DataKeyCache>(
            DataKeyCache::Limits{options.cache_max_keys, options.cache_max_failures,
                                 std::min<std::chrono::seconds>(options.cache_ttl, kLongestWait),
                                 std::min<std::chrono::seconds>(options.failure_ttl, kLongestWait)},
            lanes_.count())),
        calls_(options.max_pending, worker_) {}

  // Apart from the constructor, since it hands out weak references.
  void Connect(const DecryptorOptions& options) {
    const KeyLookup::Limits limits{
        options.max_wrapped_keys, options.max_private_key_operations, options.unwraps_per_second,
        std::min<std::chrono::milliseconds>(options.key_timeout, kLongestWait), options.require_256_bit_data_keys};
    lookup_ = std::make_shared<KeyLookup>(limits, wrapper_, cache_, worker_, events_, [weak = weak_from_this()] {
      if (const std::shared_ptr<DecryptorState> self = weak.lock()) self->EnsureTicking();
    });
  }

  void Stop() {
    worker_->Stop();
    events_->Stop();
  }

  bool forked() const { return sentinel_->forked(); }
  CipherBackend cipher_backend() const { return backend_->kind(); }

  // `Metadata` is one of the forms of metadata_form.h throughout. `out` by reference, since it wouldn't fit into
  // registers, and a copy on the stack waits for the one before.
  template <typename Metadata>
  Decision Decrypt(const Metadata& metadata, std::string_view payload, const absl::Span<char>& out) {
    Decision decision = DecryptIfKnown(metadata, payload, out);
    if (decision.action == Action::kPending) decision = DecryptWith(Await(metadata), metadata, payload, out);
    return decision;
  }

  template <typename Metadata>
  Decision TryDecrypt(const Metadata& metadata, std::string_view payload, const absl::Span<char>& out) {
    Decision decision = DecryptIfKnown(metadata, payload, out);
    if (decision.action == Action::kPending) pending_.fetch_add(1, std::memory_order_relaxed);
    return decision;
  }

  template <typename Metadata>
  Decision DecryptWith(const Resolved& resolved, const Metadata& metadata, std::string_view payload,
                       const absl::Span<char>& out) {
    if (forked()) return Refused(SharedFailures::Get().forked);
    ScannedMetadata scanned;
    bool is_metadata = false;
    const Lane lane = ScanAndTakeLane(metadata, &scanned, &is_metadata);
    if (!is_metadata) return Unreadable(lane, metadata, scanned, payload);
    if (std::optional<Decision> decision = DecideWithoutKey(lane, metadata, payload, out, scanned)) return *decision;

    const std::optional<size_t> position = PositionFor(resolved, scanned.wrapped_keys());
    if (!position.has_value()) return Failed(lane, SharedFailures::Get().other_key, scanned, payload);
    if (resolved->key == nullptr) return Failed(lane, resolved->failure, scanned, payload);
    return OpenFirst(lane, resolved->key, metadata, scanned, *position, payload, out);
  }

  template <typename Metadata>
  void Resolve(const Metadata& metadata, ResolveDone done) {
    if (forked()) return done(ForkedStatus());
    std::vector<std::string> scratch;
    ScannedMetadata scanned;
    if (absl::Status status = CheckResolvable(metadata, &scratch, &scanned); !status.ok()) {
      return calls_.Refuse(std::move(status), Handing(std::move(done)));
    }
    calls_.LookUp(*lookup_, scanned.wrapped_keys(), Handing(std::move(done)));
  }

  void Forget() {
    if (forked()) return;
    cache_->Forget();
    lookup_->Forget();
    if (!SweepLanes()) EnsureTicking();
  }

  void Maintain() {
    if (!forked()) worker_->Maintain();
  }

  DecryptorCounters counters() const {
    DecryptorCounters counters;
    if (forked()) return counters;
    lanes_.ReadAll([&counters](const DecryptLane& lane) { lane.tally.AddTo(&counters); });
    counters.pending = pending_.load(std::memory_order_relaxed);
    counters.unwraps = lookup_->unwraps();
    counters.keys_cached = cache_->keys();
    counters.failures_remembered = cache_->failures();
    return counters;
  }

 private:
  // kPending where the key must be looked up first.
  template <typename Metadata>
  Decision DecryptIfKnown(const Metadata& metadata, std::string_view payload, const absl::Span<char>& out) {
    if (forked()) return Refused(SharedFailures::Get().forked);
    ScannedMetadata scanned;
    bool is_metadata = false;
    const Lane lane = ScanAndTakeLane(metadata, &scanned, &is_metadata);
    if (!is_metadata) return Unreadable(lane, metadata, scanned, payload);
    if (std::optional<Decision> decision = DecideWithoutKey(lane, metadata, payload, out, scanned)) return *decision;

    size_t position = 0;
    const std::shared_ptr<CachedKey>* recent = lane->recent_keys.Find(scanned.wrapped_keys(), &position);
    if (recent != nullptr) return Open(lane, **recent, metadata, scanned, position, payload, out);

    DataKeyCache::Known known = cache_->Find(scanned.wrapped_keys());
    if (known.failure.has_value()) return Failed(lane, *known.failure, scanned, payload);
    if (known.key == nullptr) return Pending(scanned);
    return OpenFirst(lane, std::move(known.key), metadata, scanned, known.position, payload, out);
  }

  [[gnu::always_inline]] Lane TakeLane() {
    Lane lane = lanes_.Take();
    const uint64_t retirements = cache_->retirements();
    if (lane->recent_keys.retirements_seen() != retirements) FollowCache(*lane, retirements);
    return lane;
  }

  // A tick that was lost asks for another in this way.
  [[gnu::noinline]] void FollowCache(DecryptLane& lane, uint64_t retirements) {
    lane.recent_keys.DropRetired(retirements);
    EnsureTicking();
  }

  // Serialised metadata needs nothing of the lane's, and is read before the lane is taken: taking it waits until the other
  // processors know what the message before wrote, and libipsec-mb writes a word that all threads share.
  [[gnu::always_inline]] Lane ScanAndTakeLane(std::string_view metadata, ScannedMetadata* scanned, bool* is_metadata) {
    *is_metadata = ScanMetadata(metadata, scanned);
    return TakeLane();
  }

  [[gnu::always_inline]] Lane ScanAndTakeLane(const MessageMetadataView& metadata, ScannedMetadata* scanned,
                                              bool* is_metadata) {
    Lane lane = TakeLane();
    *is_metadata = Scan(metadata, &lane->scratch, scanned);
    return lane;
  }

  template <typename Metadata>
  [[gnu::noinline]] Decision Unreadable(const Lane& lane, const Metadata& metadata, const ScannedMetadata& scanned,
                                        std::string_view payload) {
    return FailedAs(Shape::kUnreadable, lane, Failure{Outlook::kNever, Reason::kMalformed, Explain(metadata)}, scanned,
                    payload);
  }

  // What can be decided before a key is looked for, which is everything about messages that aren't encrypted.
  template <typename Metadata>
  [[gnu::always_inline]] std::optional<Decision> DecideWithoutKey(const Lane& lane, const Metadata& metadata,
                                                                  std::string_view payload, const absl::Span<char>& out,
                                                                  const ScannedMetadata& scanned) {
    if (!scanned.encrypted()) return NotEncrypted(lane, scanned, payload);
    if (scanned.num_keys > max_wrapped_keys_)
      return Failed(lane, SharedFailures::Get().too_many_keys, scanned, payload);
    if (scanned.nonce.size() != kNonceSize) return Failed(lane, SharedFailures::Get().nonce_size, scanned, payload);
    if (payload.size() < kTagSize || payload.size() > kMostPayload) {
      return Failed(lane, SharedFailures::Get().payload_size, scanned, payload);
    }
    const size_t plaintext_size = payload.size() - kTagSize;
    if (out.size() < plaintext_size) return Failed(lane, OutTooSmall(out.size(), plaintext_size), scanned, payload);
    const std::string_view written(out.data(), plaintext_size);
    if (Overlaps(written, payload) || Overlaps(written, metadata)) {
      return Failed(lane, SharedFailures::Get().overlap, scanned, payload);
    }
    return std::nullopt;
  }

  // Open for a key that this lane hasn't at hand, and that may never have opened anything.
  template <typename Metadata>
  Decision OpenFirst(const Lane& lane, std::shared_ptr<CachedKey> key, const Metadata& metadata,
                     const ScannedMetadata& scanned, size_t position, std::string_view payload,
                     const absl::Span<char>& out) {
    Decision decision = Open(lane, *key, metadata, scanned, position, payload, out);
    if (decision.action != Action::kDeliver) return decision;
    key->MarkUsed();
    if (key->unverified()) Admit(key);
    if (key->cached()) lane->recent_keys.Keep(std::move(key), position);
    return decision;
  }

  // Without memory for it the next message does it: this one is decrypted.
  void Admit(const std::shared_ptr<CachedKey>& key) {
    try {
      cache_->Admit(key, worker_->Now());
      EnsureTicking();
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
    }
  }

  template <typename Metadata>
  [[gnu::always_inline]] Decision Open(const Lane& lane, CachedKey& key, const Metadata& metadata,
                                       const ScannedMetadata& scanned, size_t position, std::string_view payload,
                                       const absl::Span<char>& out) {
    switch (key.Open(lane.index(), *backend_, scanned.nonce.data(), payload, out.data())) {
      case crypto::AeadResult::kTagMismatch: return Failed(lane, SharedFailures::Get().forged, scanned, payload);
      case crypto::AeadResult::kBackendFailed: return Failed(lane, SharedFailures::Get().backend, scanned, payload);
      case crypto::AeadResult::kOk: break;
    }
    const std::string_view plaintext(out.data(), payload.size() - kTagSize);
    return Delivered(lane, plaintext, KeyNameAt(metadata, scanned, position, key.key_name_place()), scanned);
  }

  static Decision Delivered(const Lane& lane, std::string_view plaintext, std::string_view key_name,
                            const ScannedMetadata& scanned) {
    lane->tally.Delivered(plaintext.size());
    Decision decision = About(scanned);
    decision.action = Action::kDeliver;
    decision.payload = plaintext;
    decision.key_name = key_name;
    return decision;
  }

  Decision NotEncrypted(const Lane& lane, const ScannedMetadata& scanned, std::string_view payload) {
    if (require_encryption_) return Failed(lane, SharedFailures::Get().not_encrypted, scanned, payload);
    Decision decision = About(scanned);
    decision.action = Action::kDeliver;
    decision.payload = payload;
    lane->tally.DeliveredPlain();
    return decision;
  }

  [[gnu::noinline]] Decision Failed(const Lane& lane, const Failure& failure, const ScannedMetadata& scanned,
                                    std::string_view payload) {
    Shape shape = ShapeOf(failure, scanned);
    const bool is_delivered = Decide(policy_, failure.outlook, shape) == Action::kDeliverEncrypted;
    if (is_delivered && !HasContext(scanned)) shape = Shape::kUnreadable;
    return FailedAs(shape, lane, failure, scanned, payload);
  }

  [[gnu::noinline]] Decision FailedAs(Shape shape, const Lane& lane, const Failure& failure,
                                      const ScannedMetadata& scanned, std::string_view payload) {
    Decision decision = About(scanned);
    decision.action = Decide(policy_, failure.outlook, shape);
    decision.worth_asking_again = failure.outlook == Outlook::kNotNow;
    decision.reason = failure.reason;
    decision.status = failure.status;
    if (decision.action == Action::kDeliverEncrypted) decision.payload = payload;
    lane->tally.Failed(decision.action, decision.reason);
    return decision;
  }

  static Shape ShapeOf(const Failure& failure, const ScannedMetadata& scanned) {
    if (failure.reason == Reason::kNotEncrypted) return Shape::kPlain;
    if (scanned.num_messages_in_batch.has_value()) return Shape::kBatch;
    return scanned.num_chunks > 1 ? Shape::kChunk : Shape::kSingle;
  }

  // Whether ParseEncryptionContext will find what whoever gets the ciphertext needs.
  static bool HasContext(const ScannedMetadata& scanned) {
    const absl::Span<const std::string_view> keys = scanned.wrapped_keys();
    return std::all_of(keys.begin(), keys.end(), [](std::string_view key) { return ParseWrappedKey(key).ok(); });
  }

  static Decision Pending(const ScannedMetadata& scanned) {
    Decision decision = About(scanned);
    decision.action = Action::kPending;
    decision.worth_asking_again = true;
    decision.status = SharedFailures::Get().pending;
    return decision;
  }

  // Not counted, since in a forked child even that would touch what the parent's threads may hold.
  static Decision Refused(const Failure& failure) {
    Decision decision;
    decision.reason = failure.reason;
    decision.status = failure.status;
    return decision;
  }

  static Decision About(const ScannedMetadata& scanned) {
    Decision decision;
    decision.was_encrypted = scanned.encrypted();
    decision.num_messages = std::max(scanned.num_messages_in_batch.value_or(1), 1);
    return decision;
  }

  template <typename Metadata>
  Resolved Await(const Metadata& metadata) {
    std::vector<std::string> scratch;
    ScannedMetadata scanned;
    Scan(metadata, &scratch, &scanned);
    return lookup_->Await(scanned.wrapped_keys());
  }

  // Where in this message the resolved key opens; nothing where it belongs to something else.
  std::optional<size_t> PositionFor(const Resolved& resolved, absl::Span<const std::string_view> identities) const {
    if (resolved == nullptr || resolved->made_by.lock() != lookup_) return std::nullopt;
    if (resolved->key == nullptr) {
      return resolved->asked_for == JoinIdentities(identities) ? std::optional<size_t>(0) : std::nullopt;
    }
    const auto found = std::find(identities.begin(), identities.end(), resolved->key->identity());
    if (found == identities.end()) return std::nullopt;
    return static_cast<size_t>(found - identities.begin());
  }

  template <typename Metadata>
  absl::Status CheckResolvable(const Metadata& metadata, std::vector<std::string>* scratch, ScannedMetadata* scanned) {
    if (!Scan(metadata, scratch, scanned)) return Explain(metadata);
    if (scanned->num_keys > max_wrapped_keys_) return SharedFailures::Get().too_many_keys.status;
    if (scanned->encrypted()) return absl::OkStatus();
    return Misuse("the message is not encrypted: there is no key to resolve");
  }

  static ResolveCalls::Done Handing(ResolveDone done) {
    return [done = std::move(done)](absl::StatusOr<Resolved> resolved) {
      if (!resolved.ok()) return done(std::move(resolved).status());
      ResolvedKey key;
      key.state_ = *std::move(resolved);
      done(std::move(key));
    };
  }

  // Once a second while there is anything that can expire.
  void EnsureTicking() {
    if (!ticking_.exchange(true)) ScheduleTick();
  }

  // Where it is lost, the next message of each lane schedules it.
  void ScheduleTick() {
    const auto tick = [weak = weak_from_this()] {
      if (const std::shared_ptr<DecryptorState> self = weak.lock()) self->Tick();
    };
    const auto lost = [weak = weak_from_this()] {
      if (const std::shared_ptr<DecryptorState> self = weak.lock()) self->LoseTick();
    };
    try {
      worker_->After(kTick, worker_->OrElse(tick, lost));
    } catch (const std::bad_alloc&) {
      LoseTick();
    }
  }

  void LoseTick() {
    ticking_.store(false);
    cache_->CallLanes();
  }

  void Tick() {
    try {
      cache_->Expire(worker_->Now());
      if (cache_->failures() > 0) ForgetOutdatedFailures();
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): in a second again
    }
    if (!SweepLanes() || !cache_->empty()) return ScheduleTick();
    ticking_.store(false);
    if (!cache_->empty()) EnsureTicking();  // something came in between
  }

  // Not in the tick itself, because a wrapper may look at files.
  void ForgetOutdatedFailures() {
    worker_->Run([cache = cache_, wrapper = wrapper_] { cache->ForgetFailuresBut(wrapper->Generation()); });
  }

  // True where no lane keeps what the cache has retired.
  bool SweepLanes() {
    const uint64_t retirements = cache_->retirements();
    lanes_.VisitFree([retirements](DecryptLane& lane) { lane.recent_keys.DropRetired(retirements); });
    bool all = true;
    lanes_.ReadAll([&](const DecryptLane& lane) { all = all && lane.recent_keys.retirements_seen() >= retirements; });
    return all;
  }

  const FailurePolicy policy_;
  const bool require_encryption_;
  const size_t max_wrapped_keys_;
  const std::unique_ptr<ForkSentinel> sentinel_;
  const std::shared_ptr<const crypto::AeadBackend> backend_;
  const std::shared_ptr<BackgroundWorker> worker_;
  const std::shared_ptr<EventSink> events_;
  const std::shared_ptr<KeyWrapper> wrapper_;
  Lanes<DecryptLane> lanes_;
  const std::shared_ptr<DataKeyCache> cache_;
  std::shared_ptr<KeyLookup> lookup_;
  const ResolveCalls calls_;
  std::atomic<bool> ticking_{false};
  std::atomic<uint64_t> pending_{0};
};

absl::StatusOr<std::unique_ptr<MessageDecryptor>> MessageDecryptor::Create(DecryptorOptions options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  SharedFailures::Get();  // so that a forked child finds it made, whatever the parent's threads were doing
  auto sentinel = ForkSentinel::Create();
  if (!sentinel.ok()) return sentinel.status();
  auto backend = crypto::ChooseAead(options.cipher_backend, {options.openssl.context, options.openssl.properties});
  if (!backend.ok()) return backend.status();
  auto state = std::make_shared<DecryptorState>(options, *std::move(sentinel), *std::move(backend));
  state->Connect(options);
  return std::unique_ptr<MessageDecryptor>(new MessageDecryptor(std::move(state)));
}

MessageDecryptor::MessageDecryptor(std::shared_ptr<DecryptorState> state) : state_(std::move(state)) {}

MessageDecryptor::~MessageDecryptor() {
  if (state_->forked()) {
    // Threads that don't exist in this child may hold any lock: nothing is touched, and all of it stays where it is.
    [[maybe_unused]] const auto* left = new std::shared_ptr<DecryptorState>(std::move(state_));
    return;
  }
  state_->Stop();
}

Decision MessageDecryptor::Decrypt(std::string_view metadata, std::string_view payload, absl::Span<char> out) {
  return state_->Decrypt(metadata, payload, out);
}

Decision MessageDecryptor::Decrypt(const MessageMetadataView& metadata, std::string_view payload,
                                   absl::Span<char> out) {
  return state_->Decrypt(metadata, payload, out);
}

Decision MessageDecryptor::Decrypt(std::string_view metadata, std::string_view payload, std::string* out) {
  const std::string_view own(out->data(), out->capacity());
  if (Overlaps(own, payload) || Overlaps(own, metadata)) {
    // Sizing `out` might move what they point to. Given as the output, the payload itself is refused where it would be
    // written.
    return state_->Decrypt(metadata, payload, absl::MakeSpan(const_cast<char*>(payload.data()), payload.size()));
  }
  out->resize(payload.size() < kTagSize ? 0 : payload.size() - kTagSize);
  Decision decision = state_->Decrypt(metadata, payload, absl::MakeSpan(*out));
  if (decision.payload.data() != out->data()) out->clear();
  return decision;
}

Decision MessageDecryptor::TryDecrypt(std::string_view metadata, std::string_view payload, absl::Span<char> out) {
  return state_->TryDecrypt(metadata, payload, out);
}

Decision MessageDecryptor::TryDecrypt(const MessageMetadataView& metadata, std::string_view payload,
                                      absl::Span<char> out) {
  return state_->TryDecrypt(metadata, payload, out);
}

Decision MessageDecryptor::TryDecrypt(const ResolvedKey& key, std::string_view metadata, std::string_view payload,
                                      absl::Span<char> out) {
  return state_->DecryptWith(key.state_, metadata, payload, out);
}

Decision MessageDecryptor::TryDecrypt(const ResolvedKey& key, const MessageMetadataView& metadata,
                                      std::string_view payload, absl::Span<char> out) {
  return state_->DecryptWith(key.state_, metadata, payload, out);
}

void MessageDecryptor::Resolve(std::string_view metadata, std::function<void(absl::StatusOr<ResolvedKey>)> done) {
  state_->Resolve(metadata, std::move(done));
}

void MessageDecryptor::Resolve(const MessageMetadataView& metadata,
                               std::function<void(absl::StatusOr<ResolvedKey>)> done) {
  state_->Resolve(metadata, std::move(done));
}

void MessageDecryptor::Forget() { state_->Forget(); }

void MessageDecryptor::Maintain() { state_->Maintain(); }

DecryptorCounters MessageDecryptor::counters() const { return state_->counters(); }

CipherBackend MessageDecryptor::cipher_backend() const { return state_->cipher_backend(); }

}  // namespace pulseal
