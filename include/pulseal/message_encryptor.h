// SPDX-License-Identifier: Apache-2.0
//
// The producer's side: one MessageEncryptor for each producer, or for all producers with the same readers.
#ifndef PULSEAL_MESSAGE_ENCRYPTOR_H_
#define PULSEAL_MESSAGE_ENCRYPTOR_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pulseal/background.h"
#include "pulseal/cipher_backend.h"
#include "pulseal/crypto_event.h"
#include "pulseal/crypto_key_reader.h"
#include "pulseal/encryption_metadata.h"
#include "pulseal/export.h"
#include "pulseal/key_wrapper.h"
#include "pulseal/openssl_options.h"

namespace pulseal {

// What a producer does when no data key can be had any more.
enum class ProducerCryptoFailureAction {
  kFail,  // Encrypt fails: nothing leaves in clear
  // Security: messages then leave unencrypted. Applies only where a hard limit was reached and the next data key was tried
  // for in vain: a recipient's key was not to be had, no answer came within key_timeout, or the background lost the work.
  // While the first attempt at it runs, Encrypt fails as under kFail, and so it does where the last attempt ended in
  // INTERNAL: a cryptographic library or generator that fails, inside a KeyWrapper too, is no outage of keys. Never applies
  // to Create, misuse, fork or the bounds of AES-GCM itself.
  kSend,
};

// How long one data key is used. At a soft limit the next key is made in the background and takes over in one step as
// soon as it is ready; a hard limit is never passed. Messages and bytes are counted exactly against hard limits, and
// handed out to threads in blocks, so that rotation may come a little early; an age is held to within a second.
//
// The bounds (NIST SP 800-38D, and RFC 8446 section 5.5 for the margin): nonces never repeat, so the number of messages
// is bounded by the chance of forgery and of distinguishing, which grows with the square of the 16-byte blocks sent.
// 2^38 bytes are 2^34 blocks: an advantage below 2^-60. Pulsar documents a rotation every 4 hours.
struct RotationLimits {
  std::chrono::seconds age = std::chrono::hours(4), hard_age = std::chrono::hours(24);
  uint64_t messages = uint64_t{1} << 31, hard_messages = uint64_t{1} << 32;
  uint64_t bytes = uint64_t{1} << 36, hard_bytes = uint64_t{1} << 38;  // of payload
};

struct EncryptorOptions {
  // Whoever holds the private key of one of these can read. 1 to 64, each unique, not empty, at most 1024 bytes.
  std::vector<std::string> key_names;

  // Exactly one of the two. With a reader, LocalKeyWrapper with its default policy does the work.
  std::shared_ptr<CryptoKeyReader> key_reader;
  std::shared_ptr<KeyWrapper> key_wrapper;

  ProducerCryptoFailureAction failure_action = ProducerCryptoFailureAction::kFail;

  // All above zero, no soft limit over its hard one, and no hard limit over its default.
  RotationLimits rotation;

  // Security: false is right unless a running machine may be snapshotted and resumed twice without Rotate() being
  // called on resume: a counter would then repeat. True draws each nonce from getrandom(2), costs a system call for
  // each message, and holds hard_messages to 2^32 (NIST SP 800-38D section 8.3).
  bool random_nonces = false;

  // How long Create, SetKeyNames and Rotate, and each attempt in the background, wait for the wrapper's answers. Above
  // zero.
  std::chrono::milliseconds key_timeout = std::chrono::seconds(30);

  Background background;
  EventCallback on_event;

  OpenSslOptions openssl;
  CipherBackend cipher_backend = CipherBackend::kAutomatic;
};

// What Encrypt hands back. Both views point into the caller's buffers (kSend: `payload` is the caller's own).
struct Sealed {
  std::string_view payload;  // always the bytes to send: ciphertext and tag, or under kSend the plaintext
  // Append these to your own serialised MessageMetadata, which must not hold fields 13 to 15 of its own: they are
  // fields 13 and 15, already serialised. Empty where encrypted is false.
  std::string_view fields;
  bool encrypted = false;
};

// One data key for all chunks of a message, with their budget set aside. Copies are the same pin. Thread-safe but for
// assignment. May outlive the encryptor: the data key is wiped when the last pin is gone. One that Pin didn't make is
// empty, and good for nothing.
class PULSEAL_EXPORT PinnedKey {
 public:
  size_t fields_size() const;  // exact size of Sealed::fields for this key; zero where it is empty

 private:
  friend class MessageEncryptor;
  std::shared_ptr<struct PinnedState> state_;
};

// Counted since Create. A snapshot taken while other threads encrypt is consistent per field only.
struct EncryptorCounters {
  uint64_t messages_encrypted = 0, bytes_encrypted = 0;  // bytes of plaintext
  uint64_t messages_sent_in_clear = 0;                   // kSend
  uint64_t messages_refused = 0;                         // Encrypt failed, but for kMisuse and kForked
  uint64_t rotations = 0;                                // data keys taken into use, the first included
  uint64_t rotations_failed = 0;
};

// Encrypts messages with AES-256-GCM (NIST SP 800-38D; 12-byte nonce, 16-byte tag behind the ciphertext, no associated
// data) under a data key that rotates. All functions may be called from any thread at any time, except that destruction
// must not overlap any other call. Not copyable, not movable.
//
// Callbacks (on_event, and `done` of SetKeyNamesAsync and RotateAsync) may call every function, and must not destroy the
// object. Every `done` must not be empty, nor block; what it throws in the background is dropped.
//
// After a fork() the child's copy answers FAILED_PRECONDITION (kForked) for ever, its counters and sizes are zero, and it
// touches nothing shared; destroying it there is safe. Make new objects in the child, readers and wrappers included: a
// thread of the parent's may hold their locks.
class PULSEAL_EXPORT MessageEncryptor final {
 public:
  // Bytes by which Sealed::payload is longer than the plaintext.
  static constexpr size_t kPayloadOverhead = kTagSize;
  // The longest plaintext of one call: the bound of AES-GCM is 2^36 - 32 bytes, ours is 2^31 - 1 - 16 as a Pulsar
  // message size is an int32.
  static constexpr size_t kMaxPayloadSize = (size_t{1} << 31) - 1 - kPayloadOverhead;

  // Reads and wraps for every name, on the calling thread, waiting up to key_timeout for a wrapper that answers later
  // (a reader that blocks is waited for as long as it blocks). Fails under kSend as under kFail:
  //   INVALID_ARGUMENT      options that break a rule above (kMisuse)
  //   NOT_FOUND             a public key doesn't exist (kKeyNotFound)
  //   FAILED_PRECONDITION   a public key can't be used (kKeyUnusable), or options.cipher_backend can't be had (kMisuse)
  //   UNAVAILABLE, DEADLINE_EXCEEDED   a key can't be had now (kKeyServiceUnavailable)
  //   INTERNAL              OpenSSL, libipsec-mb or the random generator failed
  // The message names the key.
  static absl::StatusOr<std::unique_ptr<MessageEncryptor>> Create(EncryptorOptions options);
  // The same in the background; `done` is called exactly once, never inside the call but for two cases. Where there is
  // no background to work in (mode kMaintain, since nobody can call Maintain yet, and options.background that break a
  // rule) it works on the calling thread, and calls `done` there. Where the work is lost (no thread can be started; the
  // executor throws or drops it) `done` gets UNAVAILABLE (kKeyServiceUnavailable) on the thread that loses it, which may
  // be the calling one.
  static void CreateAsync(EncryptorOptions options,
                          std::function<void(absl::StatusOr<std::unique_ptr<MessageEncryptor>>)> done);

  // Never waits. Afterwards no callback starts; answers that come late find nothing to do. Pending `done` functions of
  // the asynchronous forms are dropped without a call. A callback that had begun on another thread may still be running:
  // what callbacks capture must keep itself alive.
  ~MessageEncryptor();
  MessageEncryptor(const MessageEncryptor&) = delete;
  MessageEncryptor& operator=(const MessageEncryptor&) = delete;

  // Encrypts one message. Never blocks, never calls a reader, takes no lock and allocates nothing once warm.
  //   payload  may be empty
  //   out      at least payload.size() + kPayloadOverhead bytes; may start at payload.data() (in place) or be apart
  //   fields   at least fields_size() bytes, apart from out and payload
  // Errors; except for INTERNAL nothing was written, so a payload in place is as it was:
  //   OUT_OF_RANGE          out or fields is too small; the message names which, and the size needed (kMisuse)
  //   INVALID_ARGUMENT      the three overlap otherwise, or payload is longer than kMaxPayloadSize or rotation.hard_bytes
  //                         (kMisuse)
  //   UNAVAILABLE           a hard limit was reached and the next data key isn't there; the message has the cause of the
  //                         last attempt (kLimitReached). Under kSend, where an attempt has failed, the plaintext instead.
  //                         Or data keys were replaced again and again during the call (an executor that runs work
  //                         inside its own call, against its contract)
  //   RESOURCE_EXHAUSTED    the data key has no nonces left (kLimitReached): Rotate
  //   FAILED_PRECONDITION   the object was made before a fork (kForked)
  //   INTERNAL              the cipher or generator failed: out is wiped
  // Security: do not read `out` before the call returns.
  absl::StatusOr<Sealed> Encrypt(std::string_view payload, absl::Span<char> out, absl::Span<char> fields);

  // Bytes that `fields` needs for a message encrypted now. Another thread's rotation may change it before the next
  // call. Zero where there is no data key: a hard limit is reached, or after a fork.
  size_t fields_size() const;

  // The same, sizing both strings; allocates where they have too little capacity. The three must be apart. On failure,
  // but for kMisuse, both are emptied; under kSend out then holds the plaintext.
  absl::StatusOr<Sealed> Encrypt(std::string_view payload, std::string* out, std::string* fields);

  // Sets aside a data key and the budget of `chunks` messages of it (1 to 1,000,000, and no more than
  // rotation.hard_messages), for the chunks of one message: each is encrypted by itself, with a nonce of its own. A
  // chunk's bytes count when it is encrypted; what is left of the budget when the last copy goes is not given back. A pin
  // is good until SetKeyNames or Rotate takes effect, or a hard limit is reached; a rotation by a soft limit doesn't end
  // it.
  // INVALID_ARGUMENT for the number; otherwise as Encrypt, kSend included: UNAVAILABLE under either failure action.
  absl::StatusOr<PinnedKey> Pin(int chunks);

  // As Encrypt above, under the pinned key, never in clear. FAILED_PRECONDITION: SetKeyNames or Rotate has ended the
  // pin, or it is empty or another encryptor's (kMisuse), or a hard limit is reached (kLimitReached); pin again and start
  // the message over. RESOURCE_EXHAUSTED: more chunks than were pinned (kMisuse). Concurrent calls with one pin are
  // allowed, and may allocate.
  absl::StatusOr<Sealed> Encrypt(const PinnedKey& key, std::string_view payload, absl::Span<char> out,
                                 absl::Span<char> fields);

  // Other recipients, all or nothing, always with a new data key. Works as Create does and has its errors; where it
  // fails, names and data key stay as they were. Once it has returned, no later message is readable for a removed name,
  // and none before the call for an added one. Calls made at the same time take turns.
  absl::Status SetKeyNames(std::vector<std::string> key_names);
  // A new data key for the same names, now: after a key pair was replaced, after a machine was resumed from a snapshot.
  absl::Status Rotate();

  // The same in the background; `done` is called exactly once unless the encryptor is destroyed first, and never inside
  // the call (but after a fork, where there is no background). Where an executor loses the work, `done` gets UNAVAILABLE
  // (kKeyServiceUnavailable) and nothing has changed, or what came of the change where only the telling was lost; on the
  // thread that loses it, which may be the calling one.
  void SetKeyNamesAsync(std::vector<std::string> key_names, std::function<void(absl::Status)> done);
  void RotateAsync(std::function<void(absl::Status)> done);

  // Mode kMaintain: does what is due, which may run the reader on this thread. Elsewhere does nothing.
  void Maintain();

  EncryptorCounters counters() const;

  // What EncryptorOptions::cipher_backend came to: kOpenSsl or kIpsecMb.
  CipherBackend cipher_backend() const;

 private:
  explicit MessageEncryptor(std::shared_ptr<class EncryptorState> state);
  std::shared_ptr<class EncryptorState> state_;
};

}  // namespace pulseal

#endif  // PULSEAL_MESSAGE_ENCRYPTOR_H_
