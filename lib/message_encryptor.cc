// SPDX-License-Identifier: Apache-2.0
//
// The producer: data key -> encrypt -> fields. First what a message pays, then what a data key pays.
#include "pulseal/message_encryptor.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/background_worker.h"
#include "lib/counter.h"
#include "lib/crypto/aead.h"
#include "lib/crypto/random.h"
#include "lib/data_key.h"
#include "lib/data_key_rotation.h"
#include "lib/encrypt_destination.h"
#include "lib/encryptor_options.h"
#include "lib/event_sink.h"
#include "lib/fork_sentinel.h"
#include "lib/key_wrapper_of.h"
#include "lib/lanes.h"
#include "lib/status.h"
#include "pulseal/encryption_metadata.h"

namespace pulseal {
namespace {

constexpr uint64_t kMostChunks = 1000000;
constexpr std::chrono::milliseconds kSweepAgain{10};
constexpr int kMostTurns = 10;

// Made once, so that a message that is refused costs no words.
struct SharedRefusals {
  const absl::Status backend = absl::InternalError("AES-GCM or the random generator failed");
  const absl::Status outpaced = MakeStatus(absl::StatusCode::kUnavailable, Reason::kLimitReached,
                                           "data keys are replaced faster than one message can be encrypted: raise "
                                           "rotation.messages, and have the executor run work outside its call");
};

const SharedRefusals& Shared() {
  static const SharedRefusals& shared = *new SharedRefusals;
  return shared;
}

// What a thread needs to encrypt.
struct EncryptLane {
  uint64_t epoch = 0;  // of the rotation, when slot was taken from it
  DataKeySlot slot;    // of no data key where there was none to be had
  Counter messages, bytes, in_clear, refused;
};

}  // namespace

struct PinnedState {
  std::shared_ptr<DataKey> key;
  std::weak_ptr<const DataKeyRotation> owner;  // whose pin it is
  uint64_t change = 0;                         // the owner's changes() when it was made
  uint32_t slot = 0;
  uint32_t chunks = 0;
  std::atomic<uint32_t> used{0};
};

class EncryptorState : public std::enable_shared_from_this<EncryptorState> {
 public:
  static absl::StatusOr<std::shared_ptr<EncryptorState>> Create(EncryptorOptions options);

  template <typename ToBuffers>
  absl::StatusOr<Sealed> Encrypt(std::string_view payload, const ToBuffers& to);
  absl::StatusOr<std::shared_ptr<PinnedState>> Pin(int chunks);
  absl::StatusOr<Sealed> Encrypt(PinnedState& pin, std::string_view payload, const SpanDestination& to);
  size_t fields_size();
  EncryptorCounters counters() const;
  CipherBackend cipher_backend() const { return aead_; }
  void Stop();

  bool forked() const { return sentinel_->forked(); }
  DataKeyRotation& rotation() { return *rotation_; }
  BackgroundWorker& worker() { return *worker_; }

 private:
  absl::Status PayloadTooLong(std::string_view payload) const;
  bool HasPresentKey(const EncryptLane& lane) const {
    return lane.epoch == rotation_->epoch() && lane.slot.key() != nullptr;
  }
  bool IsReady(EncryptLane& lane, size_t bytes) const { return HasPresentKey(lane) && lane.slot.Spend(bytes); }
  absl::Status MakeReady(EncryptLane& lane, size_t bytes);
  absl::Status Refresh(EncryptLane& lane);
  absl::StatusOr<Sealed> Finish(EncryptLane& lane, crypto::AeadResult result, const Destination& written,
                                size_t payload_size, size_t fields_size);
  absl::StatusOr<Sealed> Refuse(EncryptLane& lane, const absl::Status& why, std::string_view payload);

  absl::Status CheckPin(const PinnedState& pin) const;
  crypto::AeadResult SealPinned(EncryptLane& lane, PinnedState& pin, uint32_t chunk, std::string_view payload,
                                const Destination& to);
  void DropRetiredSlots();

  CipherBackend aead_ = CipherBackend::kAutomatic;
  ProducerCryptoFailureAction failure_action_ = ProducerCryptoFailureAction::kFail;
  size_t longest_payload_ = 0;
  int most_chunks_ = 0;
  std::unique_ptr<ForkSentinel> sentinel_;
  std::shared_ptr<BackgroundWorker> worker_;
  std::shared_ptr<EventSink> events_;
  std::shared_ptr<DataKeyRotation> rotation_;
  Lanes<EncryptLane> lanes_;
};

// ---- what a message pays

template <typename ToBuffers>
absl::StatusOr<Sealed> EncryptorState::Encrypt(std::string_view payload, const ToBuffers& to) {
  if (payload.size() > longest_payload_) return PayloadTooLong(payload);
  if (absl::Status status = to.Check(payload); !status.ok()) return status;

  const auto lane = lanes_.Take();
  if (!IsReady(*lane, payload.size())) {
    if (absl::Status status = MakeReady(*lane, payload.size()); !status.ok()) return Refuse(*lane, status, payload);
  }
  const size_t fields_size = lane->slot.key()->fields().size();
  if (absl::Status status = to.CheckFieldsOf(fields_size); !status.ok()) {
    lane->slot.GiveBack(payload.size());
    return status;
  }
  const Destination destination = to.ForFieldsOf(fields_size);
  const crypto::AeadResult result = lane->slot.Seal(payload, destination.out, destination.fields);
  return Finish(*lane, result, destination, payload.size(), fields_size);
}

absl::Status EncryptorState::PayloadTooLong(std::string_view payload) const {
  return Misuse(absl::StrCat("payload is ", payload.size(), " bytes and may be at most ", longest_payload_,
                             " (2^31 - 17, or rotation.hard_bytes where that is less)"));
}

absl::StatusOr<Sealed> EncryptorState::Finish(EncryptLane& lane, crypto::AeadResult result, const Destination& written,
                                              size_t payload_size, size_t fields_size) {
  if (result != crypto::AeadResult::kOk) {
    explicit_bzero(written.out, payload_size + MessageEncryptor::kPayloadOverhead);  // without a nonce it isn't written
    lane.refused.Add(1);
    return Shared().backend;
  }
  lane.messages.Add(1);
  lane.bytes.Add(payload_size);
  return Sealed{std::string_view(written.out, payload_size + MessageEncryptor::kPayloadOverhead),
                std::string_view(written.fields, fields_size), /*encrypted=*/true};
}

// ---- what a message pays now and then: a new data key, a new share of its budgets, none to be had

absl::Status EncryptorState::MakeReady(EncryptLane& lane, size_t bytes) {
  // Each turn that doesn't return has seen a data key retired. That happens a few times at most, but for an executor
  // that makes the next one inside the call.
  for (int turn = 0; turn < kMostTurns; ++turn) {
    if (!HasPresentKey(lane)) {
      if (absl::Status status = Refresh(lane); !status.ok()) return status;
    }
    const std::shared_ptr<DataKey> key = lane.slot.key();
    if (!lane.slot.Spend(bytes)) {
      if (!lane.slot.Refill(bytes)) {
        rotation_->Exhausted(key);
        continue;
      }
      lane.slot.Spend(bytes);
      rotation_->AfterDraw(key);
    }
    if (rotation_->IsPresent(key)) return absl::OkStatus();
  }
  return Shared().outpaced;
}

absl::Status EncryptorState::Refresh(EncryptLane& lane) {
  DataKeyRotation::Present present = rotation_->present();
  lane.epoch = present.epoch;
  if (present.key == nullptr) {
    lane.slot = DataKeySlot();
    rotation_->Refused();
    return present.refusal;
  }
  // A key that is in use no more isn't to be found here where a step from now on fails or throws.
  if (lane.slot.key() != present.key) lane.slot = DataKeySlot();
  rotation_->WatchAge();
  if (lane.slot.key() != nullptr) return absl::OkStatus();
  absl::StatusOr<DataKeySlot> slot = DataKeySlot::Create(std::move(present.key));
  if (!slot.ok()) return slot.status();
  lane.slot = *std::move(slot);
  return absl::OkStatus();
}

absl::StatusOr<Sealed> EncryptorState::Refuse(EncryptLane& lane, const absl::Status& why, std::string_view payload) {
  const bool no_next_key = absl::IsUnavailable(why) && rotation_->NextKeyFailed();
  if (!no_next_key || failure_action_ != ProducerCryptoFailureAction::kSend) {
    lane.refused.Add(1);
    return why;
  }
  lane.in_clear.Add(1);
  events_->Emit(CryptoEvent::Kind::kSentInClear, {}, why);
  return Sealed{payload, {}, /*encrypted=*/false};
}

// A thread that held its lane during the change may have kept its slot: such lanes are looked at again.
void EncryptorState::DropRetiredSlots() {
  const std::shared_ptr<DataKey> present = rotation_->present().key;
  const size_t held = lanes_.VisitFree([&](EncryptLane& lane) {
    if (lane.slot.key() != present) lane.slot = DataKeySlot();
  });
  if (held == 0) return;
  worker_->After(kSweepAgain, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->DropRetiredSlots();
  });
}

// ---- chunks

absl::StatusOr<std::shared_ptr<PinnedState>> EncryptorState::Pin(int chunks) {
  if (chunks < 1 || chunks > most_chunks_) {
    return Misuse(absl::StrCat("chunks is ", chunks, " and must be 1 to ", most_chunks_,
                               " (1,000,000, or rotation.hard_messages where that is less)"));
  }
  for (;;) {
    const uint64_t change = rotation_->changes();
    const DataKeyRotation::Present present = rotation_->present();
    if (present.key == nullptr) {
      rotation_->Refused();
      return present.refusal;
    }
    DataKey::Budget drawn;
    if (!present.key->Draw({static_cast<uint64_t>(chunks), 0}, /*up_to_a_block=*/false, &drawn)) {
      rotation_->Exhausted(present.key);
      continue;
    }
    rotation_->AfterDraw(present.key);
    absl::StatusOr<uint32_t> slot = present.key->TakeSlotNumber();
    if (!slot.ok()) return slot.status();
    auto pin = std::make_shared<PinnedState>();
    pin->key = present.key;
    pin->owner = rotation_;
    pin->change = change;
    pin->slot = *slot;
    pin->chunks = static_cast<uint32_t>(chunks);
    return pin;
  }
}

absl::Status EncryptorState::CheckPin(const PinnedState& pin) const {
  if (pin.owner.lock() != rotation_) {
    return Misuse("the pin was made by another encryptor", absl::StatusCode::kFailedPrecondition);
  }
  if (pin.change != rotation_->changes()) {
    return Misuse("SetKeyNames or Rotate has ended the pin; pin again and start the message over",
                  absl::StatusCode::kFailedPrecondition);
  }
  if (!pin.key->HardAgeReached(worker_->Now())) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kFailedPrecondition, Reason::kLimitReached,
                    "the pinned data key reached its hard limit of age; pin again and start the message over");
}

absl::StatusOr<Sealed> EncryptorState::Encrypt(PinnedState& pin, std::string_view payload, const SpanDestination& to) {
  if (absl::Status status = CheckPin(pin); !status.ok()) {
    if (ReasonOf(status) != Reason::kMisuse) lanes_.Take()->refused.Add(1);
    return status;
  }
  if (payload.size() > longest_payload_) return PayloadTooLong(payload);
  if (absl::Status status = to.Check(payload); !status.ok()) return status;
  const size_t fields_size = pin.key->fields().size();
  if (absl::Status status = to.CheckFieldsOf(fields_size); !status.ok()) return status;
  const Destination destination = to.ForFieldsOf(fields_size);

  const uint32_t chunk = pin.used.fetch_add(1, std::memory_order_relaxed);
  if (chunk >= pin.chunks) {
    pin.used.store(pin.chunks, std::memory_order_relaxed);
    return Misuse(absl::StrCat("all ", pin.chunks, " chunks of this pin are encrypted already"),
                  absl::StatusCode::kResourceExhausted);
  }
  DataKey::Budget drawn;
  const auto lane = lanes_.Take();
  if (!pin.key->Draw({0, payload.size()}, /*up_to_a_block=*/false, &drawn)) {
    rotation_->Exhausted(pin.key);
    lane->refused.Add(1);
    return MakeStatus(absl::StatusCode::kFailedPrecondition, Reason::kLimitReached,
                      "the pinned data key reached its hard limit of bytes; pin again and start the message over");
  }
  rotation_->AfterDraw(pin.key);
  const crypto::AeadResult result = SealPinned(*lane, pin, chunk, payload, destination);
  return Finish(*lane, result, destination, payload.size(), fields_size);
}

crypto::AeadResult EncryptorState::SealPinned(EncryptLane& lane, PinnedState& pin, uint32_t chunk,
                                              std::string_view payload, const Destination& to) {
  std::array<char, kNonceSize> nonce;
  WriteCounterNonce(pin.slot, chunk, nonce.data());
  if (pin.key->random_nonces() && !crypto::FillFromKernel(absl::MakeSpan(nonce)).ok()) {
    return crypto::AeadResult::kBackendFailed;
  }
  if (lane.slot.key() == pin.key) return lane.slot.SealWithNonce(nonce.data(), payload, to.out, to.fields);
  const auto context = pin.key->NewContext();
  if (!context.ok()) return crypto::AeadResult::kBackendFailed;
  return SealMessage(**context, *pin.key, nonce.data(), payload, to.out, to.fields);
}

// ---- what an encryptor pays

absl::StatusOr<std::shared_ptr<EncryptorState>> EncryptorState::Create(EncryptorOptions options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  Shared();  // so that a forked child finds it made, whatever the parent's threads were doing
  auto sentinel = ForkSentinel::Create();
  if (!sentinel.ok()) return sentinel.status();
  auto aead = crypto::ChooseAead(options.cipher_backend, {options.openssl.context, options.openssl.properties});
  if (!aead.ok()) return aead.status();

  auto state = std::make_shared<EncryptorState>();
  state->aead_ = (*aead)->kind();
  state->failure_action_ = options.failure_action;
  state->longest_payload_ =
      static_cast<size_t>(std::min<uint64_t>(MessageEncryptor::kMaxPayloadSize, options.rotation.hard_bytes));
  state->most_chunks_ = static_cast<int>(std::min(kMostChunks, options.rotation.hard_messages));
  state->sentinel_ = *std::move(sentinel);
  state->worker_ = BackgroundWorker::Create(options.background);
  state->events_ = std::make_shared<EventSink>(options.on_event, [worker = state->worker_] { return worker->Now(); });
  DataKeyRotation::Config config;
  config.wrapper = KeyWrapperOf(options);
  config.key_timeout = std::min<std::chrono::milliseconds>(options.key_timeout, kLongestWait);
  config.data_key = {options.rotation, options.random_nonces, *std::move(aead)};
  config.worker = state->worker_;
  config.events = state->events_;
  config.openssl_context = options.openssl.context;
  config.on_takeover = [weak = std::weak_ptr<EncryptorState>(state)] {
    if (const auto self = weak.lock()) self->DropRetiredSlots();
  };
  state->rotation_ = DataKeyRotation::Create(std::move(config));
  if (absl::Status status = state->rotation_->Change(std::move(options.key_names)); !status.ok()) {
    state->Stop();
    return status;
  }
  return state;
}

void EncryptorState::Stop() {
  events_->Stop();
  worker_->Stop();
  rotation_->Stop();
  DropRetiredSlots();
}

size_t EncryptorState::fields_size() {
  const std::shared_ptr<DataKey> key = rotation_->present().key;
  return key == nullptr ? 0 : key->fields().size();
}

EncryptorCounters EncryptorState::counters() const {
  EncryptorCounters sum;
  lanes_.ReadAll([&](const EncryptLane& lane) {
    sum.messages_encrypted += lane.messages.value();
    sum.bytes_encrypted += lane.bytes.value();
    sum.messages_sent_in_clear += lane.in_clear.value();
    sum.messages_refused += lane.refused.value();
  });
  sum.rotations = rotation_->rotations();
  sum.rotations_failed = rotation_->failed_rotations();
  return sum;
}

// ---- the public class: every call asks first whether this is a forked child

MessageEncryptor::MessageEncryptor(std::shared_ptr<EncryptorState> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<MessageEncryptor>> MessageEncryptor::Create(EncryptorOptions options) {
  absl::StatusOr<std::shared_ptr<EncryptorState>> state = EncryptorState::Create(std::move(options));
  if (!state.ok()) return state.status();
  return std::unique_ptr<MessageEncryptor>(new MessageEncryptor(*std::move(state)));
}

namespace {

// For a thread that has nobody to catch an exception.
absl::StatusOr<std::unique_ptr<MessageEncryptor>> CreateCatching(const EncryptorOptions& options) {
  try {
    return MessageEncryptor::Create(options);
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

}  // namespace

void MessageEncryptor::CreateAsync(EncryptorOptions options,
                                   std::function<void(absl::StatusOr<std::unique_ptr<MessageEncryptor>>)> done) {
  const bool has_background = options.background.mode != Background::Mode::kMaintain;
  if (!has_background || !BackgroundWorker::Validate(options.background).ok()) return done(Create(std::move(options)));
  const std::shared_ptr<BackgroundWorker> worker = BackgroundWorker::Create(options.background);
  worker->Run(worker->OrElse([options = std::move(options), done] { done(CreateCatching(options)); },
                             [done] { done(DataKeyRotation::Lost()); }));
}

MessageEncryptor::~MessageEncryptor() {
  if (!state_->forked()) {
    state_->Stop();
    return;
  }
  // A child may have been forked while another thread held a lock of the parent's copy: nothing in there may be
  // touched.
  static_cast<void>(new std::shared_ptr<EncryptorState>(std::move(state_)));
}

absl::StatusOr<Sealed> MessageEncryptor::Encrypt(std::string_view payload, absl::Span<char> out,
                                                 absl::Span<char> fields) {
  if (state_->forked()) return ForkedStatus();
  return state_->Encrypt(payload, SpanDestination(out, fields));
}

absl::StatusOr<Sealed> MessageEncryptor::Encrypt(std::string_view payload, std::string* out, std::string* fields) {
  absl::StatusOr<Sealed> sealed =
      state_->forked() ? ForkedStatus() : state_->Encrypt(payload, StringDestination(payload.size(), out, fields));
  if (sealed.ok() && sealed->encrypted) return sealed;
  if (ReasonOf(sealed.status()) == Reason::kMisuse) return sealed;
  fields->clear();
  out->clear();
  if (!sealed.ok()) return sealed;
  out->assign(payload);
  return Sealed{*out, {}, /*encrypted=*/false};
}

size_t PinnedKey::fields_size() const { return state_ == nullptr ? 0 : state_->key->fields().size(); }

absl::StatusOr<PinnedKey> MessageEncryptor::Pin(int chunks) {
  if (state_->forked()) return ForkedStatus();
  absl::StatusOr<std::shared_ptr<PinnedState>> state = state_->Pin(chunks);
  if (!state.ok()) return state.status();
  PinnedKey pin;
  pin.state_ = *std::move(state);
  return pin;
}

absl::StatusOr<Sealed> MessageEncryptor::Encrypt(const PinnedKey& key, std::string_view payload, absl::Span<char> out,
                                                 absl::Span<char> fields) {
  if (state_->forked()) return ForkedStatus();
  if (key.state_ == nullptr) return Misuse("the pin is empty: make it with Pin", absl::StatusCode::kFailedPrecondition);
  return state_->Encrypt(*key.state_, payload, SpanDestination(out, fields));
}

absl::Status MessageEncryptor::SetKeyNames(std::vector<std::string> key_names) {
  if (state_->forked()) return ForkedStatus();
  if (absl::Status status = CheckKeyNames(key_names); !status.ok()) return status;
  return state_->rotation().Change(std::move(key_names));
}

absl::Status MessageEncryptor::Rotate() {
  if (state_->forked()) return ForkedStatus();
  return state_->rotation().Change(std::nullopt);
}

void MessageEncryptor::SetKeyNamesAsync(std::vector<std::string> key_names, std::function<void(absl::Status)> done) {
  if (state_->forked()) return done(ForkedStatus());
  absl::Status valid = CheckKeyNames(key_names);
  if (valid.ok()) return state_->rotation().ChangeAsync(std::move(key_names), std::move(done));
  BackgroundWorker& worker = state_->worker();
  worker.Run(worker.OrElse([done = std::move(done), valid = std::move(valid)] { done(valid); }));
}

void MessageEncryptor::RotateAsync(std::function<void(absl::Status)> done) {
  if (state_->forked()) return done(ForkedStatus());
  state_->rotation().ChangeAsync(std::nullopt, std::move(done));
}

void MessageEncryptor::Maintain() {
  if (!state_->forked()) state_->worker().Maintain();
}

size_t MessageEncryptor::fields_size() const { return state_->forked() ? 0 : state_->fields_size(); }

EncryptorCounters MessageEncryptor::counters() const {
  return state_->forked() ? EncryptorCounters() : state_->counters();
}

CipherBackend MessageEncryptor::cipher_backend() const { return state_->cipher_backend(); }

}  // namespace pulseal
