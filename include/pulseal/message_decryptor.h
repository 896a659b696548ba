// SPDX-License-Identifier: Apache-2.0
//
// The consumer's side: one MessageDecryptor for each set of keys that may be trusted together.
#ifndef PULSEAL_MESSAGE_DECRYPTOR_H_
#define PULSEAL_MESSAGE_DECRYPTOR_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pulseal/background.h"
#include "pulseal/cipher_backend.h"
#include "pulseal/crypto_event.h"
#include "pulseal/crypto_key_reader.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/error.h"
#include "pulseal/export.h"
#include "pulseal/key_wrapper.h"
#include "pulseal/openssl_options.h"

namespace pulseal {

// What a consumer wants done with a message that it can never decrypt.
enum class ConsumerCryptoFailureAction {
  kFail,     // not delivered, not acknowledged: it comes again, perhaps to somebody who has the key
  kDiscard,  // acknowledged unread, its permits given back
  kConsume,  // delivered as ciphertext with what is needed to decrypt it later; failed where the metadata hasn't that
};

struct DecryptorOptions {
  // At most one of the two; with neither, every encrypted message is kKeyNotFound.
  std::shared_ptr<CryptoKeyReader> key_reader;
  std::shared_ptr<KeyWrapper> key_wrapper;

  ConsumerCryptoFailureAction failure_action = ConsumerCryptoFailureAction::kFail;

  // Security: whether a message is encrypted is decided by metadata that a broker can strip. Set this where every
  // producer encrypts: plaintext is then never delivered (kNotEncrypted): kFail and kConsume fail it, kDiscard discards
  // it.
  bool require_encryption = false;

  // kConsume on a batch that can't be decrypted, and so can't be split: false fails it, as Pulsar's documentation says;
  // true delivers the whole entry as one message, as the official clients do. Its num_messages permits are then used up
  // by one delivered message, and one acknowledgement covers all of them.
  bool deliver_whole_batch = false;

  // Danger: true applies the failure action to "not now" as well, so that an outage of the key service discards
  // messages or hands out ciphertext.
  bool apply_action_when_unavailable = false;

  // Old Java producers sent 16-byte data keys; true makes everything but 32 bytes malformed.
  bool require_256_bit_data_keys = false;

  // What a message may cost. Whoever holds a public key can make messages that cost a private-key operation each.
  int max_wrapped_keys = 64;  // per message, 1 to 64; more is malformed
  // Per message and call, at least 1. Beyond it: not now (kLimitReached), and the next call within failure_ttl goes on
  // behind the wrapped keys that this one tried. A single wrapped key that costs more (a key rolled more often than
  // this) is given up instead: never (kLimitReached), with the failure action applied; raise this, or remove old keys.
  int max_private_key_operations = 8;
  // Wrapped keys asked for, each with its private-key operations beyond the first. Beyond it: not now (kLimitReached). A
  // message that has begun may overdraw it, and later ones wait until the average is this again; never for longer than a
  // second and what one message may cost, since beyond that the message itself is put off, and operations aren't counted.
  // At least 1.
  int unwraps_per_second = 1000;

  size_t cache_max_keys = 1000;       // data keys; at least 1
  size_t cache_max_failures = 10000;  // remembered failures, of which a flood evicts no data key; at least
                                      // max_wrapped_keys
  // Resolve calls not yet answered; the next one is RESOURCE_EXHAUSTED. However many are allowed, the lookups for which a
  // wrapper owes an answer hold at most 64 MiB of wrapped keys.
  size_t max_pending = 1000;
  std::chrono::seconds cache_ttl = std::chrono::hours(4);  // zero: a key is kept for nothing but its ResolvedKey
  // At least 1. Failures are forgotten earlier when Generation() changes, which is asked once a second.
  std::chrono::seconds failure_ttl = std::chrono::seconds(60);

  // How long Decrypt and each Resolve wait for a wrapper's answer. Above zero.
  std::chrono::milliseconds key_timeout = std::chrono::seconds(30);

  Background background;
  EventCallback on_event;

  OpenSslOptions openssl;
  CipherBackend cipher_backend = CipherBackend::kAutomatic;
};

// What to do with one message. Views live as long as the caller's metadata, payload and out, and no longer.
struct [[nodiscard]] Decision {
  enum class Action {
    kDeliver,           // payload is the plaintext, or the payload itself where it was never encrypted
    kDeliverEncrypted,  // payload is ciphertext; ParseEncryptionContext(metadata) is all that is needed to decrypt it
                        // later. Never split it as a batch, never decompress it
    kDiscard,           // acknowledge with DecryptionError and give num_messages permits back
    kFail,              // do not acknowledge; give num_messages permits back: a redelivery takes them anew
    kPending,           // TryDecrypt only: call Resolve, then TryDecrypt again with its answer
  };
  Action action = Action::kFail;
  bool was_encrypted = false;       // the metadata named at least one wrapped key
  bool worth_asking_again = false;  // "not now": the same call may succeed later
  Reason reason = Reason::kNone;    // why it isn't the plaintext; kNone with kDeliver, kPending and INTERNAL
  // Messages in the entry (1 where the metadata's number is absent or below 1), which a broker has taken off the permits.
  // Security: the sender's number, which nothing authenticates, up to 2^31 - 1: count with it, never allocate by it.
  int32_t num_messages = 1;
  std::string_view payload;  // in `out`, or the caller's own payload; empty with kDiscard, kFail and kPending
  // Of the wrapped key that opened it, inside metadata; empty otherwise. Security: the sender's text, not escaped.
  std::string_view key_name;
  absl::Status status;  // OK with kDeliver; otherwise why, and what to do
};

// A data key, or why there is none, for one message's wrapped keys. A data key serves every message that carries the
// wrapped key from which it came; a failure, only messages with exactly the same wrapped keys. Copyable; thread-safe but
// for assignment; outlives eviction, a TTL of zero, Forget and the decryptor. Works only with the decryptor that made it;
// one that Resolve didn't make is empty, and works with none.
class PULSEAL_EXPORT ResolvedKey {
 private:
  friend class MessageDecryptor;
  friend class DecryptorState;
  std::shared_ptr<const struct ResolvedState> state_;
};

// Counted since Create, each call of Decrypt or of a TryDecrypt that is not kPending once. Consistent per field only.
struct DecryptorCounters {
  uint64_t messages_decrypted = 0, bytes_decrypted = 0;  // bytes of plaintext
  uint64_t messages_plain = 0;                           // delivered, never encrypted
  uint64_t messages_delivered_encrypted = 0, messages_discarded = 0, messages_failed = 0;
  uint64_t pending = 0;  // TryDecrypt answers kPending
  // Why, for the last three and for nothing else: by cause; `internal` where OpenSSL failed. Misuse is in
  // messages_failed alone, forked in nothing.
  uint64_t key_not_found = 0, key_unusable = 0, key_unavailable = 0, unwrap_failed = 0, authentication_failed = 0,
           malformed = 0, limit_reached = 0, not_encrypted = 0, internal = 0;
  uint64_t unwraps = 0;                               // private-key operations
  uint64_t keys_cached = 0, failures_remembered = 0;  // at this moment
};

// Decrypts messages of any number of producers. All functions may be called from any thread at any time, except that
// destruction must not overlap any other call. Not copyable, not movable. Callbacks (on_event, and `done` of Resolve) may
// call every function, and must not destroy the object. After a fork() as MessageEncryptor: kFail, kForked. In a child
// make all of it anew, readers and wrappers too: the parent's threads may have held their locks.
//
// A payload may be up to 2^31 - 1 bytes. "Malformed" covers metadata that doesn't parse or is over the limits of
// encryption_metadata.h, a nonce that isn't 12 bytes, a payload under 16 bytes, a data key that isn't 16, 24 or 32
// bytes; the failure action applies to it as to a wrong key, except that a message whose EncryptionContext can't be
// parsed is never delivered. kMisuse (a buffer too small, out overlapping payload) is always kFail. Which cause leads
// to which action is a table: docs/failure-actions.md. A message has one data key: the first of its wrapped keys that
// can be unwrapped is taken for it, and a payload that it doesn't authenticate is forged.
class PULSEAL_EXPORT MessageDecryptor final {
 public:
  // INVALID_ARGUMENT (kMisuse) for options that break a rule above; FAILED_PRECONDITION (kMisuse) where
  // options.cipher_backend can't be had; INTERNAL where OpenSSL can't supply AES-GCM or libipsec-mb failed its tests.
  // Reads no key.
  static absl::StatusOr<std::unique_ptr<MessageDecryptor>> Create(DecryptorOptions options);
  // Never waits; afterwards no callback starts, but one that had begun on another thread may still be running: what
  // callbacks capture must keep itself alive. Pending `done` functions of Resolve are dropped without a call.
  ~MessageDecryptor();
  MessageDecryptor(const MessageDecryptor&) = delete;
  MessageDecryptor& operator=(const MessageDecryptor&) = delete;

  // Decides about one message: `metadata` is its serialised MessageMetadata. For an encrypted one whose data key is not
  // in the cache it runs the reader on this thread and waits up to key_timeout for a wrapper; a thread that needs a key
  // that another is fetching waits for that one.
  //   out  at least payload.size() - 16 bytes, apart from payload and metadata. Decryption in place is refused, because
  //        a failed one would destroy the ciphertext that the failure action may still have to deliver.
  // Security: `out` holds unverified plaintext during the call, and zeros instead of it after a failure; do not read it
  // before the call has returned kDeliver.
  // For chunks: decide chunk by chunk, before assembly.
  Decision Decrypt(std::string_view metadata, std::string_view payload, absl::Span<char> out);
  Decision Decrypt(const MessageMetadataView& metadata, std::string_view payload, absl::Span<char> out);
  // The same, sizing `out`; allocates where it has too little capacity. Empty afterwards unless a plaintext is delivered
  // from it; where it isn't apart from payload and metadata it stays as it was.
  Decision Decrypt(std::string_view metadata, std::string_view payload, std::string* out);

  // Never blocks and never calls a reader: the plaintext where the data key is in the cache, or kPending.
  Decision TryDecrypt(std::string_view metadata, std::string_view payload, absl::Span<char> out);
  Decision TryDecrypt(const MessageMetadataView& metadata, std::string_view payload, absl::Span<char> out);
  // With the answer of Resolve for the same metadata: never kPending. FAILED_PRECONDITION (kMisuse) where `key` was
  // resolved for other wrapped keys or by another decryptor.
  Decision TryDecrypt(const ResolvedKey& key, std::string_view metadata, std::string_view payload,
                      absl::Span<char> out);
  Decision TryDecrypt(const ResolvedKey& key, const MessageMetadataView& metadata, std::string_view payload,
                      absl::Span<char> out);

  // Looks the data key up in the background, once for all messages that wait for the same one. Copies what it needs of
  // `metadata`. `done`, which must not be empty, is called exactly once unless the decryptor is destroyed first, in the
  // background, never inside the call, and must not block; what it throws is dropped. With a key or its failure inside
  // the ResolvedKey, or with
  //   INVALID_ARGUMENT      metadata doesn't parse or names too many wrapped keys (kMalformed), or isn't encrypted
  //                         (kMisuse)
  //   RESOURCE_EXHAUSTED    max_pending calls are waiting, or 64 MiB of wrapped keys (kLimitReached)
  //   FAILED_PRECONDITION   forked (kForked): then inside the call, since there is no background
  // Where an executor loses the work, `done` gets what there is (a failure that is worth asking again, inside the
  // ResolvedKey, where nothing was looked up) on the thread that loses it, which may be the calling one.
  void Resolve(std::string_view metadata, std::function<void(absl::StatusOr<ResolvedKey>)> done);
  void Resolve(const MessageMetadataView& metadata, std::function<void(absl::StatusOr<ResolvedKey>)> done);

  // Drops every cached key and remembered failure now: a private key was revoked, or a missing one has arrived. Lookups
  // under way answer their callers and are not cached. ResolvedKeys already handed out still work.
  void Forget();

  // Mode kMaintain: does what is due, which may run the reader on this thread. Elsewhere does nothing.
  void Maintain();

  DecryptorCounters counters() const;

  // What DecryptorOptions::cipher_backend came to: kOpenSsl or kIpsecMb.
  CipherBackend cipher_backend() const;

 private:
  explicit MessageDecryptor(std::shared_ptr<class DecryptorState> state);
  std::shared_ptr<class DecryptorState> state_;
};

}  // namespace pulseal

#endif  // PULSEAL_MESSAGE_DECRYPTOR_H_
